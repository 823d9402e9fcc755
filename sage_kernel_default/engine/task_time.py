"""Event time inside of one task: from its inputs through its chain to its outlets; and timers.

Layer: engine. Not there for tasks without times and timers, which so pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sage_kernel_api.runnable import (
    KIND_ASSIGN_TIME,
    MAX_WATERMARK_US,
    MIN_WATERMARK_US,
    TimedRunnable,
    WatermarkRunnable,
)
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.marks import Watermark
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.outlets import Outlet
from sage_kernel_default.engine.tally import total
from sage_kernel_default.plan import LogicalPlan

__all__ = ["TaskTime"]

_NOTHING = Watermark(MIN_WATERMARK_US)


@dataclass(slots=True, eq=False)
class _StepTime:
    """How far event time is at one step.

    Attributes:
        operator: The step.
        inside: What feeds it within the task; empty for the first step.
        timed: The step, if it acts on time.
        assigns: The step, if it assigns times.
        now: What holds behind it.
        seen: Records that had come to a step that assigns times, at the last look.
        seen_at_s: When that was last another number.
    """

    operator: Operator
    inside: list[_StepTime]
    timed: TimedRunnable | None
    assigns: WatermarkRunnable | None
    now: Watermark = _NOTHING
    seen: int = 0
    seen_at_s: float | None = None


class TaskTime:
    """Moves watermarks through the steps of a task, and fires what is due.

    Every step is told of the time before the steps behind it, and what it emits then is worked
    on first: so no step sees a record of which time says that it cannot come.
    """

    def __init__(self, steps: list[_StepTime], outlets: list[tuple[Outlet, _StepTime]]) -> None:
        self._steps = steps
        self._outlets = outlets
        self._sent: dict[Outlet, Watermark] = dict.fromkeys(
            (outlet for outlet, _ in outlets), _NOTHING
        )
        self._input = _NOTHING
        self._clocked = [step.timed for step in steps if step.timed is not None]
        self._assigning = [step for step in steps if step.assigns is not None]

    @classmethod
    def of(
        cls, plan: LogicalPlan, operators: Sequence[Operator], outlets: Sequence[Outlet]
    ) -> TaskTime | None:
        """Return the time of a task; None if it has none."""
        by_id: dict[str, _StepTime] = {}
        for operator in operators:
            inputs = plan.inputs[operator.step.id]
            inside = [by_id[edge.upstream] for edge in inputs if edge.upstream in by_id]
            is_timed = hasattr(operator.runnable, "on_watermark") and not operator.is_async
            by_id[operator.step.id] = _StepTime(
                operator,
                inside,
                cast("TimedRunnable", operator.runnable) if is_timed else None,
                cast("WatermarkRunnable", operator.runnable)
                if operator.kind == KIND_ASSIGN_TIME
                else None,
            )
        steps = list(by_id.values())
        has_time = any(step in plan.timed for step in by_id)
        if not has_time and not any(step.timed for step in steps):
            return None
        return cls(steps, [(outlet, by_id[outlet.edge.upstream]) for outlet in outlets])

    # --- event time ----------------------------------------------------------------------------

    def take(self, mark: Watermark) -> None:
        """Take note of how far the task's inputs are; `move` acts on it."""
        self._input = mark

    def move(self, settle: Callable[[], None], now_s: float) -> None:
        """Carry what has changed through the chain and into the outlets; after each frame.

        Args:
            settle: Works on all that was emitted.
            now_s: The engine's clock.
        """
        for step in self._steps:
            before = step.now
            reached = self._before(step)
            if step.assigns is not None:
                step.now = self._assigned(step, step.assigns, reached, now_s)
            elif reached != before:
                step.now = reached
                if reached.time_us > before.time_us:
                    self._tell(step, reached.time_us, settle)
        for outlet, step in self._outlets:
            if step.now != self._sent[outlet]:
                self._sent[outlet] = step.now
                outlet.put_mark(step.now)

    def end(self, operator: Operator, settle: Callable[[], None]) -> None:
        """Tell a step that event time is over; before its ``finish``."""
        for step in self._steps:
            if step.operator is operator:
                self._tell(step, MAX_WATERMARK_US, settle)

    def _before(self, step: _StepTime) -> Watermark:
        """Return how far time is in front of a step; never less than it was behind it."""
        if not step.inside:
            return self._input
        busy = [other.now.time_us for other in step.inside if not other.now.is_idle]
        last = step.now.time_us if step.assigns is None else MIN_WATERMARK_US
        return Watermark(max(last, min(busy)) if busy else last, is_idle=not busy)

    def _assigned(
        self, step: _StepTime, assigns: WatermarkRunnable, reached: Watermark, now_s: float
    ) -> Watermark:
        seen = total(step.operator.counters.ins)
        if seen != step.seen or step.seen_at_s is None:
            step.seen, step.seen_at_s = seen, now_s
            time_us = assigns.watermark_us()
            least = step.now.time_us
            return Watermark(least if time_us is None else max(least, time_us))
        limit_s = assigns.idle_after_s
        is_over = limit_s is not None and now_s - step.seen_at_s >= limit_s
        # Of the watermarks before it, such a step believes only that nothing comes.
        if is_over or reached.is_idle:
            return Watermark(step.now.time_us, is_idle=True)
        return step.now

    def _tell(self, step: _StepTime, time_us: int, settle: Callable[[], None]) -> None:
        operator, timed = step.operator, step.timed
        operator.context.watermark_us = time_us
        if timed is None:
            return
        try:
            timed.on_watermark(time_us)
        except BaseException as error:
            raise step_error(operator.step, error, doing="on_watermark") from error
        settle()

    # --- processing time -----------------------------------------------------------------------

    def fire(self, now_us: int, settle: Callable[[], None]) -> None:
        """Fire the timers that the clock on the wall has reached."""
        for step in self._steps:
            due_us = None if step.timed is None else step.timed.next_due_us()
            if step.timed is None or due_us is None or due_us > now_us:
                continue
            try:
                step.timed.on_processing_time(now_us)
            except BaseException as error:
                raise step_error(step.operator.step, error, doing="on_processing_time") from error
            settle()

    @property
    def next_due_us(self) -> int | None:
        """The time of the earliest timer, by the clock on the wall; None for none."""
        dues = [due for timed in self._clocked if (due := timed.next_due_us()) is not None]
        return min(dues, default=None)

    def waits_s(self, now_s: float, wall_us: int) -> Iterator[float]:
        """Yield in how many seconds there is something to do although nothing comes."""
        if (due_us := self.next_due_us) is not None:
            yield max(0.0, (due_us - wall_us) / 1_000_000)
        for step in self._assigning:
            limit_s = step.assigns.idle_after_s if step.assigns is not None else None
            if limit_s is not None and step.seen_at_s is not None and not step.now.is_idle:
                yield max(0.0, step.seen_at_s + limit_s - now_s)
