"""Timers: when they fire, in which order, and under which key.

Layer: testing. Promises of `Capability.TIMERS`, `TimerService` and `TimedRunnable`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, cast

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.core.event_time.timers import Timer
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput, ValueState
from sage_kernel_api.core.windows import TumblingTimeWindows
from sage_kernel_api.runnable import MAX_WATERMARK_US
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    Tape,
    TapeSource,
    durable,
    finish,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_same_records
from sage_kernel_api.testing.plain_pipelines import edge, pipeline, step
from sage_kernel_api.testing.timed_steps import Log, Watch, source_until
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState

_S = 1_000_000
_NEEDS = (Capability.EVENT_TIME, Capability.KEYED_STATE)
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
        self.timers.register_event_time(self.timers.event_time_us + 10 * _S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // _S))


@promise(Capability.TIMERS, *_NEEDS)
def timers_fire_by_time_then_by_registration(bench: Workbench) -> None:
    """The earliest first; those of one time in the order in which they were registered."""
    got = _fired(bench, _Remind, [("b", 3), ("a", 1), ("a", 3), ("c", 2), ("d", 3)])

    expect_equal(got, [("a", 11), ("c", 12), ("b", 13), ("a", 13), ("d", 13)], "the timers")


@promise(Capability.TIMERS, *_NEEDS)
def many_timers_fire_in_order(bench: Workbench) -> None:
    """A thousand timers that were registered in any order fire by their times, each once."""
    events = [("all", number * 7_919 % 1_000) for number in range(1_000)]

    got = _fired(bench, _Remind, events, 1_000)

    expect_equal(got, [("all", second + 10) for second in range(1_000)], "the timers")


class _Lags(ProcessFunction[Event, Any]):
    """Tells by how much the watermark was ahead when a timer fired."""

    def process(self, value: Event, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time(value[1] * _S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.timers.watermark_us - timer.time_us, timer.domain))


@promise(Capability.TIMERS, *_NEEDS)
def no_timer_fires_before_its_time(bench: Workbench) -> None:
    """When it fires, the watermark is that time or later; what is left fires at the end."""
    got = _fired(bench, _Lags, [("a", second) for second in range(300)], 0)

    expect_equal(len(got), 300, "the number of timers")
    early = [one for one in got if one[0] < 0 or one[1] != "event"]
    expect_equal(early, [], "timers that fired before their time")
    expect_equal(got[-1][0], MAX_WATERMARK_US - 299 * _S, "how late the last one was")


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


@promise(Capability.TIMERS, *_NEEDS)
def a_timer_sees_its_key_its_state_and_its_time(bench: Workbench) -> None:
    """In `on_timer` the key is that of the registration, and the event time that of the timer."""
    got = _fired(bench, _Chain, [("a", 100), ("b", 200)])

    for key in ("a", "b"):
        own = [one for one in got if one[0] == key]
        expect_equal(own, [(key, 1, 0), (key, 2, _S), (key, 3, 2 * _S)], f"the timers of {key}")


class _Replaces(_Remind):
    """Each record takes the place of the timer before."""

    last: ValueState[int] = ValueState(0)

    def process(self, value: Any, out: ProcessOutput[Any]) -> None:
        self.timers.delete_event_time(self.last.get())
        self.last.set((value[1] + 10) * _S)
        super().process(value, out)


@promise(Capability.TIMERS, *_NEEDS)
def deleting_leaves_the_timers_of_other_keys(bench: Workbench) -> None:
    """A key's timer is deleted for that key only, though others have one at the same time."""
    got = _fired(bench, _Replaces, [("a", 1), ("b", 1), ("a", 2), ("c", 1)])

    expect_equal(got, [("b", 11), ("c", 11), ("a", 12)], "the timers")


