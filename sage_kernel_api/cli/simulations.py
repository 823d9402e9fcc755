"""``sage-kernel simulate``: one pipeline under many seeds, and the first one that breaks it.

Layer: cli.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from shlex import quote
from typing import Final

from sage_kernel_api.cli.targets import Target, environment_of
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.testing.simulating import Simulated
from sage_kernel_api.values import SimulationReport

__all__ = ["simulation_report"]

_SHOWN_PROBLEMS: Final = 10
_SHOWN_EVENTS: Final = 40
_EVERY: Final = 100


def simulation_report(
    target: str, seeds: range, spec: str, tell: Callable[[str], None]
) -> tuple[str, bool]:
    """Simulate the pipeline of *target* under each seed, until one breaks it.

    Args:
        target: ``FILE[:NAME]``; the file is imported anew for each start of the job.
        seeds: In this order; of a single one, the history is shown.
        spec: The kernel that simulates.
        tell: Gets the progress.

    Returns:
        The report, and whether nothing was wrong.

    Raises:
        CapabilityError: The kernel cannot simulate, or not this pipeline.
        KernelError: Pipeline or kernel cannot be used.
    """
    parsed = Target.parse(target)
    kernel = resolve_kernel(spec)
    try:
        simulated = Simulated(kernel, lambda: environment_of(parsed))
        tell(f"without faults: {simulated.count} records, {simulated.reference.turns} turns")
        reports: list[SimulationReport] = []
        for number, seed in enumerate(seeds, 1):
            reports.append(simulated.run(seed))
            if reports[-1].problems:
                break
            if number % _EVERY == 0:
                tell(f"{number} of {len(seeds)} seeds")
    finally:
        kernel.shutdown()
    lines = [_history(reports[0])] if len(seeds) == 1 else []
    if problems := reports[-1].problems:
        lines += [f"Seed {reports[-1].seed} breaks it:", *(f"  {p}" for p in _some(problems))]
        lines.append(f"Again: sage-kernel simulate {quote(target)} --seed {reports[-1].seed}")
    else:
        lines.append(_all_well(reports))
    return "\n".join(lines), not problems


def _some(problems: tuple[str, ...]) -> list[str]:
    shown = list(problems[:_SHOWN_PROBLEMS])
    if len(problems) > _SHOWN_PROBLEMS:
        shown.append(f"... and {len(problems) - _SHOWN_PROBLEMS} more")
    return shown


def _history(report: SimulationReport) -> str:
    events = report.events[-_SHOWN_EVENTS:]
    left_out = len(report.events) - len(events)
    lines = [f"  ({left_out} events before)"] if left_out else []
    lines += [f"  {event}" for event in events]
    return "\n".join([f"Seed {report.seed}, history {report.history_hash}:", *lines])


def _all_well(reports: list[SimulationReport]) -> str:
    hits: Counter[str] = Counter()
    for report in reports:
        hits.update(report.faults)
    seeds = "1 seed" if len(reports) == 1 else f"{len(reports)} seeds"
    starts = sum(report.starts for report in reports)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(hits.items()))
    return f"{seeds}: nothing lost, nothing twice. Starts: {starts}; faults: {faults or 'none'}"
