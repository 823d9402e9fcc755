"""What happened in one run, event by event, and what all of it comes to.

Layer: simulation.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Final

__all__ = ["History"]

_KEPT: Final = 2_000


class History:
    """Events in order. Equal runs have equal hashes.

    Attributes:
        events: The latest ones, as text.
        problems: What must not have happened, in words.
        lives: How often the job was started.
    """

    def __init__(self) -> None:
        self.events: deque[str] = deque(maxlen=_KEPT)
        self.problems: list[str] = []
        self.lives = 0
        self._digest = hashlib.sha256()

    def note(self, what: str, *facts: object) -> None:
        """Add an event. *facts* must be the same in every process that runs the seed."""
        event = " ".join((what, *map(str, facts))).rstrip()
        self.events.append(event)
        self._digest.update(f"{event}\n".encode())

    def blame(self, problem: str) -> None:
        """Add what must not have happened."""
        self.note("PROBLEM", problem)
        self.problems.append(problem)

    @property
    def hash(self) -> str:
        """Return what all events so far come to."""
        return self._digest.hexdigest()
