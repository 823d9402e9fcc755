"""Jobs under faults from a seed: exact output, and one history per seed."""

from __future__ import annotations

import pytest

from tests.helpers import printed_under_two_hash_seeds
from tests.simulation.driver import BLOWS, Tally, run_seed, scale_of
from tests.simulation.workloads import WORKLOADS

pytestmark = pytest.mark.usefixtures("silence")


@pytest.mark.parametrize("name", ["keyed", "loop"])
def test_r13_one_seed_has_one_history_with_all_its_faults(name: str) -> None:
    """A seed that fails at night is of no use if it passes in the morning."""
    scale = scale_of(name)

    runs = [run_seed(name, 3, scale) for _ in range(2)]
    other = run_seed(name, 4, scale)

    assert runs[0].events == runs[1].events
    assert runs[0].hash == runs[1].hash != other.hash
    assert not runs[0].is_void


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seeds", "least_blows"),
    [(2, 10), pytest.param(34, 400, marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_r1_r2_no_seed_loses_or_repeats_a_record(seeds: int, least_blows: int) -> None:
    """Whoever counts money with this kernel would count it wrong."""
    tally = Tally()

    for name in WORKLOADS:
        scale = scale_of(name)
        for seed in range(seeds):
            tally.add(name, run_seed(name, seed, scale))

    assert not tally.problems, "\n".join(tally.problems)
    # A run whose faults hit nothing is void; enough of them must have hit.
    assert tally.void <= tally.runs / 4
    assert sum(tally.hits[kind] for kind in BLOWS) >= least_blows
    if least_blows >= 100:
        assert min(tally.hits[kind] for kind in (*BLOWS, "stall", "slow")) > 10


@pytest.mark.slow
def test_r13_a_history_does_not_depend_on_the_process() -> None:
    """A seed is a bug report only if everybody can run it."""
    program = (
        "import logging; logging.disable(logging.CRITICAL)\n"
        "from tests.simulation.driver import run_seed, scale_of\n"
        "print(run_seed('join', 5, scale_of('join')).hash)"
    )

    hashes = printed_under_two_hash_seeds(program)

    assert len(hashes) == 1
    assert len(hashes.pop()) == 64
