"""What a window is: a span of event time, of a key's records, or everything.

Layer: core. Values only.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sage_kernel_api.core.event_time import us_to_datetime

__all__ = ["CountWindow", "GlobalWindow", "TimeWindow"]


class TimeWindow(NamedTuple):
    """The records of one key from one instant on, up to and without another.

    Attributes:
        start_us: The first event time that belongs to it, in microseconds since 1970.
        end_us: The first event time after it.

    Example:
        >>> TimeWindow(0, 60_000_000).end.isoformat()
        '1970-01-01T00:01:00+00:00'
    """

    start_us: int
    end_us: int

    @property
    def start(self) -> datetime:
        """`start_us` as a datetime in UTC."""
        return us_to_datetime(self.start_us)

    @property
    def end(self) -> datetime:
        """`end_us` as a datetime in UTC."""
        return us_to_datetime(self.end_us)


class CountWindow(NamedTuple):
    """Some records of one key, by their number.

    Attributes:
        first: Number of its first record among those of the key, from 0.
        end: Number of the first record after it.
    """

    first: int
    end: int


class GlobalWindow(NamedTuple):
    """All records of one key; it never ends, so a trigger says when to look at it."""
