"""Scripts that play records in and sinks that keep them, on every built-in kernel."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from sage_kernel_api import JobFailedError, LocalEnvironment
from sage_kernel_api.errors import ConfigurationError, ValueEncodingError
from sage_kernel_api.testing.assertions import assert_same_records
from sage_kernel_api.testing.collect_sink import CollectSink
from sage_kernel_api.testing.script import ABORT, EOF, PAUSE, ScriptAbortError, scripted_source
from sage_kernel_mock import MockKernelFacade
from tests.helpers import in_thread

KERNELS = pytest.mark.parametrize("kernel", ["mock", "default"])


@KERNELS
def test_a_script_plays_its_records_up_to_its_end(kernel: str) -> None:
    """Bounded input, without a class for each test."""
    sink = CollectSink[int]()
    with LocalEnvironment(kernel=kernel) as env:
        scripted_source(env, 1, PAUSE(0.001), 2, EOF, 3).sink(sink)

        env.submit(autostop=True)

    assert sink.records == [1, 2]


@KERNELS
def test_abort_fails_the_source_after_what_came_before_it(kernel: str) -> None:
    """Recovery is tested from a known place in the stream."""
    sink = CollectSink[int]()
    with LocalEnvironment(kernel=kernel) as env:
        scripted_source(env, 1, 2, ABORT, 3).sink(sink)
        with pytest.raises(JobFailedError, match="ABORT at its entry 2") as caught:
            env.submit(autostop=True)

        sink.clear()
        env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, ScriptAbortError)
    assert sink.records == [1, 2, 3], "a second run must get past the mark"


def test_a_pause_takes_exactly_its_time_on_the_kernels_clock() -> None:
    """Tests of slow input must not sleep, nor guess how long something took."""
    kernel = MockKernelFacade()
    env = LocalEnvironment(kernel=kernel)
    scripted_source(env, 1, PAUSE(3600), 2, PAUSE(0.5)).sink(print)

    env.submit()

    polls = [e.at_s for e in kernel.journal.entries("process", "print")]
    assert polls == [0, 3600]
    assert kernel.clock.now_s == 3600.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_pause_without_a_length_is_refused(seconds: float) -> None:
    """A job that waits for ever tells nothing."""
    with pytest.raises(ConfigurationError, match="seconds from 0"):
        PAUSE(seconds)


def test_one_instance_plays_the_script_at_any_parallelism() -> None:
    """Every record must come once, however wide the pipeline is."""
    env = LocalEnvironment(kernel="mock").set_parallelism(3)
    records = scripted_source(env, 1, 2, 3).map(lambda x: x).execute_and_collect()

    assert_same_records(records, [1, 2, 3])


@KERNELS
def test_all_instances_fill_one_sink(kernel: str) -> None:
    """Users look at one list."""
    sink = CollectSink[int]()
    with LocalEnvironment(kernel=kernel) as env:
        env.from_collection(range(100)).rebalance().sink(sink, parallelism=4)
        env.submit(autostop=True)

    assert_same_records(sink, range(100))
    assert len(sink) == 100
    assert repr(sink) == "<CollectSink with 100 records>"


def test_a_test_can_wait_for_records_of_a_job_in_the_background() -> None:
    """A job without an end is looked at while it runs."""
    sink = CollectSink[int]()

    def wait() -> list[int]:
        return sink.wait_for(2, timeout_s=30)

    with in_thread(wait) as waiter:
        sink(1)
        sink(2)

    assert waiter.result == [1, 2]
    with pytest.raises(AssertionError, match="3 records were awaited"):
        sink.wait_for(3, timeout_s=0)


def test_a_sink_refuses_to_collect_in_another_process() -> None:
    """Records in a copy of the sink would be lost without a word."""
    with pytest.raises(ValueEncodingError, match="stays in the process"):
        pickle.dumps(CollectSink[Any]())
