"""Timers of the clock, and timers that outlive a crash.

Layer: testing. Promises of `Capability.TIMERS`, `TimerService` and `TimedRunnable`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.core.event_time.timers import Timer
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    Tape,
    TapeSource,
    durable,
    finish,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.plain_pipelines import edge, pipeline, step
from sage_kernel_api.testing.promises.timers import NEEDS, S
from sage_kernel_api.testing.timed_steps import Log, Watch, source_until
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState


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


class _Later(ProcessFunction[int, Any]):
    """Registers a timer forty seconds after each number."""

    def process(self, value: int, out: ProcessOutput[Any]) -> None:
        self.timers.register_event_time((value + 40) * S)

    def on_timer(self, timer: Timer, out: ProcessOutput[Any]) -> None:
        out.collect((self.ctx.get_key(), timer.time_us // S))


@promise(Capability.TIMERS, *NEEDS, Capability.CHECKPOINTS)
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
