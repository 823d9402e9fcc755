"""Which task is next: a fixed order, or one drawn from a seed.

Pure; knows tasks only by their rank.
"""

from __future__ import annotations

import heapq
import random

__all__ = ["Agenda"]


class Agenda:
    """The ranks of the tasks that have records waiting, each at most once.

    Without a seed the most downstream task comes first, so that a record leaves the job before
    the next one enters, and memory stays flat. With a seed any waiting task may come first;
    the order within one inbox stays what it is.

    Example:
        >>> agenda = Agenda(seed=None)
        >>> for rank in (0, 2, 1):
        ...     agenda.add(rank)
        >>> [agenda.take(), agenda.take(), agenda.take()]
        [2, 1, 0]
    """

    def __init__(self, seed: int | None) -> None:
        self._random = None if seed is None else random.Random(seed)
        self._waiting: list[int] = []

    def add(self, rank: int) -> None:
        """Note that a task has records waiting."""
        if self._random is None:
            heapq.heappush(self._waiting, -rank)
        else:
            self._waiting.append(rank)

    def take(self) -> int:
        """Remove and return the next rank; only while there is one."""
        if self._random is None:
            return -heapq.heappop(self._waiting)
        place = self._random.randrange(len(self._waiting))
        self._waiting[place], self._waiting[-1] = self._waiting[-1], self._waiting[place]
        return self._waiting.pop()

    def __bool__(self) -> bool:
        return bool(self._waiting)
