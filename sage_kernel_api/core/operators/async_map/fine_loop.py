"""An event loop whose timers keep fractions of a millisecond.

Layer: core. Knows nothing of steps.

``epoll`` waits in whole milliseconds, rounded up, so that every call of 10 ms takes 10.5: five
percent of the speed of a step with short calls. ``select`` on the one descriptor of the epoll
object waits exactly, whatever the number of connections behind it.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import sys
from typing import Final

__all__ = ["new_fine_loop"]

if sys.platform == "linux":
    # Greater descriptors do not fit into the set of select(2).
    _DESCRIPTOR_LIMIT: Final = 1024
    # From here on a millisecond does not matter.
    _COARSE_S: Final = 1.0

    class _FineSelector(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            is_fine = timeout is not None and 0 < timeout < _COARSE_S
            if is_fine and (descriptor := self.fileno()) < _DESCRIPTOR_LIMIT:
                select.select([descriptor], [], [], timeout)
                timeout = 0
            return super().select(timeout)

    def new_fine_loop() -> asyncio.AbstractEventLoop:
        """Return a new event loop."""
        return asyncio.SelectorEventLoop(_FineSelector())

else:

    def new_fine_loop() -> asyncio.AbstractEventLoop:
        """Return a new event loop; here the usual one is fine enough."""
        return asyncio.new_event_loop()
