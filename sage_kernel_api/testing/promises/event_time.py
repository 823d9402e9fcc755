"""When something happened, and what is over: event times, watermarks, windows, timers.

Layer: testing. Promises of `Capability.EVENT_TIME` and `Capability.TIMERS`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.event_time.timers import Timer
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput
from sage_kernel_api.core.windows import TumblingTimeWindows
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

S = 1_000_000


class _Tells(ProcessFunction[int, Any]):
    """Returns each record with its event time and the watermark, in seconds."""

    def process(self, value: int, out: ProcessOutput[Any]) -> None:
        time_us = self.timers.event_time_us
        out.collect((value, None if time_us is None else time_us / S))

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        """Have none."""


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE)
def a_record_has_the_time_that_it_was_given(bench: Workbench) -> None:
    """`assign_timestamps` gives each record its event time, and steps in between keep it."""
    env = bench.environment()
    timed = env.from_collection([3, 1, 2]).assign_timestamps(float, max_out_of_orderness_s=5)
    stream = timed.map(lambda x: x * 10).filter(lambda x: x > 0).keyby(lambda x: 0)

    got = bench.collect(stream.process(_Tells))

    expect_equal(got, [(30, 3.0), (10, 1.0), (20, 2.0)], "records and times")


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE)
def a_record_without_a_time_has_none(bench: Workbench) -> None:
    """Without `assign_timestamps` there is no event time."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1]).keyby(lambda x: 0).process(_Tells))

    expect_equal(got, [(1, None)], "records and times")


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE, Capability.KEYED_ROUTING)
def a_window_has_the_records_of_its_time(bench: Workbench) -> None:
    """Records meet by when they happened, also those that are out of order within the bound."""
    env = bench.environment()
    timed = env.from_collection([1, 12, 9, 25, 11]).assign_timestamps(
        float, max_out_of_orderness_s=20
    )

    windows = timed.keyby(lambda x: 0).window(TumblingTimeWindows(10))
    got = bench.collect(windows.process(lambda key, window, records: [sorted(records)]))

    expect_equal(got, [[1, 9], [11, 12], [25]], "the windows")


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE, Capability.KEYED_ROUTING)
def keys_have_windows_of_their_own(bench: Workbench) -> None:
    """Records of one window and different keys do not meet."""
    env = bench.environment()
    timed = env.from_collection(range(20)).assign_timestamps(float, max_out_of_orderness_s=0)

    windows = timed.keyby(lambda x: x % 2).window(TumblingTimeWindows(10))
    got = bench.collect(windows.process(lambda key, window, records: [(key, list(records))]))

    expected = [(key, [x for x in range(begin, begin + 10) if x % 2 == key])
                for begin in (0, 10) for key in (0, 1)]  # fmt: skip
    expect_equal(sorted(got), sorted(expected), "the windows")


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE, Capability.KEYED_ROUTING)
def open_windows_come_out_when_the_input_ends(bench: Workbench) -> None:
    """When all inputs have ended, time is over: nothing stays in a window."""
    env = bench.environment()
    timed = env.from_collection([5]).assign_timestamps(float, max_out_of_orderness_s=1_000)

    windows = timed.keyby(lambda x: 0).window(TumblingTimeWindows(10))
    got = bench.collect(windows.process(lambda key, window, records: [list(records)]))

    expect_equal(got, [[5]], "the windows")


@promise(
    Capability.EVENT_TIME, Capability.KEYED_STATE, Capability.KEYED_ROUTING, Capability.PARALLELISM
)
def parallel_windows_lose_nothing(bench: Workbench) -> None:
    """Watermarks of parallel senders close a window only when all of them are beyond it."""
    env = bench.environment()
    stream = env.from_collection(range(400)).map(_same, parallelism=2)
    timed = stream.assign_timestamps(float, max_out_of_orderness_s=400)

    windows = timed.keyby(_modulo_3).window(TumblingTimeWindows(100))
    got = bench.collect(windows.process(_count, parallelism=2))

    expect_equal(sum(count for _, count in got), 400, "the records of all windows")
    expect_equal(len(got), 12, "the number of windows")


@promise(Capability.EVENT_TIME, Capability.KEYED_STATE, Capability.KEYED_ROUTING)
def two_inputs_go_by_the_slower_one(bench: Workbench) -> None:
    """The watermark of a step is the least of its inputs': a union loses no record to the other."""
    env = bench.environment()
    fast = env.from_collection([5, 95]).assign_timestamps(float, max_out_of_orderness_s=0)
    slow = env.from_collection(range(100)).assign_timestamps(float, max_out_of_orderness_s=0)

    windows = fast.union(slow).keyby(lambda x: 0).window(TumblingTimeWindows(50))
    got = bench.collect(windows.process(lambda key, window, records: [len(list(records))]))

    expect_equal(sorted(got), [51, 51], "the records of both windows")


def _same(x: Any) -> Any:
    return x


def _modulo_3(x: int) -> int:
    return x % 3


def _count(key: int, window: Any, records: Any) -> Any:
    return [(key, len(list(records)))]
