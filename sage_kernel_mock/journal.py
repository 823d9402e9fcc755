"""What happened, in order: the one thing that tests assert on.

Knows the clock; nothing of who writes.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.happenings import Happening, action_of

__all__ = ["Journal", "JournalEntry"]

H = TypeVar("H", bound=Happening)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that happened.

    Attributes:
        number: Counts all entries of the kernel, from 0.
        at_s: The moment on the kernel's clock.
        actor: Who did it or had it done: a step (``count``, with parallelism ``count[2]``), a
            context, a job or a service.
        action: What: ``open``, ``process``, ``send``, ``call_service``, ``save_state``, ...
        details: With what: a `Happening`, or an empty tuple where the action says all. The same
            objects, not copies.
    """

    number: int
    at_s: float
    actor: str
    action: str
    details: Happening | tuple[()] = ()

    @property
    def line(self) -> str:
        """The entry as text, without its number and moment: ``count send data=1 target=None``."""
        fields = self.details._asdict() if self.details else {}
        told = (f"{name}={shorten_repr(value)}" for name, value in fields.items())
        return " ".join([self.actor, self.action, *told])

    def __str__(self) -> str:
        return f"{self.at_s:g}s {self.line}"


class Journal:
    """Keep the last *capacity* entries; older ones are forgotten, but stay counted.

    Example:
        >>> from sage_kernel_mock import MockKernelFacade, Sent
        >>> kernel = MockKernelFacade()
        >>> context = kernel.create_execution_context({"name": "count", "key": "a"})
        >>> context.send_data(1)
        False
        >>> kernel.journal.all_of(Sent)
        [Sent(data=1, target=None, key='a')]
        >>> kernel.journal.assert_lines(["count send data=1 target=None key='a'"])
    """

    def __init__(self, clock: ManualClock, capacity: int) -> None:
        self._clock = clock
        self._entries: deque[JournalEntry] = deque(maxlen=capacity)
        self._total = 0

    @property
    def total(self) -> int:
        """Return how many entries were ever written."""
        return self._total

    def write(self, actor: str, happening: Happening | str) -> None:
        """Append an entry: a happening, or the word of an action that needs no details."""
        if isinstance(happening, str):
            entry = JournalEntry(self._total, self._clock.now_s, actor, happening)
        else:
            action = action_of(happening)
            entry = JournalEntry(self._total, self._clock.now_s, actor, action, happening)
        self._entries.append(entry)
        self._total += 1

    def entries(self, action: str | None = None, actor: str | None = None) -> list[JournalEntry]:
        """Return the entries with that action and actor (None: any), oldest first."""
        return [
            entry
            for entry in self._entries
            if action in (None, entry.action) and actor in (None, entry.actor)
        ]

    def all_of(self, kind: type[H], actor: str | None = None) -> list[H]:
        """Return the details of one sort, oldest first: ``journal.all_of(Sent, "count")``."""
        found = (entry.details for entry in self.entries(actor=actor))
        return [details for details in found if isinstance(details, kind)]

    def actions(self, actor: str | None = None) -> list[str]:
        """Return just the actions of *actor* (None: of everybody), oldest first."""
        return [entry.action for entry in self.entries(actor=actor)]

    def lines(self, actor: str | None = None) -> list[str]:
        """Return the entries as text, without numbers and moments."""
        return [entry.line for entry in self.entries(actor=actor)]

    def assert_lines(self, expected: Iterable[str], actor: str | None = None) -> None:
        """Assert that exactly this happened, in this order.

        Raises:
            AssertionError: Something else did; the message is a difference line by line.
        """
        self._assert_equal(list(expected), self.lines(actor))

    def assert_actions(self, expected: Iterable[str], actor: str | None = None) -> None:
        """Assert that exactly these actions happened, in this order, whatever their details.

        Raises:
            AssertionError: Others did; the message is a difference line by line.
        """
        self._assert_equal(list(expected), self.actions(actor))

    def clear(self) -> None:
        """Forget all entries; `total` goes on."""
        self._entries.clear()

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __str__(self) -> str:
        return "\n".join(map(str, self._entries))

    def _assert_equal(self, expected: list[str], actual: list[str]) -> None:
        if actual != expected:
            difference = "\n".join(difflib.ndiff(expected, actual))
            raise AssertionError(
                f"The journal tells something else (- expected, + happened):\n{difference}"
            )
