"""The simulation has teeth: it finds each bug that is planted, in a few seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sage_kernel_default.simulation import KINDS, Scale, Stage
from tests.simulation.driver import Run, run_seed, scale_of
from tests.simulation.workloads import Workload
from tests.simulation.wrong import BUGS, Plant

_MOST_SEEDS = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("silence"),
]


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    """A simulation that finds nothing in wrong kernels says nothing about right ones."""
    workload, plant = BUGS[bug]

    run = _find(workload, plant, scale_of(workload))

    assert run is not None, f"{bug!r} was not found in {_MOST_SEEDS} seeds"
    print(f"{bug!r} is found by seed {run.seed}: {run.problems[0]}")


def test_the_late_write_is_found_because_it_is_late() -> None:
    """The sink that is open to zombies must be right without them, or another bug is found."""
    workload, plant = BUGS["late zombie write accepted"]
    scale = scale_of(workload)
    found = _find(workload, plant, scale)
    assert found is not None

    def without_hanging(stage: Stage) -> Stage:
        return replace(plant(stage), kinds={*KINDS} - {"hang"})

    for seed in range(found.seed + 1):
        assert run_seed(workload, seed, scale, without_hanging).problems == []


def _find(workload: Workload, plant: Plant, scale: Scale) -> Run | None:
    for seed in range(_MOST_SEEDS):
        run = run_seed(workload, seed, scale, plant)
        if run.problems:
            return run
    return None
