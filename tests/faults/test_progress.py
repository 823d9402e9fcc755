"""The judge of the fault tests: it must see a step back, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.progress import steps_back

_FIRST = ["start 0", "opened 0", "reads S 0", "told S 40", "complete 1", "told S 70", "complete 2"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["opened 1"], "opened epoch 1, though 2 was complete"),
        (["opened 2", "loaded 1"], "loaded epoch 1, though 2 was complete"),
        (["start 0", "restored 1"], "went back to epoch 1, though 2 was complete"),
        (["start 0", "restored 0"], "went back to epoch 0, though 2 was complete"),
        (["reads S 0"], "S reads from 0, though 70 was safe"),
        (["reads S 69"], "S reads from 69, though 70 was safe"),
    ],
)
def test_every_kind_of_step_back_is_seen(lines: list[str], problem: str) -> None:
    """A job that begins again from zero gives the right output, too, and never ends in the end."""
    assert steps_back([*_FIRST, *lines]) == [problem]


@pytest.mark.parametrize(
    "lines",
    [
        # Another run, from what was complete, or from one more that was stored and not reported.
        ["start 0", "opened 2", "loaded 2", "reads S 70", "restored 2"],
        ["start 0", "opened 3", "loaded 3", "reads S 95", "restored 3"],
        # Epochs that are completed between the submission and the look at the status.
        ["start 0", "opened 2", "loaded 2", "complete 3", "complete 4", "restored 2"],
        # A second attempt in the same process, after a position that no epoch has stored.
        ["told S 99", "loaded 2", "reads S 70"],
    ],
)
def test_going_on_is_no_step_back(lines: list[str]) -> None:
    """Whoever looks into a false alarm does not look into the next one."""
    assert steps_back([*_FIRST, *lines]) == []
