"""The operator of the most general function: any output, state, timers.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.event_time import Timer, TimerService
from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.runnable import KIND_PROCESS
from sage_kernel_api.values import Payload

__all__ = ["ProcessOperator", "has_timers"]


def has_timers(function: object) -> bool:
    """Tell whether *function* is a class of functions that act on timers."""
    return (
        isinstance(function, type)
        and issubclass(function, ProcessFunction)
        and function.on_timer is not ProcessFunction.on_timer
    )


class ProcessOperator(BaseOperator):
    """Calls ``process(value, out)`` for records and ``on_timer(timer, out)`` for timers."""

    kind = KIND_PROCESS

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.out: ProcessOutput[Payload] = ProcessOutput(execution_context)
        self._process = self.method("process")
        self._timers: TimerService | None = None
        if has_timers(type(self.function)):
            self._timers = TimerService(execution_context)
            self.function._timers = self._timers

    def open(self) -> None:
        """Take up the timers of a restored state, then open the function."""
        if self._timers is not None:
            self._timers.restore()
        super().open()

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Hand *data* and the way out to the function."""
        self._process(data, self.out)

    def on_watermark(self, watermark_us: int) -> None:
        """Fire the timers of event time that are due."""
        if self._timers is not None:
            self._timers.fire("event", watermark_us, self._on_timer)

    def next_due_us(self) -> int | None:
        """Return when the next timer of processing time is due."""
        return None if self._timers is None else self._timers.next_processing_time_us

    def on_processing_time(self, now_us: int) -> None:
        """Fire the timers of processing time that are due."""
        if self._timers is not None:
            self._timers.fire("processing", now_us, self._on_timer)

    def finish(self) -> None:
        """Let the function emit what it held back."""
        if isinstance(self.function, ProcessFunction):
            self.function.finish(self.out)

    def _on_timer(self, timer: Timer) -> None:
        self.function.on_timer(timer, self.out)
