"""What is due at which time: things by time, each once, taken in order.

Layer: core. Pure.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["DueItems"]

T = TypeVar("T", bound=Hashable)


class DueItems(Generic[T]):
    """Things that fall due at times.

    One heap of distinct times and one ordered set for each, since millions of windows end at the
    same few times: adding to a time that is known costs no heap operation.

    Example:
        >>> due = DueItems[str]()
        >>> due.add(20, "a"), due.add(10, "b"), due.add(10, "a"), due.add(10, "b")
        (True, True, True, False)
        >>> list(due.take(15)), due.next_us
        ([(10, 'b'), (10, 'a')], 20)
    """

    __slots__ = ("_items", "_times")

    def __init__(self) -> None:
        self._times: list[int] = []
        self._items: dict[int, dict[T, None]] = {}

    def add(self, time_us: int, item: T) -> bool:
        """Let *item* fall due at *time_us*; False if it does already."""
        items = self._items.get(time_us)
        if items is None:
            heapq.heappush(self._times, time_us)
            self._items[time_us] = {item: None}
            return True
        if item in items:
            return False
        items[item] = None
        return True

    def discard(self, time_us: int, item: T) -> bool:
        """Let *item* not fall due at *time_us*; False if it would not have."""
        items = self._items.get(time_us)
        if items is None or item not in items:
            return False
        del items[item]
        return True

    @property
    def next_us(self) -> int | None:
        """The earliest time at which something falls due; None if nothing does."""
        while self._times:
            time_us = self._times[0]
            if self._items[time_us]:
                return time_us
            self._forget_first()
        return None

    def take(self, until_us: int) -> Iterator[tuple[int, T]]:
        """Take what is due up to and with *until_us*: by time, then in the order of `add`.

        More may be added and discarded while this is read; it is respected.
        """
        while (time_us := self.next_us) is not None and time_us <= until_us:
            items = self._items[time_us]
            for item in list(items):
                if item not in items:
                    continue  # discarded by what fell due just now
                del items[item]
                yield time_us, item
                if self._times[:1] != [time_us] or self._items[time_us] is not items:
                    break  # something earlier was added, and goes first

    def _forget_first(self) -> None:
        del self._items[heapq.heappop(self._times)]
