"""Run the sides of a case against each other.

Each side is first tried small, then at full size, and what it produced is compared with the
baseline before any of its times count. Then the sides take turns (A B A B); every second
round runs backwards, so that no side always follows the same neighbour.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.values import Case, Sample, Side

__all__ = ["CaseResult", "Effort", "SideResult", "WrongResultError", "measure_case"]

_WARM_UP_SHARE = 100
_MEDIUM = 4
_START_SHARE = 3


class WrongResultError(Exception):
    """A side did other work than the baseline."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        repetitions: Timed rounds of a case that names no number of its own.
        quick: Whether to use the small inputs.
        limit_s: A side that would take longer than this for one run gets a smaller input.
        is_most: No case has more rounds than *repetitions*, whatever it names.
    """

    repetitions: int
    quick: bool
    limit_s: float
    is_most: bool = False


@dataclass(slots=True)
class SideResult:
    """What is known of one side of a case.

    Attributes:
        side: Name of the side.
        variant: Its settings.
        size: Input size of its timed runs.
        reason: Why it has no figures; None if it has.
        samples: One per round; empty if there is a reason.
        peak_bytes: Memory taken at the peak of one run, if measured.
    """

    side: str
    variant: str
    size: int = 0
    reason: str | None = None
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int | None = None

    @property
    def times(self) -> list[float]:
        """Return seconds per operation, one per round."""
        return [sample.seconds / sample.operations for sample in self.samples]


@dataclass(slots=True)
class CaseResult:
    """A measured case; the first side is the baseline."""

    case: Case
    sides: list[SideResult]


def measure_case(
    case: Case,
    others: Sequence[Side],
    effort: Effort,
    *,
    tell: Callable[[str], None] = lambda line: None,
) -> CaseResult:
    """Measure the local sides of *case* and *others* in turns.

    A side that raises or produces something else than the baseline is refused: it keeps the
    reason and gets no figures; the others go on.

    Args:
        case: What to run.
        others: The peers' sides.
        effort: How much to measure.
        tell: Is told about the progress, in short lines.

    Returns:
        One result per side, in the order of the sides.
    """
    referee = _Referee(case)
    runners = [_Runner(side, referee) for side in (*case.sides, *others)]
    for runner in runners:
        tell(f"{case.key}: prepare {runner.result.side} {runner.result.variant}")
        runner.guarded(lambda runner: runner.prepare(case, effort))
    for number in range(_rounds(case, effort)):
        tell(f"{case.key}: round {number + 1}")
        for runner in runners if number % 2 == 0 else reversed(runners):
            runner.guarded(_Runner.time)
    return CaseResult(case, [runner.result for runner in runners])


def _rounds(case: Case, effort: Effort) -> int:
    wanted = case.repetitions or effort.repetitions
    return min(wanted, effort.repetitions) if effort.quick or effort.is_most else wanted


class _Referee:
    """Knows what comes out when the work is done right: what comes out of the baseline."""

    def __init__(self, case: Case) -> None:
        self._baseline = case.sides[0]
        self._outcomes: dict[int, str] = {}

    def check(self, size: int, sample: Sample) -> None:
        """Raise unless *sample* is the outcome of the baseline."""
        if size not in self._outcomes:
            self._outcomes[size] = self._baseline.run(size).outcome
        expected = self._outcomes[size]
        if sample.outcome != expected:
            raise WrongResultError(
                f"wrong result: {sample.outcome}, but {self._baseline.name} has {expected}"
            )


class _Runner:
    """One side on its way through a case."""

    def __init__(self, side: Side, referee: _Referee) -> None:
        self.result = SideResult(side.name, side.variant)
        self._side = side
        self._referee = referee

    def guarded(self, action: Callable[[_Runner], None]) -> None:
        """Do *action* unless refused; what it raises becomes the reason for a refusal.

        One broken side must not stop the others.
        """
        if self.result.reason is not None:
            return
        try:
            action(self)
        except Exception as error:  # noqa: BLE001 - shown in the table
            text = str(error).strip() or "no message"
            named = isinstance(error, WrongResultError)
            self.result.reason = text if named else f"{type(error).__name__}: {text}"
            self.result.samples.clear()

    def prepare(self, case: Case, effort: Effort) -> None:
        """Warm up, check, and find an input size for one run within the time limit."""
        full = case.quick_size if effort.quick else case.size
        if not case.scales:
            self.result.size = full
            if case.repetitions != 1:
                self._run(full)
            return
        small = max(1, full // _WARM_UP_SHARE)
        medium = min(full, small * _MEDIUM)
        self._run(small)
        small_s, medium_s = self._run(small).seconds, self._run(medium).seconds
        self.result.size = size = _fitting_size(
            (small, small_s), (medium, medium_s), full, effort.limit_s
        )
        self._run(size)

    def time(self) -> None:
        """Do one run that counts."""
        self.result.samples.append(self._run(self.result.size))

    def _run(self, size: int) -> Sample:
        # Nobody pays for the garbage of the one before; the collector itself stays on, as
        # it does for users.
        gc.collect()
        sample = self._side.run(size)
        self._referee.check(size, sample)
        return sample


def _fitting_size(one: tuple[int, float], two: tuple[int, float], full: int, limit_s: float) -> int:
    """Return an input size for one run within the limit, from two tried ones.

    A straight line through both tells start and cost per record. A side that starts slowly
    may take longer than the limit, up to three times its start: it would look slower than it
    is if its start weighed much.
    """
    (small, small_s), (medium, medium_s) = one, two
    if medium == small:
        return full
    slope_s = max((medium_s - small_s) / (medium - small), 1e-12)
    start_s = max(0.0, small_s - slope_s * small)
    budget_s = max(limit_s, _START_SHARE * start_s)
    return min(full, max(small, int((budget_s - start_s) / slope_s)))