@promise(Capability.TIMERS, *_NEEDS, Capability.KEYED_ROUTING)
def what_a_timer_sends_has_its_time(bench: Workbench) -> None:
    """A window behind it puts the record where the timer belongs."""
    env = bench.environment()
    timed = env.from_collection([("a", 1), ("a", 7)]).assign_timestamps(lambda e: e[1], 100)
    reminders = timed.keyby(lambda event: event[0]).process(_Remind)

    windows = reminders.keyby(lambda one: one[0]).window(TumblingTimeWindows(5))
    got = bench.collect(windows.process(lambda key, w, ones: [(w.start_us // _S, list(ones))]))

    expect_equal(got, [(10, [("a", 11)]), (15, [("a", 17)])], "the windows")


@promise(Capability.TIMERS, *_NEEDS, Capability.KEYED_ROUTING, Capability.PARALLELISM)
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


class _Alarms(ProcessFunction[int, Any]):
    """Sets alarms for now, for soon, for one that is deleted, and for long after the job."""

    def process(self, value: int, out: ProcessOutput[Any]) -> None:
        now_us = self.timers.processing_time_us
        for delay_us in (20_000, 10_000, 15_000, 0, 10**12):
            self.timers.register_processing_time(now_us + delay_us)
        self.timers.delete_processing_time(now_us + 15_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        early = self.timers.processing_time_us < timer.time_us
        out.collect((self.ctx.get_key(), timer.time_us, early, timer.domain))


@promise(Capability.TIMERS, Capability.KEYED_STATE)
def timers_of_the_clock_fire_in_order(bench: Workbench) -> None:
    """By time, none before it, none that was deleted, and none that is due after the end."""
    got: list[Any] = []
    tape = Tape(2)
    env = bench.environment()
    keyed = env.from_source(_TapeUntil, tape, lambda: len(got) == 3).keyby(lambda number: "k")
    keyed.process(_Alarms).sink(got.append)
    bench.finish(env)

    expect_equal([(one[0], *one[2:]) for one in got], [("k", False, "processing")] * 3, "timers")
    times = [one[1] - got[0][1] for one in got]
    expect_equal(times, [0, 10_000, 20_000], "when they fired, from the first one on")


class _TapeUntil(TapeSource):
    """Gives one number, and then nothing until the test is over."""

    looks: ClassVar[int] = 900

    def __init__(self, tape: Tape, is_over: Callable[[], bool]) -> None:
        super().__init__(tape)
        self.is_over = is_over
        self.left = self.looks

    def execute(self) -> Any:
        self.left -= 1
        self.tape.limit = 2 if self.is_over() or not self.left else 1
        found = super().execute()
        # The second number only says that it is over.
        return self.tape.read(2) if found == 1 else found


class _Clock(Watch):
    """Asks for one call by the clock, below the core."""

    def __init__(self, log: Log, context: ExecutionContext) -> None:
        super().__init__(log, context)
        self._due_us: int | None = None

    def process(self, data: Any, input_index: int = 0) -> None:
        self._due_us = cast("SupportsEventTime", self.context).processing_time_us() + 5_000

    def next_due_us(self) -> int | None:
        return self._due_us

    def on_processing_time(self, now_us: int) -> None:
        self.log.add("due", self._due_us)
        self._due_us = None
        super().on_processing_time(now_us)


@promise(Capability.TIMERS)
def a_step_is_called_when_it_is_due(bench: Workbench) -> None:
    """`on_processing_time` comes once, not before `next_due_us`, although no record comes."""
    log = Log()
    config = pipeline(
        source_until("source", [1], log, lambda: bool(log.all("clock"))),
        step("clock", partial(_Clock, log), edge("source"), kind="process", requires=["timers"]),
    )

    status = bench.wait(bench.jobs.submit_job(config))

    expect_equal(status["state"], JobState.FINISHED, "the state")
    expect_equal(len(log.all("clock")), 1, "the number of calls")
    expect(log.all("clock")[0] >= log.all("due")[0], "it was called before its time")


class _Raises(_Remind):
    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        raise ValueError("no")


@promise(Capability.TIMERS, *_NEEDS, Capability.ERROR_POLICIES)
def no_policy_hides_a_failing_timer(bench: Workbench) -> None:
    """With ``on_error="skip"``, too: there is no record that could be skipped."""
    env = bench.environment()
    timed = env.from_collection([("a", 1)]).assign_timestamps(lambda event: event[1])
    keyed = timed.keyby(lambda event: event[0])
    keyed.process(_Raises, on_error="skip").sink(lambda record: None)

    cause = bench.fail(env).__cause__

    expect_equal(repr(cause), "ValueError('no')", "the cause")


class _Later(ProcessFunction[int, Any]):
    """Registers a timer forty seconds after each number."""

    def process(self, value: int, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time((value + 40) * _S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // _S))


@promise(Capability.TIMERS, *_NEEDS, Capability.CHECKPOINTS)
def timers_survive_a_crash(bench: Workbench) -> None:
    """What was registered before the checkpoint fires after it, and what had fired does not."""
    tape = Tape()
    before: list[Any] = []
    after: list[Any] = []

    def build(found: list[Any]) -> Env:
        env = durable(bench)
        numbers = env.from_source(TapeSource, tape, uid="tape")
        timed = numbers.assign_timestamps(float, 0, uid="time")
        timed.keyby(lambda number: number % 3).process(_Later, uid="later").sink(found.append)
        return env

    take_checkpoint(bench, run_to(bench, build(before), tape, 60))
    bench.start_again()
    finish(bench, build(after), tape)

    expect_equal(
        sorted([*before, *after], key=lambda one: one[1]),
        [(number % 3, number + 40) for number in range(100)],
        "the timers of both runs",
    )
    expect(before != [], "no timer had fired before the checkpoint")
