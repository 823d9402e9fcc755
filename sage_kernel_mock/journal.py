"""What happened, in order: the one thing that tests assert on.

Knows the clock; nothing of who writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sage_kernel_api.values import Payload
from sage_kernel_mock.clock import ManualClock

__all__ = ["Journal", "JournalEntry"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that happened.

    Attributes:
        number: Counts all entries of the kernel, from 0.
        at_s: The moment on the kernel's clock.
        actor: Who did it or had it done: a step (``count``, with parallelism ``count[2]``), a
            context, a job or a service.
        action: What: ``open``, ``process``, ``send``, ``call_service``, ``save_state``, ...
        details: With what; the same objects, not copies.
    """

    number: int
    at_s: float
    actor: str
    action: str
    details: tuple[Payload, ...]


class Journal:
    """Keep the last *capacity* entries; older ones are forgotten, but stay counted."""

    def __init__(self, clock: ManualClock, capacity: int) -> None:
        self._clock = clock
        self._entries: deque[JournalEntry] = deque(maxlen=capacity)
        self._total = 0

    @property
    def total(self) -> int:
        """Return how many entries were ever written."""
        return self._total

    def write(self, actor: str, action: str, *details: Payload) -> None:
        """Append an entry."""
        entry = JournalEntry(self._total, self._clock.now_s, actor, action, details)
        self._entries.append(entry)
        self._total += 1

    def entries(self, action: str | None = None, actor: str | None = None) -> list[JournalEntry]:
        """Return the entries with that action and actor (None: any), oldest first."""
        return [
            entry
            for entry in self._entries
            if action in (None, entry.action) and actor in (None, entry.actor)
        ]

    def actions(self, actor: str | None = None) -> list[str]:
        """Return just the actions of *actor* (None: of everybody), oldest first."""
        return [entry.action for entry in self.entries(actor=actor)]

    def clear(self) -> None:
        """Forget all entries; `total` goes on."""
        self._entries.clear()

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
