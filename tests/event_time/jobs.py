"""Jobs over event time, each with what it must give, written down naively.

A job takes two streams of events with times; its model takes the two lists of events. Results are
compared as multisets: parallel instances emit in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sage_kernel_api import (
    AggregateFunction,
    DataStream,
    KeyedStream,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    SessionWindows,
    SlidingTimeWindows,
    Timer,
    TimeWindow,
    TumblingTimeWindows,
    ValueState,
)

__all__ = ["JOBS", "LATE", "Event", "Job"]

Event = tuple[str, int, int]
"""Key, event time in seconds, a number of its own."""

Events = list[Event]
LATE = OutputTag[Event]("late")
Keyed = KeyedStream[str, Event]


@dataclass(frozen=True)
class Job:
    """What is built, and what must come out."""

    build: Callable[[Keyed, Keyed], DataStream[Any]]
    model: Callable[[Events, Events], list[Any]]


class Numbers(AggregateFunction[Event, list[int], tuple[int, ...]]):
    """The numbers of all events, in order."""

    def create_accumulator(self) -> list[int]:
        return []

    def add(self, value: Event, accumulator: list[int]) -> list[int]:
        return sorted([*accumulator, value[2]])

    def merge(self, one: list[int], other: list[int]) -> list[int]:
        return sorted([*one, *other])

    def get_result(self, accumulator: list[int]) -> tuple[int, ...]:
        return tuple(accumulator)


def shown(key: str, window: TimeWindow, numbers: tuple[int, ...]) -> Any:
    """Return a result that tells all about its window."""
    return key, window.start_us // 1_000_000, window.end_us // 1_000_000, numbers


def key_of(event: Event) -> str:
    """Return the key of an event."""
    return event[0]


# --- windows --------------------------------------------------------------------------------


def tumbling(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.window(TumblingTimeWindows(10, offset_s=3), late_output=LATE).aggregate(
        Numbers, result=shown
    )


def sliding(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.window(SlidingTimeWindows(10, 4), late_output=LATE).aggregate(Numbers, result=shown)


def session(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.window(SessionWindows(5), late_output=LATE).aggregate(Numbers, result=shown)


def in_windows(events: Events, starts: range, size: int) -> list[Any]:
    return [
        (key, start, start + size, numbers)
        for key in keys(events)
        for start in starts
        if (numbers := numbers_in(events, key, start, start + size))
    ]


def sessions(events: Events) -> Iterator[Any]:
    for key in keys(events):
        times = sorted(event[1] for event in events if event[0] == key)
        start = end = times[0]
        for time in [*times, 10**6]:
            if time >= end + 5:
                yield key, start, end + 5, numbers_in(events, key, start, end + 5)
                start = time
            end = time


def chained(left: Keyed, right: Keyed) -> DataStream[Any]:
    """Count in small windows, then sum the counts up in larger ones."""
    counts = left.window(TumblingTimeWindows(2)).process(lambda key, _, events: [len(events)])
    return counts.window_all(TumblingTimeWindows(8)).reduce(
        lambda a, b: a + b, result=lambda _, window, count: (window.start_us // 1_000_000, count)
    )


def chained_model(left: Events, right: Events) -> list[Any]:
    starts = range(0, 260, 8)
    counts = [(start, sum(start <= event[1] < start + 8 for event in left)) for start in starts]
    return [each for each in counts if each[1]]


# --- joins ----------------------------------------------------------------------------------


def pair(left: Event | None, right: Event | None) -> Any:
    """Return the numbers of a pair."""
    return None if left is None else left[2], None if right is None else right[2]


def full_join(left: Keyed, right: Keyed) -> DataStream[Any]:
    return (
        left.connect(right)
        .window(TumblingTimeWindows(10), late_left=LATE, late_right=LATE)
        .full(pair)
    )


def full_join_model(left: Events, right: Events) -> list[Any]:
    pairs = []
    for key in keys(left + right):
        for start in range(0, 260, 10):
            lefts = numbers_in(left, key, start, start + 10)
            rights = numbers_in(right, key, start, start + 10)
            if lefts or rights:
                pairs += [(a, b) for a in lefts or (None,) for b in rights or (None,)]
    return pairs


def interval_join(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.connect(right).interval_join(
        pair, lower_s=-2, upper_s=5, late_left=LATE, late_right=LATE
    )


def interval_join_model(left: Events, right: Events) -> list[Any]:
    return [
        (a[2], b[2]) for a in left for b in right if a[0] == b[0] and a[1] - 2 <= b[1] <= a[1] + 5
    ]


def asof_join(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.connect(right).asof_join(
        lambda a, b: (a[2], None if b is None else b[1]),
        tolerance_s=8,
        late_left=LATE,
        late_right=LATE,
    )


def asof_join_model(left: Events, right: Events) -> list[Any]:
    valid = [
        (a[2], [b[1] for b in right if b[0] == a[0] and a[1] - 8 <= b[1] <= a[1]]) for a in left
    ]
    return [(number, max(times, default=None)) for number, times in valid]


# --- timers ---------------------------------------------------------------------------------


class Remind(ProcessFunction[Event, Any]):
    """Fires ten seconds after each event, and counts."""

    fired = ValueState(0)

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time((value[1] + 10) * 1_000_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        self.fired.set(self.fired.get() + 1)
        out.collect((self.ctx.get_key(), self.fired.get(), timer.time_us // 1_000_000))


def timers(left: Keyed, right: Keyed) -> DataStream[Any]:
    return left.process(Remind)


def timers_model(left: Events, right: Events) -> list[Any]:
    return [
        (key, number, time + 10)
        for key in keys(left)
        for number, time in enumerate(sorted({e[1] for e in left if e[0] == key}), start=1)
    ]


# --------------------------------------------------------------------------------------------


def keys(events: Events) -> list[str]:
    return sorted({event[0] for event in events})


def numbers_in(events: Events, key: str, start: int, end: int) -> tuple[int, ...]:
    return tuple(sorted(e[2] for e in events if e[0] == key and start <= e[1] < end))


JOBS: dict[str, Job] = {
    "tumbling": Job(tumbling, lambda left, _: in_windows(left, range(-7, 260, 10), 10)),
    "sliding": Job(sliding, lambda left, _: in_windows(left, range(-12, 260, 4), 10)),
    "session": Job(session, lambda left, _: list(sessions(left))),
    "chained": Job(chained, chained_model),
    "full_join": Job(full_join, full_join_model),
    "interval_join": Job(interval_join, interval_join_model),
    "asof_join": Job(asof_join, asof_join_model),
    "timers": Job(timers, timers_model),
}
