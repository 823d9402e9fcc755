"""The table for people and the document for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.aims import Verdict, baseline_ratio, best_variant, judge
from benchmarks.measure import CaseResult, SideResult
from benchmarks.ratios import Spread, spread

__all__ = ["FORMAT", "document", "machine", "table"]

FORMAT = 1
"""Version of the JSON document's shape; described in README.md."""

_HEAD = ("case", "side", "settings", "pace", "ratio", "(min-max)", "peak", "input", "note")
_LEFT_ALIGNED = {0, 1, 2, 8}
_MIB = 2**20
_NOTE_LENGTH = 100


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def table(results: Sequence[CaseResult]) -> str:
    """Return one table of all cases, and below it what became of the aims.

    Of a side with several settings it shows the first (the default) and the best; the JSON
    document has all.
    """
    rows: list[tuple[str, ...]] = [_HEAD]
    for result in results:
        rows += [_row(result, side) for side in _shown(result.sides)]
    lines = _aligned(rows)
    verdicts = [verdict for result in results for verdict in judge(result)]
    if verdicts:
        lines += ["", "aims (judged by medians)", *map(_verdict_line, verdicts)]
    return "\n".join(lines)


def document(
    results: Sequence[CaseResult], kernel: str, versions: Mapping[str, str]
) -> dict[str, Any]:
    """Return everything that was measured, for `json.dump`."""
    return {
        "format": FORMAT,
        "machine": machine(),
        "kernel": kernel,
        "peers": dict(versions),
        "cases": [_case_entry(result) for result in results],
    }


def _case_entry(result: CaseResult) -> dict[str, Any]:
    case = result.case
    return {
        "workload": case.workload,
        "case": case.name,
        "unit": case.unit,
        "measure": case.measure,
        "baseline": result.sides[0].side,
        "sides": [_side_entry(result, side) for side in result.sides],
        "aims": [asdict(verdict) for verdict in judge(result)],
    }


def _side_entry(result: CaseResult, side: SideResult) -> dict[str, Any]:
    ratio = baseline_ratio(result, side)
    return {
        "side": side.side,
        "settings": side.variant,
        "size": side.size,
        "reason": side.reason,
        "seconds_per_operation": side.times,
        "ratio": asdict(ratio) if ratio else None,
        "peak_bytes": side.peak_bytes,
        "details": {name: asdict(value) for name, value in _details(side).items()},
    }


def _details(side: SideResult) -> dict[str, Spread]:
    if not side.samples:
        return {}
    return {
        name: spread([sample.details[name] for sample in side.samples])
        for name in side.samples[0].details
    }


def _shown(sides: Sequence[SideResult]) -> Iterable[SideResult]:
    for name in dict.fromkeys(side.side for side in sides):
        variants = [side for side in sides if side.side == name]
        best = best_variant(sides, name)
        yield variants[0]
        if best is not None and best is not variants[0]:
            yield best


def _row(result: CaseResult, side: SideResult) -> tuple[str, ...]:
    head = (result.case.key, side.side, side.variant)
    if not side.samples:
        return (*head, "-", "-", "", "", "", _shorten(f"not measured: {side.reason}"))
    ratio = baseline_ratio(result, side)
    return (
        *head,
        _pace(result, median(side.times)),
        f"{ratio.median:.3g} x" if ratio else "-",
        f"({ratio.low:.3g}-{ratio.high:.3g})" if ratio else "",
        "-" if side.peak_bytes is None else f"{side.peak_bytes / _MIB:.0f} MiB",
        _count(side.size),
        _shorten("  ".join(f"{name} {s.median:.3g}" for name, s in _details(side).items())),
    )


def _verdict_line(verdict: Verdict) -> str:
    if verdict.value is None:
        return f"  ?        {verdict.text}: not measured"
    word = "met" if verdict.met else "MISSED"
    value = verdict.value
    best = f" [{verdict.compared_with}]" if verdict.compared_with else ""
    return f"  {word:8} {verdict.text}{best}: {value.median:.3g} ({value.low:.3g}-{value.high:.3g})"


def _pace(result: CaseResult, time_s: float) -> str:
    """Return a rate where speeds are compared, a time per operation where times are."""
    unit = result.case.unit
    if result.case.measure == "speed":
        return f"{_count(1 / time_s)} {unit}/s"
    for limit_s, factor, short in ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (1e-6, 1e6, "us")):
        if time_s >= limit_s:
            return f"{time_s * factor:.3g} {short}/{unit.removesuffix('s')}"
    return f"{time_s * 1e9:.3g} ns/{unit.removesuffix('s')}"


def _count(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {letter}"
    return f"{value:.3g}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _NOTE_LENGTH else f"{line[: _NOTE_LENGTH - 3]}..."


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number in _LEFT_ALIGNED else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
