"""How far event time is at one task: the least that its inputs have reached.

Pure; knows inputs only as things that tell a mark.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from sage_kernel_api.runnable import MIN_WATERMARK_US

__all__ = ["InputTimes", "TimeMark"]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """Stands between records: the event time *time_us* is over, by what its sender knows.

    Attributes:
        time_us: Microseconds since 1970.
        is_idle: The sender has ended or has had nothing for long: nobody should wait for it.
    """

    time_us: int
    is_idle: bool = False


class InputTimes:
    """Merge the marks of several inputs into the mark of the task; it never goes back.

    Example:
        >>> times = InputTimes()
        >>> times.expect("a"), times.expect("b")
        (None, None)
        >>> times.take("a", TimeMark(5))
        >>> times.take("b", TimeMark(3))
        TimeMark(time_us=3, is_idle=False)
        >>> times.take("b", TimeMark(3, is_idle=True))
        TimeMark(time_us=5, is_idle=False)
    """

    def __init__(self) -> None:
        self._marks: dict[Hashable, TimeMark] = {}
        self._last = TimeMark(MIN_WATERMARK_US)

    def expect(self, sender: Hashable) -> None:
        """Wait for the time of *sender* from now on."""
        self._marks[sender] = TimeMark(MIN_WATERMARK_US)

    def take(self, sender: Hashable, mark: TimeMark) -> TimeMark | None:
        """Take note of a mark; return the task's new one if that changes it."""
        if sender not in self._marks:
            return None  # it flows back in a loop: to wait for it would be to wait for oneself
        self._marks[sender] = mark
        busy = [each.time_us for each in self._marks.values() if not each.is_idle]
        reached = max(self._last.time_us, min(busy)) if busy else self._last.time_us
        merged = TimeMark(reached, is_idle=not busy)
        if merged == self._last:
            return None
        self._last = merged
        return merged
