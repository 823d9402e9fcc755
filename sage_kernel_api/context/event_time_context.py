"""What the context of a step offers beside the rest if its kernel knows time.

Layer: context.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

__all__ = ["SupportsEventTime"]


@runtime_checkable
class SupportsEventTime(Protocol):
    """An `ExecutionContext` of a kernel with `Capability.EVENT_TIME` and `Capability.TIMERS`.

    Attributes:
        event_time_us: The event time of the record at hand, in microseconds since 1970; None for
            a record without one, and between records. What is sent gets the time that stands here,
            so an operator that sends for a timer sets it first, and back to None afterwards.
    """

    event_time_us: int | None

    @property
    @abstractmethod
    def watermark_us(self) -> int:
        """Return the event time that is over at this step; `MIN_WATERMARK_US` if none is known.

        Does not change while a record is processed.
        """

    @abstractmethod
    def processing_time_us(self) -> int:
        """Return the present, in microseconds since 1970, or since the start of a manual clock."""
