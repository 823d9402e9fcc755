"""Time as one operator sees it: of the record at hand, of its inputs, of the wall.

Layer: core. Knows kernels through `SupportsEventTime` and `SupportsKeyedState` only.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sage_kernel_api.context import ExecutionContext, SupportsEventTime, SupportsKeyedState
from sage_kernel_api.errors import ContextError
from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StepClock"]


class StepClock:
    """Reads and sets the time and the key that an operator works under.

    Args:
        context: Of the operator.

    Raises:
        ContextError: The kernel knows no time.
    """

    __slots__ = ("_context", "_store")

    def __init__(self, context: ExecutionContext) -> None:
        if not isinstance(context, SupportsEventTime):
            raise ContextError(
                f"Step {context.name!r} works with time, and this kernel has none. Choose one with "
                "the capability 'event-time' (`sage-kernel list` shows what each one offers)."
            )
        self._context: SupportsEventTime = context
        self._store: KeyedStateStore | None = (
            context.keyed_state if isinstance(context, SupportsKeyedState) else None
        )

    @property
    def event_time_us(self) -> int | None:
        """The event time of the record at hand."""
        return self._context.event_time_us

    @property
    def watermark_us(self) -> int:
        """The event time that is over at this step."""
        return self._context.watermark_us

    def processing_time_us(self) -> int:
        """Return the present."""
        return self._context.processing_time_us()

    @contextmanager
    def at(self, key: Payload, time_us: int | None) -> Iterator[None]:
        """Work for *key* at *time_us*, apart from any record; what is sent goes out so."""
        context, store = self._context, self._store
        before_us = context.event_time_us
        before = store.key if store is not None else None
        context.event_time_us = time_us
        if store is not None:
            store.key = key
        try:
            yield
        finally:
            context.event_time_us = before_us
            if store is not None:
                store.key = before
