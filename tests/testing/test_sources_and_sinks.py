"""Scripts that play records in and sinks that keep them, on every built-in kernel."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api import JobFailedError, LocalEnvironment, OutputTag, TumblingTimeWindows
from sage_kernel_api.core.restart_strategies import FixedDelay
from sage_kernel_api.errors import ConfigurationError, ValueEncodingError
from sage_kernel_api.testing.assertions import assert_same_records
from sage_kernel_api.testing.collect_sink import CollectSink
from sage_kernel_api.testing.script import (
    ABORT,
    EOF,
    PAUSE,
    WATERMARK,
    ScriptAbortError,
    scripted_source,
)
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


TIMED_KERNELS = pytest.mark.parametrize(
    "kernel", ["mock", "default", "default?frame_size=1", "default?driver=sim&seed=3"]
)


@TIMED_KERNELS
def test_a_watermark_stands_exactly_where_the_script_has_it(kernel: str) -> None:
    """A test of late records would else depend on how a kernel cuts its frames."""
    late = OutputTag[int]("late")
    sums, too_late = CollectSink[int](), CollectSink[int]()
    with LocalEnvironment(kernel=kernel) as env:
        script = scripted_source(
            env, 1, 12, 2, WATERMARK(9), 3, WATERMARK(10), 4, 14, EOF, time_of=float
        )
        windows = script.keyby(lambda _: "all").window(TumblingTimeWindows(10), late_output=late)
        summed = windows.reduce(lambda a, b: a + b)
        summed.sink(sums)
        summed.get_side_output(late).sink(too_late)
        env.submit(autostop=True)

    assert (sums.records, too_late.records) == ([1 + 2 + 3, 12 + 14], [4])


@pytest.mark.parametrize("kernel", ["default", "default?driver=sim&seed=3"])
def test_a_script_with_watermarks_is_played_on_after_a_failure(kernel: str, tmp_path: Path) -> None:
    """The mark that failed the job must not fail it again, and time begins anew."""
    sums = CollectSink[int]()
    with LocalEnvironment(kernel=kernel) as env:
        env.enable_checkpointing(3600.0, tmp_path / "checkpoints")
        env.set_restart_strategy(FixedDelay(1, 0.0))
        script = scripted_source(env, 1, 12, ABORT, WATERMARK(10), 14, time_of=float)
        windows = script.keyby(lambda _: "all").window(TumblingTimeWindows(10))
        windows.reduce(lambda a, b: a + b).sink(sums)
        env.submit(autostop=True)

    assert sums.records == [1, 12 + 14]


def test_a_watermark_needs_the_times_of_records() -> None:
    """Without them it would mean nothing, and close no window."""
    with pytest.raises(ConfigurationError, match="time_of="):
        scripted_source(LocalEnvironment(kernel="mock"), 1, WATERMARK(10))


@pytest.mark.parametrize("at", [float("nan"), "noon"])
def test_a_watermark_at_no_instant_is_refused(at: Any) -> None:
    """Where it is written, not where it is played."""
    with pytest.raises(ConfigurationError):
        WATERMARK(at)


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
