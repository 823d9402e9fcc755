"""What is due later, on the manual clock: held-up records, and the calls of asynchronous steps.

Knows the clock and callbacks; nothing of records.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from sage_kernel_mock.clock import ManualClock

if TYPE_CHECKING:
    from sage_kernel_mock.virtual_loop import VirtualLoopHost

__all__ = ["Timeline"]


class Timeline:
    """Move the clock, and let everything happen that falls due on the way.

    Example:
        >>> timeline = Timeline(ManualClock())
        >>> timeline.at(2.0, lambda: print("due"))
        >>> timeline.pass_time(1.5)
        >>> timeline.pass_time(1.5)
        due
        >>> timeline.clock.now_s
        3.0
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._host: VirtualLoopHost | None = None

    @property
    def host(self) -> VirtualLoopHost:
        """The event loop of asynchronous steps; made when first asked for."""
        if self._host is None:
            # The one place that needs `asyncio`, which takes as long to import as all the rest.
            from sage_kernel_mock.virtual_loop import VirtualLoopHost

            self._host = VirtualLoopHost(self.clock)
        return self._host

    def at(self, at_s: float, call: Callable[[], None]) -> None:
        """Have *call* called when the clock is at *at_s*; equal times in the order of asking."""
        heapq.heappush(self._due, (at_s, next(self._numbers), call))

    @property
    def next_s(self) -> float | None:
        """The moment of the next call; None if there is none."""
        return self._due[0][0] if self._due else None

    def run_due(self) -> None:
        """Make the calls whose moment has come, and let asynchronous calls go on; no time passes.

        Calls that were asked for meanwhile and are due count too.
        """
        if self._host is not None:
            self._host.run_until(self.clock.now_s)
        while self._due and self._due[0][0] <= self.clock.now_s:
            heapq.heappop(self._due)[2]()

    def pass_time(self, seconds: float) -> None:
        """Move the clock by *seconds* (at least 0), from one due call to the next.

        Raises:
            ConfigurationError: *seconds* is negative or not a number; the clock stands still.
        """
        if not seconds >= 0:
            self.clock.advance(seconds)
        end_s = self.clock.now_s + seconds
        while (at_s := self.next_s) is not None and at_s < end_s:
            self._move_to(at_s)
            self.run_due()
        self._move_to(end_s)
        self.run_due()

    def _move_to(self, at_s: float) -> None:
        if self._host is not None:
            self._host.run_until(at_s)
        if at_s > self.clock.now_s:
            self.clock.advance(at_s - self.clock.now_s)
