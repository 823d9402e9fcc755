"""Timers of event time: in their order, once, deleted, registered anew.

Layer: testing. Promises of `Capability.TIMERS` and `Capability.EVENT_TIME`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.event_time.timers import Timer
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.promises.event_time import S
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


class _Wakes(ProcessFunction[Any, Any]):
    """Registers a timer for each record, ten seconds later, and tells when it fires."""

    def process(self, value: Any, out: ProcessOutput[Any]) -> None:
        time_us = self.timers.event_time_us
        if time_us is not None:
            self.timers.register_event_time(time_us + 10 * S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // S, timer.domain))

    def finish(self, out: ProcessOutput[Any]) -> None:
        out.collect("finish")


@promise(Capability.TIMERS, Capability.EVENT_TIME, Capability.KEYED_STATE)
def timers_of_event_time_fire_in_their_order(bench: Workbench) -> None:
    """They fire by time under their key, the last ones when the input ends, before `finish`."""
    env = bench.environment()
    timed = env.from_collection([2, 1, 3]).assign_timestamps(float, max_out_of_orderness_s=5)

    got = bench.collect(timed.keyby(lambda x: f"k{x}").process(_Wakes))

    expected = [(f"k{x}", x + 10, "event") for x in (1, 2, 3)]
    expect_equal(got, [*expected, "finish"], "the timers")


@promise(Capability.TIMERS, Capability.EVENT_TIME, Capability.KEYED_STATE)
def equal_timers_of_a_key_are_one(bench: Workbench) -> None:
    """Two timers of one key and one time fire once; those of two keys fire twice."""
    env = bench.environment()
    records = [("a", 1), ("a", 1), ("b", 1)]
    timed = env.from_collection(records).assign_timestamps(
        lambda r: float(r[1]), max_out_of_orderness_s=0
    )

    got = bench.collect(timed.keyby(lambda r: r[0]).process(_Wakes))

    expect_equal(sorted(map(str, got)), sorted(map(str, [("a", 11, "event"), ("b", 11, "event"),
                 "finish"])), "the timers")  # fmt: skip


class _Deletes(_Wakes):
    """Deletes the timers of odd seconds again."""

    def process(self, value: Any, out: ProcessOutput[Any]) -> None:
        super().process(value, out)
        if value % 2:
            self.timers.delete_event_time((value + 10) * S)
            self.timers.delete_event_time(12345)


@promise(Capability.TIMERS, Capability.EVENT_TIME, Capability.KEYED_STATE)
def a_deleted_timer_does_not_fire(bench: Workbench) -> None:
    """Deleting forgets one timer; deleting one that there is not does nothing."""
    env = bench.environment()
    timed = env.from_collection([1, 2, 3, 4]).assign_timestamps(float, max_out_of_orderness_s=0)

    got = bench.collect(timed.keyby(lambda x: 0).process(_Deletes))

    expect_equal([one[1] for one in got[:-1]], [12, 14], "the times of the timers")


class _Chain(_Wakes):
    """Registers the next timer within a timer, three times."""

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        super().on_timer(timer, out)
        if timer.time_us < 40 * S:
            self.timers.register_event_time(timer.time_us + 10 * S)


@promise(Capability.TIMERS, Capability.EVENT_TIME, Capability.KEYED_STATE)
def a_timer_may_register_the_next_one(bench: Workbench) -> None:
    """While timers fire, others may be registered, and fire as well."""
    env = bench.environment()
    timed = env.from_collection([1]).assign_timestamps(float, max_out_of_orderness_s=0)

    got = bench.collect(timed.keyby(lambda x: 0).process(_Chain))

    expect_equal([one[1] for one in got[:-1]], [11, 21, 31, 41], "the times of the timers")


class _Fails(_Wakes):
    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        raise ValueError("no")


@promise(Capability.TIMERS, Capability.EVENT_TIME, Capability.KEYED_STATE)
def a_failing_timer_fails_the_job(bench: Workbench) -> None:
    """What `on_timer` raises is the job's failure."""
    env = bench.environment()
    timed = env.from_collection([1]).assign_timestamps(float, max_out_of_orderness_s=0)
    timed.keyby(lambda x: 0).process(_Fails).sink(lambda record: None)

    status = bench.run(env)

    expect_equal(status["state"], JobState.FAILED, "the state")
    cause = getattr(status.get("exception"), "__cause__", None)
    expect(repr(cause) == "ValueError('no')", f"the cause is {cause!r}")


class _Alarm(ProcessFunction[int, Any]):
    """Wakes up a moment later by the clock."""

    def process(self, value: int, out: ProcessOutput[Any]) -> None:
        self.timers.register_processing_time(self.timers.processing_time_us + 10_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect(timer.domain)


@promise(Capability.TIMERS, Capability.KEYED_STATE)
def a_timer_of_the_clock_fires_while_the_source_has_nothing(bench: Workbench) -> None:
    """It fires once the clock has reached its time, although no record comes."""
    from sage_kernel_api.values import StopSignal

    got: list[Any] = []
    looks: list[int] = []
    env = bench.environment()

    def ask() -> Any:
        looks.append(1)
        if len(looks) == 1:
            return 1
        return StopSignal() if got or len(looks) > 900 else None

    env.from_source(ask).keyby(lambda x: 0).process(_Alarm).sink(got.append)
    bench.finish(env)

    expect_equal(got, ["processing"], "the timers")
