"""Mistakes around event time, windows, joins and timers that type checkers must find."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sage_kernel_api import (
    AggregateFunction,
    BroadcastProcessFunction,
    BroadcastState,
    CountWindow,
    DataStream,
    KeyedStream,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    Timer,
    TimeWindow,
    TumblingCountWindows,
    TumblingTimeWindows,
    WindowFunction,
)


class Length(AggregateFunction[str, int, int]):
    def __init__(self, least: int) -> None:
        self.least = least

    def create_accumulator(self) -> int:
        return self.least

    def add(self, value: str, accumulator: int) -> int:
        return accumulator + len(value)

    def merge(self, one: int, other: int) -> int:
        return one + other

    def get_result(self, accumulator: int) -> int:
        return accumulator


class PerCount(WindowFunction[str, CountWindow, str, int]):
    def process(self, key: str, window: CountWindow, values: Sequence[str]) -> list[int]:
        return [window.first]


class Rules(BroadcastProcessFunction[str, int, str]):
    limits = BroadcastState[str, int]()

    def process(self, value: str, out: ProcessOutput[str]) -> None:
        out.collect(value)

    def process_broadcast(self, value: int, out: ProcessOutput[str]) -> None:
        self.limits.set("most", value)


def broadcast_state_of_another_type(rules: Rules) -> None:
    rules.limits.set("most", "many")  # rejected: arg-type


def a_time_that_is_none(words: DataStream[str]) -> None:
    words.assign_timestamps(str.upper)  # rejected: arg-type


def windows_without_keys(words: DataStream[str]) -> None:
    words.window(TumblingTimeWindows(1))  # rejected: attr-defined


def a_size_that_is_no_number() -> None:
    TumblingTimeWindows("10s")  # rejected: arg-type


def a_late_output_of_another_type(words: KeyedStream[str, str]) -> None:
    words.window(TumblingTimeWindows(1), late_output=OutputTag[int]("late"))  # rejected: arg-type


def an_aggregate_of_another_type(numbers: KeyedStream[str, int]) -> None:
    windows = numbers.window(TumblingTimeWindows(1))
    windows.aggregate(partial(Length, 0))  # rejected: arg-type


def wrong_constructor_arguments_of_an_aggregate() -> None:
    partial(Length, "0")  # rejected: arg-type


def an_aggregate_that_lacks_arguments(words: KeyedStream[str, str]) -> None:
    words.window(TumblingTimeWindows(1)).aggregate(Length)  # rejected: arg-type


def a_function_of_other_windows(words: KeyedStream[str, str]) -> None:
    words.window(TumblingCountWindows(1)).process(PerCount)
    words.window(TumblingTimeWindows(1)).process(PerCount)  # rejected: arg-type


def a_join_that_forgets_the_missing_partner(
    left: KeyedStream[str, int], right: KeyedStream[str, int]
) -> None:
    windows = left.connect(right).window(TumblingTimeWindows(1))
    windows.inner(lambda a, b: a + b)
    windows.left(lambda a, b: a + b)  # rejected: operator


def a_join_of_other_keys(left: KeyedStream[str, int], right: KeyedStream[int, int]) -> None:
    left.connect(right).asof_join(lambda a, b: a)  # rejected: attr-defined


def a_join_without_bounds(left: KeyedStream[str, int], right: KeyedStream[str, int]) -> None:
    left.connect(right).interval_join(lambda a, b: a)  # rejected: call-arg


def rules_of_another_type(words: KeyedStream[str, str], rules: DataStream[str]) -> None:
    words.connect_broadcast(rules).process(Rules)  # rejected: arg-type


class Timed(ProcessFunction[str, int]):
    def process(self, value: str, out: ProcessOutput[int]) -> None:
        self.timers.register_event_time(1)

    def on_timer(self, timer: Timer, out: ProcessOutput[int]) -> None:
        out.collect(timer.time_us)


def a_timer_in_seconds(timed: Timed) -> None:
    timed.timers.register_event_time(1.5)  # rejected: arg-type


def a_timer_that_is_changed(timer: Timer) -> None:
    timer.time_us = 1  # rejected: misc


def a_window_has_no_middle(window: TimeWindow) -> None:
    print(window.middle)  # rejected: attr-defined
