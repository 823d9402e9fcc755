"""Sides that do little, and a worker process under this interpreter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.measure import Effort
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

TINY = Effort(repetitions=2, quick=True, limit_s=0.01)


@pytest.fixture
def tiny() -> Effort:
    """As little measuring as possible."""
    return TINY


def honest(size: int) -> Sample:
    """Do nothing, and claim the right result."""
    return Sample(0.001 * size, size, f"{size} done", {"left": 0.0})


@pytest.fixture
def make_case() -> Callable[..., Case]:
    """Return a maker of cases whose baseline is right; the other sides are given."""

    def make(*functions: Callable[[int], Sample], aims: tuple[Aim, ...] = ()) -> Case:
        sides = [LocalSide(HAND, honest)]
        sides += [LocalSide(SAGE, function) for function in functions]
        return Case("made", "up", tuple(sides), 100, 10, aims=aims)

    return make
