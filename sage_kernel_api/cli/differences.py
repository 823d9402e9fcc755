"""``sage-kernel diff``: one pipeline on several kernels, and where they differ.

Layer: cli.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import indent
from typing import Final

from sage_kernel_api.cli.targets import Target, environment_of
from sage_kernel_api.errors import CapabilityError, ConfigurationError
from sage_kernel_api.plugins import available_kernels
from sage_kernel_api.testing.comparing import (
    KernelOutcome,
    compare_outcomes,
    run_for_comparison,
)

__all__ = ["diff_report"]

_SHOWN: Final = 10


def diff_report(
    target: str, specs: Sequence[str], timeout_s: float, tell: Callable[[str], None]
) -> tuple[str, bool]:
    """Run the pipeline of *target* on every kernel and compare with the first.

    Args:
        target: ``FILE[:NAME]``; the file is imported once for each kernel.
        specs: The kernels; empty for all that are installed and able to run it.
        timeout_s: Longest time on one kernel, in seconds.
        tell: Gets the progress.

    Returns:
        The report, and whether all kernels agree.

    Raises:
        CapabilityError: A kernel that was named cannot run it.
        KernelError: Pipeline or kernel cannot be used.
    """
    parsed = Target.parse(target)
    chosen = list(specs) or _installed()
    outcomes: list[KernelOutcome] = []
    for spec in chosen:
        tell(f"running on {spec}")
        outcomes.append(run_for_comparison(lambda: environment_of(parsed), spec, timeout_s))
    unable = [outcome for outcome in outcomes if outcome.unable]
    if specs and unable:
        raise CapabilityError(unable[0].unable)
    able = [outcome for outcome in outcomes if not outcome.unable]
    if len(able) < 2:
        raise ConfigurationError(
            f"A comparison needs two kernels; able to run {target} is "
            f"{able[0].kernel if able else 'none'} of {', '.join(chosen)}."
        )
    blocks = [block for other in able[1:] for block in _compared(able[0], other)]
    left_out = [f"{outcome.kernel} was left out: {outcome.unable}" for outcome in unable]
    agree = not blocks
    lines = blocks or [_agreement(able)]
    return "\n".join([*lines, *left_out]), agree


def _installed() -> list[str]:
    return sorted({kernel.name for kernel in available_kernels() if not kernel.problems})


def _compared(one: KernelOutcome, other: KernelOutcome) -> Iterator[str]:
    for difference in compare_outcomes(one, other):
        yield f"{other.kernel} differs from {one.kernel} at {difference.where}:"
        shown = difference.lines[:_SHOWN]
        yield indent("\n".join(shown), "  ")
        if len(difference.lines) > _SHOWN:
            yield f"  ... and {len(difference.lines) - _SHOWN} more"


def _agreement(able: Sequence[KernelOutcome]) -> str:
    names = ", ".join(outcome.kernel for outcome in able)
    first = able[0]
    if first.failure:
        return f"{names} agree: the job fails with {first.failure}"
    sinks = "1 sink" if len(first.records) == 1 else f"{len(first.records)} sinks"
    return f"{names} agree: {first.count} records at {sinks}, and the order of every key"
