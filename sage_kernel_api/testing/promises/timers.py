"""Timers: when they fire, in which order, and under which key.

Layer: testing. Promises of `Capability.TIMERS`, `TimerService` and `TimedRunnable`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sage_kernel_api.core.event_time.timers import Timer
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput, ValueState
from sage_kernel_api.core.windows import TumblingTimeWindows
from sage_kernel_api.runnable import MAX_WATERMARK_US
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same_records
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

S = 1_000_000


NEEDS = (Capability.EVENT_TIME, Capability.KEYED_STATE)


Event = tuple[str, int]


def _fired(bench: Workbench, function: Any, events: list[Event], bound_s: float = 100) -> Any:
    """Return what *function* sends for these keys and times."""
    env = bench.environment()
    timed = env.from_collection(events).assign_timestamps(lambda event: event[1], bound_s)
    return bench.collect(timed.keyby(lambda event: event[0]).process(function))


class _Remind(ProcessFunction[Any, Any]):
    """Registers a timer ten seconds after each record."""

    def process(self, value: Any, out: ProcessOutput[Any]) -> None:
        assert self.timers.event_time_us is not None, "the record has no time"
        self.timers.register_event_time(self.timers.event_time_us + 10 * S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // S))


@promise(Capability.TIMERS, *NEEDS)
def timers_fire_by_time_then_by_registration(bench: Workbench) -> None:
    """The earliest first; those of one time in the order in which they were registered."""
    got = _fired(bench, _Remind, [("b", 3), ("a", 1), ("a", 3), ("c", 2), ("d", 3)])

    expect_equal(got, [("a", 11), ("c", 12), ("b", 13), ("a", 13), ("d", 13)], "the timers")


@promise(Capability.TIMERS, *NEEDS)
def many_timers_fire_in_order(bench: Workbench) -> None:
    """A thousand timers that were registered in any order fire by their times, each once."""
    events = [("all", number * 7_919 % 1_000) for number in range(1_000)]

    got = _fired(bench, _Remind, events, 1_000)

    expect_equal(got, [("all", second + 10) for second in range(1_000)], "the timers")


class _Lags(ProcessFunction[Event, Any]):
    """Tells by how much the watermark was ahead when a timer fired."""

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time(value[1] * S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.timers.watermark_us - timer.time_us, timer.domain))


@promise(Capability.TIMERS, *NEEDS)
def no_timer_fires_before_its_time(bench: Workbench) -> None:
    """When it fires, the watermark is that time or later; what is left fires at the end."""
    got = _fired(bench, _Lags, [("a", second) for second in range(300)], 0)

    expect_equal(len(got), 300, "the number of timers")
    early = [one for one in got if one[0] < 0 or one[1] != "event"]
    expect_equal(early, [], "timers that fired before their time")
    expect_equal(got[-1][0], MAX_WATERMARK_US - 299 * S, "how late the last one was")


class _Chain(ProcessFunction[Event, Any]):
    """Counts its timers in keyed state, and registers the next one, also for times gone by."""

    fired = ValueState(0)

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time(0)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        self.fired.set(self.fired.get() + 1)
        out.collect((self.ctx.get_key(), self.fired.get(), self.timers.event_time_us))
        if self.fired.get() < 3:
            self.timers.register_event_time(datetime.fromtimestamp(self.fired.get(), UTC))


@promise(Capability.TIMERS, *NEEDS)
def a_timer_sees_its_key_its_state_and_its_time(bench: Workbench) -> None:
    """In `on_timer` the key is that of the registration, and the event time that of the timer."""
    got = _fired(bench, _Chain, [("a", 100), ("b", 200)])

    for key in ("a", "b"):
        own = [one for one in got if one[0] == key]
        expect_equal(own, [(key, 1, 0), (key, 2, S), (key, 3, 2 * S)], f"the timers of {key}")


class _Replaces(_Remind):
    """Each record takes the place of the timer before."""

    last: ValueState[int] = ValueState(0)

    def process(self, value: Any, out: ProcessOutput[Any]) -> None:
        self.timers.delete_event_time(self.last.get())
        self.last.set((value[1] + 10) * S)
        super().process(value, out)


@promise(Capability.TIMERS, *NEEDS)
def deleting_leaves_the_timers_of_other_keys(bench: Workbench) -> None:
    """A key's timer is deleted for that key only, though others have one at the same time."""
    got = _fired(bench, _Replaces, [("a", 1), ("b", 1), ("a", 2), ("c", 1)])

    expect_equal(got, [("b", 11), ("c", 11), ("a", 12)], "the timers")


@promise(Capability.TIMERS, *NEEDS, Capability.KEYED_ROUTING)
def what_a_timer_sends_has_its_time(bench: Workbench) -> None:
    """A window behind it puts the record where the timer belongs."""
    env = bench.environment()
    timed = env.from_collection([("a", 1), ("a", 7)]).assign_timestamps(lambda e: e[1], 100)
    reminders = timed.keyby(lambda event: event[0]).process(_Remind)

    windows = reminders.keyby(lambda one: one[0]).window(TumblingTimeWindows(5))
    got = bench.collect(windows.process(lambda key, w, ones: [(w.start_us // S, list(ones))]))

    expect_equal(got, [(10, [("a", 11)]), (15, [("a", 17)])], "the windows")


@promise(Capability.TIMERS, *NEEDS, Capability.KEYED_ROUTING, Capability.PARALLELISM)
def parallel_timers_fire_once_each(bench: Workbench) -> None:
    """Each instance fires the timers of its keys, and of no other."""
    events = [(f"k{number % 13}", number) for number in range(200)]
    env = bench.environment()
    timed = env.from_collection(events).assign_timestamps(_time_of, 200)

    got = bench.collect(timed.keyby(_key_of).process(_Remind, parallelism=3))

    expect_same_records(got, [(key, second + 10) for key, second in events], "the timers")


def _time_of(event: Event) -> int:
    return event[1]


def _key_of(event: Event) -> str:
    return event[0]


class _Raises(_Remind):
    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        raise ValueError("no")


@promise(Capability.TIMERS, *NEEDS, Capability.ERROR_POLICIES)
def no_policy_hides_a_failing_timer(bench: Workbench) -> None:
    """With ``on_error="skip"``, too: there is no record that could be skipped."""
    env = bench.environment()
    timed = env.from_collection([("a", 1)]).assign_timestamps(lambda event: event[1])
    keyed = timed.keyby(lambda event: event[0])
    keyed.process(_Raises, on_error="skip").sink(lambda record: None)

    cause = bench.fail(env).__cause__

    expect_equal(repr(cause), "ValueError('no')", "the cause")
