"""Windows, joins and timers whose types must be inferred."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import assert_type

from sage_kernel_api import (
    AggregateFunction,
    BroadcastProcessFunction,
    BroadcastState,
    CountTrigger,
    CountWindow,
    DataStream,
    GlobalWindow,
    GlobalWindows,
    KeyedStream,
    OutputTag,
    ProcessOutput,
    ReduceFunction,
    SessionWindows,
    SlidingCountWindows,
    SlidingTimeWindows,
    TimeWindow,
    TumblingCountWindows,
    TumblingTimeWindows,
    WindowedStream,
    WindowFunction,
)


class Mean(AggregateFunction[int, tuple[int, int], float]):
    def __init__(self, digits: int = 2) -> None:
        self.digits = digits

    def create_accumulator(self) -> tuple[int, int]:
        return 0, 0

    def add(self, value: int, accumulator: tuple[int, int]) -> tuple[int, int]:
        return accumulator[0] + 1, accumulator[1] + value

    def merge(self, one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
        return one[0] + other[0], one[1] + other[1]

    def get_result(self, accumulator: tuple[int, int]) -> float:
        return round(accumulator[1] / accumulator[0], self.digits)


class Most(ReduceFunction[int]):
    def execute(self, accumulated: int, data: int) -> int:
        return max(accumulated, data)


class Times(WindowFunction[str, TimeWindow, int, datetime]):
    def process(self, key: str, window: TimeWindow, values: Sequence[int]) -> list[datetime]:
        return [window.start, window.end]


class Limit(BroadcastProcessFunction[int, tuple[str, int], bytes]):
    limits = BroadcastState[str, int]()

    def process(self, value: int, out: ProcessOutput[bytes]) -> None:
        assert_type(self.limits.get("most"), int | None)
        assert_type(self.limits.get("most", 1), int)
        assert_type(self.timers.event_time_us, int | None)

    def process_broadcast(self, value: tuple[str, int], out: ProcessOutput[bytes]) -> None:
        self.limits.set(*value)


def event_times(numbers: DataStream[int]) -> None:
    assert_type(numbers.assign_timestamps(lambda number: number / 1000), DataStream[int])
    assert_type(numbers.assign_timestamps(lambda _: datetime.now(UTC), 5.0), DataStream[int])


def the_windows(stream: KeyedStream[str, int]) -> None:
    assert_type(stream.window(TumblingTimeWindows(10)), WindowedStream[str, int, TimeWindow])
    assert_type(stream.window(SlidingTimeWindows(10, 5)), WindowedStream[str, int, TimeWindow])
    assert_type(stream.window(SessionWindows(10)), WindowedStream[str, int, TimeWindow])
    assert_type(stream.window(TumblingCountWindows(10)), WindowedStream[str, int, CountWindow])
    assert_type(stream.window(SlidingCountWindows(9, 3)), WindowedStream[str, int, CountWindow])
    every = GlobalWindows(CountTrigger(2))
    assert_type(stream.window(every), WindowedStream[str, int, GlobalWindow])
    assert_type(stream.window_all(every), WindowedStream[None, int, GlobalWindow])


def what_windows_give(stream: KeyedStream[str, int]) -> None:
    windows = stream.window(TumblingTimeWindows(10), late_output=OutputTag[int]("late"))
    assert_type(windows.reduce(max), KeyedStream[str, int])
    assert_type(windows.reduce(lambda a, b: a + b), KeyedStream[str, int])
    assert_type(windows.reduce(Most), KeyedStream[str, int])
    told = windows.reduce(max, result=lambda key, window, most: (key, window.end, most))
    assert_type(told, KeyedStream[str, tuple[str, datetime, int]])
    assert_type(windows.aggregate(Mean), KeyedStream[str, float])
    assert_type(windows.aggregate(partial(Mean, 3)), KeyedStream[str, float])
    named = windows.aggregate(Mean, result=lambda key, _, mean: (key, mean), name="mean")
    assert_type(named, KeyedStream[str, tuple[str, float]])
    assert_type(windows.process(Times), KeyedStream[str, datetime])
    counted = windows.process(lambda key, window, values: [(key, window.start_us, len(values))])
    assert_type(counted, KeyedStream[str, tuple[str, int, int]])


def joins(left: KeyedStream[str, int], right: KeyedStream[str, bytes]) -> None:
    both = left.connect(right)
    windows = both.window(TumblingTimeWindows(10))
    assert_type(windows.inner(lambda a, b: (a, b)), KeyedStream[str, tuple[int, bytes]])
    assert_type(windows.left(lambda a, b: (a, b)), KeyedStream[str, tuple[int, bytes | None]])
    assert_type(windows.right(lambda a, b: (a, b)), KeyedStream[str, tuple[int | None, bytes]])
    assert_type(
        windows.full(lambda a, b: (a, b)), KeyedStream[str, tuple[int | None, bytes | None]]
    )
    pairs = both.interval_join(lambda a, b: (a, b), lower_s=-1, upper_s=1)
    assert_type(pairs, KeyedStream[str, tuple[int, bytes]])
    assert_type(
        both.asof_join(lambda a, b: (a, b), tolerance_s=1),
        KeyedStream[str, tuple[int, bytes | None]],
    )


def rules(numbers: KeyedStream[str, int], limits: DataStream[tuple[str, int]]) -> None:
    assert_type(numbers.connect_broadcast(limits).process(Limit), DataStream[bytes])
