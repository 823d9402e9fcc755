"""Judge what was measured by what we want to see; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import CaseResult, SideResult
from benchmarks.ratios import Spread, paired_ratio, spread
from benchmarks.values import Aim

__all__ = ["Verdict", "baseline_ratio", "best_variant", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One aim and what came of it.

    Attributes:
        text: The aim in words.
        value: The measured figure; None if a side has none.
        met: Whether the median is within the bounds; None if it was not measured.
        compared_with: The settings of the peer's variant that was best.
    """

    text: str
    value: Spread | None
    met: bool | None
    compared_with: str = ""


def baseline_ratio(result: CaseResult, side: SideResult) -> Spread | None:
    """Compare a side with the case's baseline; None if one of both has no figures."""
    base = result.sides[0]
    if not base.samples or not side.samples:
        return None
    return paired_ratio(base.times, side.times, result.case.measure)


def best_variant(sides: Sequence[SideResult], name: str) -> SideResult | None:
    """Return the fastest of a side's variants that have figures."""
    measured = [side for side in sides if side.side == name and side.samples]
    return min(measured, key=lambda side: median(side.times), default=None)


def judge(result: CaseResult) -> list[Verdict]:
    """Return one verdict per aim of the case."""
    return [_judge(aim, result) for aim in result.case.aims]


def _judge(aim: Aim, result: CaseResult) -> Verdict:
    text = _words(aim, result)
    ours = best_variant(result.sides, aim.side)
    if ours is None:
        return Verdict(text, None, None)
    if aim.detail is not None:
        value = spread([sample.details[aim.detail] for sample in ours.samples])
        return Verdict(text, value, _within(aim, value.median))
    other = best_variant(result.sides, aim.against or "")
    if other is None:
        return Verdict(text, None, None)
    value = paired_ratio(other.times, ours.times, result.case.measure)
    return Verdict(text, value, _within(aim, value.median), other.variant)


def _within(aim: Aim, value: float) -> bool:
    too_low = aim.at_least is not None and value < aim.at_least
    too_high = aim.at_most is not None and value > aim.at_most
    return not (too_low or too_high)


def _words(aim: Aim, result: CaseResult) -> str:
    bound = f">= {aim.at_least:g}" if aim.at_least is not None else f"<= {aim.at_most:g}"
    if aim.detail is not None:
        return f"{result.case.key}: {aim.detail} {bound}"
    return f"{result.case.key}: {result.case.measure} {bound} x {aim.against}"
