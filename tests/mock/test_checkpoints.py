"""Checkpoints of the mock: copies of what a job's steps remember, for tests to look at."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction, ValueState
from sage_kernel_api.errors import (
    CapabilityError,
    CheckpointError,
    JobNotFoundError,
    JobStateError,
)
from sage_kernel_api.storage import CheckpointManager
from sage_kernel_api.values import Capability, CheckpointId, JobId
from sage_kernel_mock import MockKernelFacade, StepHarness


class Count(MapFunction[str, int]):
    seen = ValueState(0)

    def execute(self, data: str) -> int:
        self.seen.set(self.seen.get() + 1)
        return self.seen.get()


class Asks:
    """Takes a checkpoint at each ``!``, as a function or service of the user's might."""

    def __init__(self, kernel: MockKernelFacade) -> None:
        self.kernel = kernel
        self.taken: list[CheckpointId] = []
        self.errors: list[Exception] = []

    def __call__(self, data: str) -> str:
        (job,) = self.kernel.job_manager.list_jobs()
        if data == "!":
            try:
                self.taken.append(self.kernel.checkpoint_manager.trigger_checkpoint(job["job_id"]))
            except CheckpointError as error:
                self.errors.append(error)
        return data


def run(kernel: MockKernelFacade, records: list[str], function: Any = Count) -> Asks:
    asks = Asks(kernel)
    env = LocalEnvironment("count", kernel=kernel)
    stream = env.from_collection(records).keyby(lambda word: word)
    stream.map(function, name="count").map(lambda n: n).sink(lambda _: None)
    stream.map(asks, name="asks").sink(lambda _: None)
    env.submit()
    return asks


def test_a_checkpoint_is_a_copy_of_what_the_steps_remember() -> None:
    """What happens later must not change what was kept."""
    kernel = MockKernelFacade()
    asks = run(kernel, ["a", "b", "a", "!", "a"])
    manager: CheckpointManager = kernel.checkpoint_manager

    (taken,) = asks.taken
    (listed,) = manager.list_checkpoints(JobId("count-1"))
    assert listed["checkpoint_id"] == taken == "count-1@1"
    kept = kernel.checkpoint_manager.contents(taken)["count"].keyed["seen"]
    assert {key: kept[key] for key in "ab"} == {"a": 2, "b": 1}


def test_a_step_under_test_begins_with_the_checkpoint_of_a_job() -> None:
    """From a job that went wrong to a test of one function."""
    kernel = MockKernelFacade()
    taken = run(kernel, ["a", "a", "!"]).taken[0]

    with StepHarness(Count).restore(kernel.checkpoint_manager.contents(taken)["count"]) as step:
        step.push("a", key="a")

    assert step.outputs == [3]


def test_a_planned_fault_refuses_a_checkpoint_and_the_job_goes_on() -> None:
    """Code that asks for checkpoints must live without one."""
    kernel = MockKernelFacade()
    kernel.faults.refuse_checkpoint("count-1", nth=2)

    asks = run(kernel, ["!", "!", "!"])

    assert [str(taken) for taken in asks.taken] == ["count-1@1", "count-1@2"]
    assert len(asks.errors) == 1


class Keeps(MapFunction[str, str]):
    kept = ValueState[Any](None)

    def execute(self, data: str) -> str:
        self.kept.set(lambda: data)
        return data


def test_what_cannot_be_stored_refuses_the_checkpoint() -> None:
    """On a real kernel it would fail the job."""
    asks = run(MockKernelFacade(), ["a", "!"], Keeps)

    assert "'count' has something that cannot be stored" in str(asks.errors[0])


def test_only_checkpoints_of_jobs_that_are_there_are_given_out_and_deleted() -> None:
    """The refusals are those of every kernel."""
    kernel = MockKernelFacade()
    asks = run(kernel, ["!", "!"])
    manager = kernel.checkpoint_manager

    with pytest.raises(JobStateError, match="finished"):
        manager.trigger_checkpoint(JobId("count-1"))
    with pytest.raises(JobNotFoundError):
        manager.list_checkpoints(JobId("nobody"))
    with pytest.raises(CapabilityError, match="savepoints"):
        manager.create_savepoint(JobId("count-1"), "s")
    assert manager.delete_checkpoint(asks.taken[0]) is True
    assert manager.delete_checkpoint(asks.taken[0]) is False
    with pytest.raises(CheckpointError, match="There are: count-1@2"):
        manager.contents(asks.taken[0])


def test_the_latest_of_a_running_job_is_not_deleted() -> None:
    """It is what the job would go on from."""
    kernel = MockKernelFacade()
    errors: list[Exception] = []

    def delete(_: str) -> None:
        taken = kernel.checkpoint_manager.trigger_checkpoint(JobId("count-1"))
        with pytest.raises(CheckpointError, match="latest") as caught:
            kernel.checkpoint_manager.delete_checkpoint(taken)
        errors.append(caught.value)

    env = LocalEnvironment("count", kernel=kernel)
    env.from_collection(["a"]).sink(delete)
    env.submit()

    assert len(errors) == 1


def test_no_job_can_ask_to_be_kept_by_them() -> None:
    """A copy in memory is no durable checkpoint, and must not pass for one."""
    assert Capability.CHECKPOINTS not in MockKernelFacade().capabilities
