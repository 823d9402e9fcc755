"""The operator of `DataStream.assign_timestamps`: event times, and how far event time is.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.core.event_time import PLAIN_LIMIT_S, Instant, instant_us
from sage_kernel_api.core.operators.kept_time import TimeKeepingOperator
from sage_kernel_api.errors import ContextError
from sage_kernel_api.runnable import KIND_ASSIGN_TIME, MIN_WATERMARK_US
from sage_kernel_api.values import Capability, Payload

__all__ = ["AssignTimeOperator"]


class AssignTimeOperator(TimeKeepingOperator):
    """Gives each record its event time; a `WatermarkRunnable`.

    The watermark lies one microsecond before the latest time seen minus the bound: a record that
    is out of order by exactly the bound is still in time.

    Attributes:
        bound_us: How much later than a newer one a record may come.
        idle_after_s: See `WatermarkRunnable`.
    """

    kind = KIND_ASSIGN_TIME
    needs: ClassVar[tuple[Capability, ...]] = (Capability.EVENT_TIME,)

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.bound_us = 0
        self.idle_after_s: float | None = None
        self._latest_us = MIN_WATERMARK_US
        self.call: Callable[[Payload], int] = self._make_call(self.method("execute"))

    def _make_call(self, assign: Callable[[Payload], Instant]) -> Callable[[Payload], int]:
        def call(value: Payload) -> int:
            time: Any = assign(value)
            # What nearly all programs return, without the price of a call.
            is_plain = type(time) is float or type(time) is int
            if is_plain and -PLAIN_LIMIT_S < time < PLAIN_LIMIT_S:
                time_us: int = round(time * 1_000_000)
            else:
                time_us = instant_us(time)
            if time_us > self._latest_us:
                self._latest_us = time_us
            return time_us

        return call

    def watermark_us(self) -> int | None:
        """Return the event time that is over."""
        if self._latest_us == MIN_WATERMARK_US:
            return None
        return self._latest_us - self.bound_us - 1

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward *data* under its event time."""
        context = self.context
        time_us = self.call(data)
        if not isinstance(context, SupportsEventTime):
            raise ContextError(f"Step {context.name!r} assigns times, and this kernel has none.")
        context.event_time_us = time_us
        context.send_data(data)

    @property
    def time_us(self) -> int:
        """The latest time seen."""
        return self._latest_us

    @time_us.setter
    def time_us(self, time_us: int) -> None:
        self._latest_us = time_us
