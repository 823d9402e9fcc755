"""Faults that a test plans: they strike where they were planned, once, and are written down."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction, retry
from sage_kernel_api.errors import (
    CheckpointError,
    ConfigurationError,
    JobFailedError,
    ServiceError,
    StateError,
)
from sage_kernel_api.values import JobState
from sage_kernel_mock import (
    FaultStruck,
    InjectedFaultError,
    MockKernelFacade,
    Processed,
)


def run(kernel: MockKernelFacade, items: list[int], **options: Any) -> tuple[list[int], Any]:
    """One pipeline: source, a map that is called "work", a sink that is called "out"."""
    env = LocalEnvironment("job", kernel=kernel)
    results: list[int] = []
    numbers = env.from_collection(items).rebalance()
    numbers.map(lambda x: x * 10, name="work", **options).sink(results.append, name="out")
    status = kernel.job_manager.get_job_status(env.submit())
    for edge in status["edges"]:
        settled = edge["consumed"] + edge["dropped"] + edge["dead_lettered"]
        assert edge["produced"] == settled + edge["in_flight"], edge
    return results, status


def test_the_nth_save_fails_and_the_old_value_stays(kernel: MockKernelFacade) -> None:
    """Whoever saves state must survive a save that fails."""
    kernel.faults.fail("save_state", "count", nth=2)
    state = kernel.create_runtime_context({"name": "count"}).state_manager
    other = kernel.create_runtime_context({"name": "other"}).state_manager

    state.save_state("n", 1)
    for number in range(3):
        other.save_state("n", number)
    with pytest.raises(StateError, match=r"count: save_state no\. 2 fails"):
        state.save_state("n", 2)
    assert state.load_state("n") == 1
    state.save_state("n", 3)

    assert (state.load_state("n"), other.load_state("n")) == (3, 2)
    assert kernel.journal.all_of(FaultStruck, "count") == [("count: save_state no. 2 fails",)]


def test_a_refused_checkpoint_leaves_the_one_before(kernel: MockKernelFacade) -> None:
    """A job must go on with its last good checkpoint."""
    kernel.faults.refuse_checkpoint(nth=2)
    state = kernel.create_runtime_context({}).state_manager
    state.save_state("n", 1)
    state.create_checkpoint("one")

    with pytest.raises(CheckpointError):
        state.create_checkpoint("two")

    assert state.restore_checkpoint("two") is False
    assert state.restore_checkpoint("one") is True


def test_a_failing_service_call_reaches_the_caller(kernel: MockKernelFacade) -> None:
    """Services break; the function's own answer to that is what the test is about."""
    kernel.services.answer("cache.get", 1)
    kernel.faults.fail("call_service", "cache.get", error=ConnectionError("gone"))
    call = kernel.create_runtime_context({}).call_service

    with pytest.raises(ConnectionError, match="gone"):
        call("cache", "get")
    assert call("cache", "get") == 1

    kernel.faults.fail("call_service", nth=None)
    for _ in range(3):
        with pytest.raises(ServiceError):
            call("cache", "get")


def test_a_lost_record_is_counted_as_dropped(kernel: MockKernelFacade) -> None:
    """R5: even a planned loss must show in the ledger."""
    kernel.faults.drop("out", nth=2)

    results, status = run(kernel, [1, 2, 3])

    assert results == [10, 30]
    assert [edge["dropped"] for edge in status["edges"]] == [0, 1]
    kernel.faults.assert_all_struck()


def test_a_duplicate_comes_twice_and_is_counted_twice(kernel: MockKernelFacade) -> None:
    """At-least-once sinks are tested with it."""
    kernel.faults.duplicate("out", nth=2)

    results, status = run(kernel, [1, 2])

    assert results == [10, 20, 20]
    assert status["edges"][1]["produced"] == 3


def test_a_held_up_record_is_overtaken_and_comes_at_its_time(kernel: MockKernelFacade) -> None:
    """Late records are made without sleeping, and the job waits for them before its end."""
    kernel.faults.delay("out", 60, nth=1)

    results, status = run(kernel, [1, 2, 3])

    assert results == [20, 30, 10]
    assert status["state"] is JobState.FINISHED
    assert [e.at_s for e in kernel.journal.entries("process", "out")] == [0, 0, 60]


def test_what_is_lost_does_not_come_twice(kernel: MockKernelFacade) -> None:
    """Two plans for one record must not contradict each other."""
    kernel.faults.drop("out")
    kernel.faults.duplicate("out")
    kernel.faults.delay("out", 5)

    assert run(kernel, [1, 2])[0] == [20]


def test_a_slow_step_takes_its_time_for_each_record(kernel: MockKernelFacade) -> None:
    """Timeouts around a step are tested on the manual clock."""
    kernel.faults.slow("work", 0.5)

    run(kernel, [1, 2, 3])

    assert kernel.clock.now_s == 1.5


def test_a_fault_of_one_instance_leaves_the_others_alone(kernel: MockKernelFacade) -> None:
    """With several lanes, usually one of them breaks."""
    kernel.faults.fail("process", "work[1]", nth=2)

    results, status = run(kernel, list(range(6)), parallelism=3, on_error="skip")

    assert results == [0, 10, 20, 30, 50]
    assert status["steps"]["work"]["skipped"] == 1


def test_a_step_that_fails_for_once_is_retried(kernel: MockKernelFacade) -> None:
    """Policies are tested with functions that do not fail by themselves."""
    kernel.faults.fail("process", "work", nth=2)

    results, status = run(kernel, [1, 2], on_error=retry(1))

    assert results == [10, 20]
    assert status["steps"]["work"]["retries"] == 1
    assert [happening.data for happening in kernel.journal.all_of(Processed, "work")] == [1, 2, 2]


@pytest.mark.parametrize("action", ["open", "poll", "finish", "close"])
def test_each_part_of_a_life_can_fail(kernel: MockKernelFacade, action: Any) -> None:
    """R5: a job must not report success when a step could not end."""
    actor = "source" if action == "poll" else "work"
    did: list[str] = []

    class Work(MapFunction[int, int]):
        def execute(self, data: int) -> int:
            return data

        def close(self) -> None:
            did.append("close")

    kernel.faults.fail(action, actor)
    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).map(Work, name="work").sink(print, name="out")

    with pytest.raises(JobFailedError, match=f"in {action}") as caught:
        env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, InjectedFaultError)
    assert did[-1] == "close", "what was opened must be closed, also by a failing close"


def test_a_plan_that_never_strikes_is_told(kernel: MockKernelFacade) -> None:
    """A run whose faults hit nothing shows nothing."""
    kernel.faults.drop("out", nth=99)
    kernel.faults.fail("save_state", nth=None)

    run(kernel, [1])

    with pytest.raises(AssertionError, match=r"out loses record no\. 99; save_state fails"):
        kernel.faults.assert_all_struck()
    kernel.faults.clear()
    kernel.faults.assert_all_struck()
    assert kernel.faults.pending == []


@pytest.mark.parametrize(
    "plan",
    [
        lambda faults: faults.fail("explode"),
        lambda faults: faults.drop("out", nth=0),
        lambda faults: faults.delay("out", -1),
        lambda faults: faults.slow("out", float("nan")),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(kernel: MockKernelFacade, plan: Any) -> None:
    """A misspelt fault would let a test pass that tests nothing."""
    with pytest.raises(ConfigurationError):
        plan(kernel.faults)

    assert kernel.faults.pending == []
