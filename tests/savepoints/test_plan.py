"""R7, R8: state finds its steps again, or the job does not start."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.communication import KEY_GROUPS, owner_of
from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.storage.savepoints import (
    OldStep,
    WantedStep,
    owned_groups,
    plan_restore,
)
from sage_kernel_api.storage.savepoints import plan as module


def test_matching_steps_get_their_state_and_others_begin_empty() -> None:
    """Added steps are the normal case of a program that lives on."""
    plan = plan_restore(
        [OldStep("read", 1, has_operator_state=True), OldStep("gone", 1)],
        [WantedStep("read", 1, "own"), WantedStep("new", 4)],
    )

    assert plan.steps["read"].states_for == [[0]]
    assert plan.new_steps == {"new"}
    assert not plan.dropped_steps


@pytest.mark.parametrize(
    ("old", "wanted", "told"),
    [
        (OldStep("totals", 1, has_keyed_state=True), WantedStep("total", 1), "mean 'total'"),
        (OldStep("s", 1, has_operator_state=True), WantedStep("s", 1), "takes none up any more"),
        (OldStep("s", 1, has_keyed_state=True), WantedStep("s", 1), "no keyed stream any more"),
        (OldStep("s", 1, has_handles=True), WantedStep("s", 1), "no transactional sink"),
        (OldStep("s", 2, has_operator_state=True), WantedStep("s", 3, "own"), "single instances"),
        (OldStep("x", 1, has_in_flight=True), WantedStep("s", 1), "belongs to no step"),
    ],
)
def test_r7_state_that_would_be_lost_is_refused_unless_it_is_named(
    old: OldStep, wanted: WantedStep, told: str
) -> None:
    """A step without its uid would silently count from zero."""
    with pytest.raises(CheckpointError, match=told):
        plan_restore([old], [wanted])

    plan = plan_restore([old], [wanted], allow_dropped=[old.step])
    assert not plan.steps
    assert plan.dropped_steps == {old.step}
    assert plan.new_steps == {wanted.step}


def test_all_problems_are_told_at_once() -> None:
    """One restart per mistake would be a long evening."""
    with pytest.raises(CheckpointError) as caught:
        plan_restore(
            [OldStep("a", 1, has_keyed_state=True), OldStep("b", 1, has_handles=True)],
            [WantedStep("c", 1)],
            allow_dropped=["d"],
        )

    assert len(caught.value.problems) == 3


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["all", "own", None]))
def test_r8_nothing_is_lost_or_doubled_at_any_parallelism(
    old: int, new: int, sharing: module.StateSharing | None
) -> None:
    """Each handle is committed by one instance, each key has one owner."""
    has_state = sharing == "all" or (sharing == "own" and old == new)
    stored = OldStep(
        "s", old, has_state, has_keyed_state=True, has_in_flight=True, has_handles=True
    )
    wanted = WantedStep("s", new, sharing, is_keyed=True, is_transactional=True)

    restore = plan_restore([stored], [wanted]).steps["s"]

    assert sorted(i for mine in restore.handles_for for i in mine) == list(range(old))
    assert [group for groups in restore.groups_for for group in groups] == list(range(KEY_GROUPS))
    if sharing == "all":
        assert restore.states_for == [list(range(old))] * new
    elif old == new:
        assert restore.states_for == [[index] for index in range(new)]


@given(st.integers(1, KEY_GROUPS))
def test_owned_groups_are_those_of_the_routing(parallelism: int) -> None:
    """Records and state of a key would otherwise not meet."""
    for index, groups in enumerate(owned_groups(parallelism)):
        assert {owner_of(groups[0], parallelism), owner_of(groups[-1], parallelism)} == {index}


def test_the_examples_run() -> None:
    """An example that is wrong is worse than none."""
    assert doctest.testmod(module).failed == 0
