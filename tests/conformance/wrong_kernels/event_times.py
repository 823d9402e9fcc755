"""Kernels that are wrong about event time: too early, twice, out of order."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from sage_kernel_api.runnable import MAX_WATERMARK_US
from sage_kernel_api.values import Capability
from sage_kernel_mock.event_time import InputTimes, TimeMark
from tests.conformance.wrong_kernels.durability import beginning_with
from tests.conformance.wrong_kernels.faults import default_kernel, fault, mock_kernel, on_tasks
from tests.conformance.wrong_kernels.recovery import on_operators


class _Fastest(InputTimes):
    """Goes by the fastest of its inputs."""

    def take(self, sender: Hashable, mark: TimeMark) -> TimeMark | None:
        self._marks[sender] = mark
        merged = TimeMark(max(one.time_us for one in self._marks.values()))
        if merged.time_us <= self._last.time_us:
            return None
        self._last = merged
        return merged


@fault(Capability.EVENT_TIME, "the_slowest_input_decides")
def goes_by_the_fastest_input() -> Any:
    def spoil(task: Any) -> None:
        wrong = _Fastest()
        wrong._marks = task.time.inputs._marks
        task.time.inputs = wrong

    return on_tasks(spoil)


@fault(Capability.EVENT_TIME, "a_watermark_comes_behind_its_records")
def lets_time_run_ahead_of_the_records() -> Any:
    def spoil(runnable: Any) -> None:
        told = getattr(runnable, "watermark_us", None)
        if runnable.kind == "assign_time" and told is not None:
            runnable.watermark_us = lambda: None if told() is None else told() + 3_000_000

    return on_operators(mock_kernel(), spoil)


@fault(Capability.EVENT_TIME, "an_ended_input_is_not_waited_for")
def waits_for_inputs_that_have_ended() -> Any:
    def spoil(task: Any) -> None:
        take = task.time.inputs.take

        def wrong(sender: Hashable, mark: TimeMark) -> TimeMark | None:
            return None if mark.is_idle else take(sender, mark)

        task.time.inputs.take = wrong

    return on_tasks(spoil)


@fault(Capability.EVENT_TIME, "in_the_end_time_is_over")
def tells_the_end_of_time_twice() -> Any:
    def spoil(runnable: Any) -> None:
        on_watermark = getattr(runnable, "on_watermark", None)
        if on_watermark is None:
            return

        def wrong(watermark_us: int) -> None:
            for _ in range(2 if watermark_us == MAX_WATERMARK_US else 1):
                on_watermark(watermark_us)

        runnable.on_watermark = wrong

    return on_operators(mock_kernel(), spoil)


@fault(Capability.EVENT_TIME, "a_late_record_is_told_apart")
def takes_late_records_for_punctual_ones() -> Any:
    def spoil(runnable: Any) -> None:
        if "Window" in type(runnable).__name__:
            on_watermark = runnable.on_watermark
            # All windows stay open to the end, so nothing ever comes too late.
            runnable.on_watermark = lambda now_us: (
                on_watermark(now_us) if now_us == MAX_WATERMARK_US else None
            )

    return on_operators(default_kernel(), spoil)


def _firing(order: Callable[[list[Any]], list[Any]]) -> Any:
    """Return a kernel in which timers that are due fire in another order or number."""

    def spoil(runnable: Any) -> None:
        opened = runnable.open

        def wrong() -> None:
            opened()
            service = getattr(runnable.function, "_timers", None)
            if service is not None:
                take = service._take
                service._take = lambda domain, until_us: order(list(take(domain, until_us)))

        if hasattr(runnable, "function"):
            runnable.open = wrong

    return on_operators(mock_kernel(), spoil)


@fault(Capability.TIMERS, "timers_fire_by_time_then_by_registration")
def fires_the_latest_timer_first() -> Any:
    return _firing(lambda due: due[::-1])


@fault(Capability.TIMERS, "many_timers_fire_in_order")
def fires_every_timer_twice() -> Any:
    return _firing(lambda due: [one for one in due for _ in range(2)])


@fault(Capability.TIMERS, "timers_fire_by_time_then_by_registration")
def loses_the_timers_of_one_key() -> Any:
    return _firing(lambda due: [one for one in due if one[1] != "b"])


@fault(Capability.TIMERS, "a_step_is_called_when_it_is_due")
def calls_before_the_time_has_come() -> Any:
    def spoil(runnable: Any) -> None:
        due = getattr(runnable, "next_due_us", None)
        if due is not None:
            runnable.next_due_us = lambda: None if due() is None else due() - 4_900

    return on_operators(default_kernel(), spoil)


@fault(Capability.TIMERS, "timers_survive_a_crash")
def forgets_timers_at_a_crash() -> Any:
    return beginning_with(
        lambda one: replace(one, keyed=[x for x in one.keyed if x.table != "__timers"])
    )
