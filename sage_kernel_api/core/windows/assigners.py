"""Which windows of event time a record belongs to.

Layer: core. Pure arithmetic on whole microseconds, as in the tables of ``docs/event-time.md``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from sage_kernel_api.core.event_time import duration_us
from sage_kernel_api.core.windows.triggers import EventTimeTrigger, Trigger
from sage_kernel_api.core.windows.window_types import GlobalWindow, TimeWindow
from sage_kernel_api.errors import ConfigurationError

__all__ = [
    "ENDLESS",
    "GlobalWindows",
    "SessionWindows",
    "SlidingTimeWindows",
    "Span",
    "TimeWindowAssigner",
    "TumblingTimeWindows",
    "WindowAssigner",
]

W_co = TypeVar("W_co", covariant=True)

Span: TypeAlias = tuple[int, int]
"""Begin and end of a window as it is kept: plain, so that any kernel can encode it."""

ENDLESS: Final[Span] = (-(2**63), 2**63 - 1)


class WindowAssigner(ABC, Generic[W_co]):
    """What `KeyedStream.window` takes: how records are put into windows of type ``W``."""


class TimeWindowAssigner(WindowAssigner[W_co], ABC, Generic[W_co]):
    """Windows that depend on a record's event time alone; a subclass may bring its own.

    Attributes:
        is_merging: Whether windows of one key that overlap become one.
    """

    is_merging: ClassVar[bool] = False

    @abstractmethod
    def spans(self, time_us: int) -> Iterable[Span]:
        """Return begin and end of each window that a record with that event time belongs to."""

    @abstractmethod
    def window_of(self, span: Span) -> W_co:
        """Return a span as what functions are given."""

    @property
    def default_trigger(self) -> Trigger[Any]:
        """When such a window is looked at if the user says nothing: at its end."""
        return EventTimeTrigger()


class TumblingTimeWindows(TimeWindowAssigner[TimeWindow]):
    """Windows of one size, side by side: each record is in one.

    Args:
        size_s: Length in seconds.
        offset_s: Where one of them begins, in seconds since 1970; others follow from that.

    Raises:
        ConfigurationError: The size is shorter than a microsecond, or something is no number.

    Example:
        >>> list(TumblingTimeWindows(10).spans(12_000_000))
        [(10000000, 20000000)]
    """

    def __init__(self, size_s: float, offset_s: float = 0.0) -> None:
        self.size_us: int = duration_us(size_s, "size_s", least_us=1)
        self.offset_us: int = _offset(offset_s)

    def spans(self, time_us: int) -> Sequence[Span]:
        """Return the one window."""
        start = time_us - (time_us - self.offset_us) % self.size_us
        return ((start, start + self.size_us),)

    def window_of(self, span: Span) -> TimeWindow:
        """Return the span as a `TimeWindow`."""
        return TimeWindow(*span)


class SlidingTimeWindows(TimeWindowAssigner[TimeWindow]):
    """Windows of one size that begin at regular times: a record may be in several, or in none.

    Args:
        size_s: Length in seconds.
        slide_s: Time from one begin to the next. Longer than the size, it leaves gaps.
        offset_s: Where one of them begins, in seconds since 1970.

    Raises:
        ConfigurationError: A length is shorter than a microsecond, or something is no number.

    Example:
        >>> list(SlidingTimeWindows(10, 5).spans(12_000_000))
        [(5000000, 15000000), (10000000, 20000000)]
    """

    def __init__(self, size_s: float, slide_s: float, offset_s: float = 0.0) -> None:
        self.size_us: int = duration_us(size_s, "size_s", least_us=1)
        self.slide_us: int = duration_us(slide_s, "slide_s", least_us=1)
        self.offset_us: int = _offset(offset_s)

    def spans(self, time_us: int) -> Sequence[Span]:
        """Return the windows, earliest first."""
        size, slide = self.size_us, self.slide_us
        last = time_us - (time_us - self.offset_us) % slide
        # The begins are `last`, `last - slide`, ... as long as the window still holds the record.
        count = (last + size - time_us - 1) // slide + 1
        first = last - (count - 1) * slide
        return [(start, start + size) for start in range(first, last + 1, slide)]

    def window_of(self, span: Span) -> TimeWindow:
        """Return the span as a `TimeWindow`."""
        return TimeWindow(*span)


class SessionWindows(TimeWindowAssigner[TimeWindow]):
    """Windows that last as long as the records of a key come close to one another.

    A record opens a window from its time to that plus the gap, and windows that overlap are
    merged: a pause as long as the gap, or longer, parts two sessions. (As in Beam. In Flink windows
    that only touch are merged, too, but not if the first was over by then, so that the result
    depends on the order of arrival.)

    Args:
        gap_s: The pause that parts two sessions, in seconds.

    Raises:
        ConfigurationError: The gap is shorter than a microsecond, or no number.
    """

    is_merging = True

    def __init__(self, gap_s: float) -> None:
        self.gap_us: int = duration_us(gap_s, "gap_s", least_us=1)

    def spans(self, time_us: int) -> Sequence[Span]:
        """Return the window that the record opens."""
        return ((time_us, time_us + self.gap_us),)

    def window_of(self, span: Span) -> TimeWindow:
        """Return the span as a `TimeWindow`."""
        return TimeWindow(*span)


class GlobalWindows(TimeWindowAssigner[GlobalWindow]):
    """One window for each key, which never ends.

    Args:
        trigger: Says when results come out; nothing else makes them.

    Raises:
        ConfigurationError: That is no `Trigger`.
    """

    def __init__(self, trigger: Trigger[Any]) -> None:
        if not isinstance(trigger, Trigger):
            raise ConfigurationError(
                f"GlobalWindows takes a trigger, as in GlobalWindows(CountTrigger(100)), not "
                f"{trigger!r}: without one no result would ever come out."
            )
        self._trigger = trigger

    def spans(self, time_us: int) -> Sequence[Span]:
        """Return the one window."""
        return (ENDLESS,)

    def window_of(self, span: Span) -> GlobalWindow:
        """Return the window."""
        return GlobalWindow()

    @property
    def default_trigger(self) -> Trigger[Any]:
        """The trigger that was given."""
        return self._trigger


def _offset(offset_s: float) -> int:
    # Negative ones are fine: a window that begins an hour before midnight, say.
    return duration_us(offset_s, "offset_s", least_us=-(2**62))
