"""Event time and timers of one instance of one step.

Knows one `Runnable` and the way out; nothing of inboxes and records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

from sage_kernel_api.runnable import (
    KIND_ASSIGN_TIME,
    MAX_WATERMARK_US,
    Runnable,
    TimedRunnable,
    WatermarkRunnable,
)
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import InputTimes, TimeMark
from sage_kernel_mock.transport import Outlet

__all__ = ["StepTime"]


class StepTime:
    """Tells a step what time it is, and the steps behind it what follows from that.

    Args:
        context: Of the step.
        clock: Of the kernel.
        guard: Runs user code of the step: what it does in words, and the call.

    Attributes:
        inputs: How far the step's inputs are.
    """

    def __init__(
        self,
        context: MockExecutionContext,
        clock: ManualClock,
        guard: Callable[[str, Callable[[], None]], None],
    ) -> None:
        self.inputs = InputTimes()
        self._context = context
        self._facts = context.facts
        self._clock = clock
        self._guard = guard
        self._timed: TimedRunnable | None = None
        self._source: WatermarkRunnable | None = None
        self._last_record_s = clock.now_s
        self._is_idle = False

    def bind(self, runnable: Runnable) -> None:
        """Take the step's instance, once it was made."""
        if hasattr(runnable, "on_watermark"):
            self._timed = cast("TimedRunnable", runnable)
        if runnable.kind == KIND_ASSIGN_TIME:
            self._source = cast("WatermarkRunnable", runnable)

    # --- event time --------------------------------------------------------------------------

    def take(self, sender: Outlet, mark: TimeMark) -> None:
        """Act on a mark of one input."""
        merged = self.inputs.take(sender, mark)
        if merged is None:
            return
        if self._source is None:
            self._reach(merged.time_us)
            self._context.transport.send_mark(merged)
        elif merged.is_idle:
            # Of the marks before it, a step that assigns times itself believes the end only.
            self.rest()

    def after_record(self) -> None:
        """Send how far event time is, after a record of a step that assigns it."""
        if self._source is None:
            return
        self._last_record_s = self._clock.now_s
        time_us = self._source.watermark_us()
        if time_us is not None and (time_us > self._facts.watermark_us or self._is_idle):
            self._is_idle = False
            self._facts.watermark_us = max(self._facts.watermark_us, time_us)
            self._context.transport.send_mark(TimeMark(self._facts.watermark_us))

    def rest(self) -> None:
        """Tell that nothing comes for now, or that nothing will come any more."""
        self._is_idle = True
        self._context.transport.send_mark(TimeMark(self._facts.watermark_us, is_idle=True))

    def end(self) -> None:
        """Let the step act on the end of event time: all its inputs have ended."""
        self._reach(MAX_WATERMARK_US)

    def _reach(self, time_us: int) -> None:
        timed = self._timed
        if time_us <= self._facts.watermark_us:
            return
        self._facts.watermark_us = time_us
        if timed is not None:
            self._guard("on_watermark", lambda: timed.on_watermark(time_us))

    # --- the clock ---------------------------------------------------------------------------

    @property
    def needs_looks(self) -> bool:
        """True if the passing of time can concern the step: it has timers, or assigns times."""
        return self._timed is not None or self._source is not None

    def look(self) -> bool:
        """Fire timers that are due, and notice that no records come; False if neither was so."""
        acted = False
        timed, now_us = self._timed, self._context.processing_time_us()
        if timed is not None and (due_us := timed.next_due_us()) is not None and due_us <= now_us:
            self._guard("on_processing_time", lambda: timed.on_processing_time(now_us))
            acted = True
        if not self._is_idle and self._has_waited_long:
            self.rest()
            acted = True
        return acted

    @property
    def due_in_s(self) -> float:
        """Return in how many seconds a timer is due; infinity for none."""
        due_us = None if self._timed is None else self._timed.next_due_us()
        if due_us is None:
            return math.inf
        return max(0.0, (due_us - self._context.processing_time_us()) / 1_000_000)

    @property
    def _has_waited_long(self) -> bool:
        if self._source is None or self._source.idle_after_s is None:
            return False
        return self._clock.now_s - self._last_record_s >= self._source.idle_after_s
