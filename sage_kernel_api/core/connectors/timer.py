"""Ticks.

Layer: core.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.runnable import SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["TimerSource"]


class TimerSource(BlockSourceFunction[int]):
    """Gives 0, 1, 2, ..., one number per interval; the first one after the first interval.

    It never sleeps: between two ticks it is idle. A tick that comes late does not move those
    behind it; but ticks that are late by a whole interval or more, because the job was paused or
    away, are not made up for: each number is given once, and time goes on from now.

    Args:
        interval_s: Seconds between two ticks, more than 0.
        count: Number of ticks; None for without end.
        now_s: The clock: seconds since some fixed moment. None for the one of the kernel if it
            has one, else that of the machine.
    """

    def __init__(
        self,
        interval_s: float,
        count: int | None = None,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        self.interval_s = interval_s
        self.count = count
        self._now_s = now_s
        self._next = 0
        self._due_s: float | None = None

    def open(self) -> None:
        """Start the clock."""
        if self._now_s is None:
            self._now_s = _clock_of(self._context)
        self._due_s = self._now_s() + self.interval_s

    def poll(self, limit: int) -> SourcePoll:
        """Return the tick that is due, or nothing."""
        if self._now_s is None or self._due_s is None:
            self.open()
        assert self._now_s is not None
        assert self._due_s is not None
        if self.count is not None and self._next >= self.count:
            return SOURCE_ENDED
        now_s = self._now_s()
        if now_s < self._due_s:
            return SourcePoll((), "idle", self._due_s - now_s)
        tick = self._next
        self._next += 1
        self._due_s += self.interval_s
        if self._due_s <= now_s:
            self._due_s = now_s + self.interval_s
        if self._next == self.count:
            return SourcePoll((tick,), "ended")
        return SourcePoll((tick,), "idle", self._due_s - now_s)

    def tell(self) -> int:
        """Return the number of the next tick."""
        return self._next

    def seek(self, position: Payload) -> None:
        """Go on with that number."""
        self._next = position


def _clock_of(context: object) -> Callable[[], float]:
    # Kernels that keep time have it in microseconds; one with virtual time must not wait really.
    processing_time_us: Callable[[], int] | None = getattr(context, "processing_time_us", None)
    if processing_time_us is None:
        return time.monotonic
    clock = processing_time_us
    return lambda: clock() / 1e6
