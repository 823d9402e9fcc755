"""What cannot work is refused where it is written, or before anything runs, and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sage_kernel_api import (
    CapabilityError,
    CountTrigger,
    GlobalWindows,
    KernelError,
    LocalEnvironment,
    OutputTag,
    PipelineError,
    SessionWindows,
    SlidingCountWindows,
    SlidingTimeWindows,
    TumblingCountWindows,
    TumblingTimeWindows,
)
from sage_kernel_mock import MockKernelFacade

LATE = OutputTag[Any]("late")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TumblingTimeWindows(0), "size_s is at least 1e-06 seconds"),
        (lambda: TumblingTimeWindows(-1), "size_s"),
        (lambda: TumblingTimeWindows("1h"), "size_s is a number of seconds"),  # type: ignore[arg-type]
        (lambda: SlidingTimeWindows(1, 0), "slide_s"),
        (lambda: SessionWindows(0), "gap_s"),
        (lambda: TumblingCountWindows(0), "size is a whole number from 1"),
        (lambda: SlidingCountWindows(1, 0), "slide is a whole number from 1"),
        (lambda: CountTrigger(True), "count is a whole number from 1"),
        (lambda: GlobalWindows(10), "takes a trigger"),  # type: ignore[arg-type]
    ],
)
def test_windows_that_cannot_be_are_refused_at_once(make: Callable[[], Any], message: str) -> None:
    """The line that wrote them is in the traceback."""
    with pytest.raises(KernelError, match=message):
        make()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda s: s.window(10), "Windows are given as"),
        (lambda s: s.window(TumblingTimeWindows(1), trigger=1), "takes a Trigger"),
        (lambda s: s.window(TumblingTimeWindows(1), allowed_lateness_s=-1), "allowed_lateness_s"),
        (lambda s: s.window(TumblingTimeWindows(1), late_output="late"), "OutputTag"),
        (lambda s: s.window(TumblingCountWindows(1), late_output=LATE), "know no time"),
        (lambda s: s.window(TumblingCountWindows(1), allowed_lateness_s=1), "know no time"),
        (lambda s: s.window(SessionWindows(1), trigger=CountTrigger(1)), "cannot follow"),
        (lambda s: s.window_all(TumblingTimeWindows(1)).reduce(max, parallelism=2), "window_all"),
        (lambda s: s.assign_timestamps(float, -1), "max_out_of_orderness_s"),
        (lambda s: s.assign_timestamps(float, 0, "soon"), "idle_after_s"),
        (lambda s: s.connect(s).interval_join(max, lower_s=2, upper_s=1), "is empty"),
        (lambda s: s.connect(s).interval_join(max, lower_s=None, upper_s=1), "lower_s"),
        (lambda s: s.connect(s).asof_join(max, tolerance_s=-1), "tolerance_s"),
        (lambda s: s.connect(s).asof_join(max, late_left="left"), "OutputTag"),
        (lambda s: s.connect(s).window(None), "Windows are given as"),
        (lambda s: s.connect(s).connect(s).window(TumblingTimeWindows(1)), "join|window"),
    ],
)
def test_steps_that_cannot_be_are_refused_at_once(
    build: Callable[[Any], Any], message: str
) -> None:
    """Nothing was added to the pipeline that would fail later."""
    env = LocalEnvironment("refused", kernel="mock")
    stream = env.from_collection([1]).keyby(str)

    with pytest.raises((KernelError, AttributeError), match=message):
        build(stream)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda s: s.keyby(str).window(TumblingTimeWindows(1)).reduce(max),
            "works with event time, but the records that come by 'str' have none",
        ),
        (
            lambda s: s.keyby(str).connect(s.keyby(str)).asof_join(max),
            "works with event time",
        ),
        (
            lambda s: s.keyby(str).window(TumblingCountWindows(1)).reduce(lambda a: a),
            "must be callable with 2 arguments",
        ),
        (
            lambda s: s.keyby(str).window(TumblingCountWindows(1)).process(lambda a: a),
            "must be callable with 3 arguments",
        ),
        (
            lambda s: s.keyby(str).window(TumblingCountWindows(1)).aggregate(max),
            "aggregate takes a class of AggregateFunction",
        ),
        (
            lambda s: s.keyby(str).connect_broadcast(s).process(max),
            "process takes a class of BroadcastProcessFunction",
        ),
        (
            lambda s: (
                s.keyby(str, strategy="round_robin").window(TumblingCountWindows(1)).reduce(max)
            ),
            "its input is not keyed",
        ),
    ],
)
def test_pipelines_that_cannot_work_are_refused_before_they_run(
    build: Callable[[Any], Any], message: str
) -> None:
    """A job that fails at its first record after an hour of waiting in a queue is too late."""
    env = LocalEnvironment("refused", kernel="mock")
    build(env.from_collection([1])).sink(print)

    with pytest.raises(PipelineError, match=message):
        env.submit()


class Timeless(MockKernelFacade):
    """A kernel that knows no time."""

    @property
    def capabilities(self) -> Any:
        return super().capabilities - {"event-time", "timers"}


def test_a_kernel_without_time_is_named_with_the_steps_that_need_it() -> None:
    """Before anything runs, with what to leave out or which kernel to choose."""
    env = LocalEnvironment("refused", kernel=Timeless())
    timed = env.from_collection([1]).assign_timestamps(float, name="stamp")
    timed.keyby(str).window(TumblingTimeWindows(1)).reduce(max, name="sums").sink(print)

    with pytest.raises(CapabilityError) as refused:
        env.submit()

    assert "step 'stamp' (assign_time) needs 'event-time'" in str(refused.value)
    assert "step 'sums' (window_reduce) needs 'timers'" in str(refused.value)


def test_windows_of_counts_need_no_time() -> None:
    """A kernel that has no clock can count all the same."""
    env = LocalEnvironment("counts", kernel=Timeless())
    numbers = env.from_collection([1, 2, 3, 4]).keyby(lambda x: x % 2)

    assert numbers.window(TumblingCountWindows(2)).reduce(max).collect() == [3, 4]


def test_late_records_that_nobody_wants_are_reported(
    env: LocalEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    """They must not vanish without a trace (R5)."""
    timed = env.from_collection([100, 1, 2]).assign_timestamps(float)
    counted = timed.map(float, parallelism=1).keyby(lambda _: "all")
    stream = counted.window(TumblingTimeWindows(10)).reduce(max, name="sums")
    late: list[float] = []
    stream.get_side_output(OutputTag[float]("late")).sink(late.append)

    results = stream.collect()

    dropped = [record for record in caplog.messages if "dropped" in record]
    if env.kernel.name == "mock":  # there the time moves after each record
        assert results == [100]
        assert len(dropped) == 1
        assert dropped[0].startswith("step sums dropped 2 late records; late_output=")
    assert not late
