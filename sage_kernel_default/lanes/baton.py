"""Who runs the simulated world: one thread at a time, and the others look on.

Layer: lanes. Knows threads only; nothing of tasks, and nothing of virtual time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sage_kernel_api.errors import JobStateError

__all__ = ["Baton", "Hold"]

_LOOK_S: Final = 0.005
"""How often who looks on looks, in seconds of the machine: what it waits for says nothing."""
_STUCK_S: Final = 0.25
"""Seconds of the machine in one turn, after which somebody who looks on takes the world over."""


class Hold:
    """One thread's time with the world.

    Attributes:
        turns: How many turns it gave.
        actor: Whose turn it is; None between two turns.
        since_s: When that turn began, on the machine's clock.
        is_lost: True once another thread has taken the world over.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.actor: object | None = None
        self.since_s = 0.0
        self.is_lost = False


class Baton:
    """Lets one thread at a time run the world.

    While one thread runs it, another one that waits for something in it looks on: the first brings
    that about for both. User code that does not return keeps the world in its turn; then a thread
    that looks on takes the world over, and leaves that actor out until its turn is over. With one
    thread nothing of this ever happens, so that a seed has one history.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._hold: Hold | None = None
        self._turning: set[int] = set()
        self.stuck: set[object] = set()
        """Actors in turns that were left behind; they have no other turn meanwhile."""

    @property
    def is_in_turn(self) -> bool:
        """True on a thread that is in the middle of a turn."""
        return threading.get_ident() in self._turning

    def take(self, is_over: Callable[[float], bool]) -> Hold | None:
        """Return a hold as soon as nobody else has the world.

        Args:
            is_over: Told for how many seconds of the machine there was nothing but looking on;
                True if there is no need for the world any more.

        Returns:
            None if it *is_over*.

        Raises:
            JobStateError: The caller is part of the world.
        """
        if self.is_in_turn:
            raise JobStateError(
                "A simulated job cannot be waited for from inside of the simulation: the thread "
                "that runs it would wait for itself. Wait outside of its functions."
            )
        waited_s = 0.0
        while True:
            with self._changed:
                before = self._hold
                if before is None or self._is_stuck(before):
                    return self._begin(before)
                self._changed.wait(_LOOK_S)
            waited_s += _LOOK_S
            if is_over(waited_s):
                return None

    def begin_turn(self, hold: Hold, actor: object) -> bool:
        """Note whose turn it is; False if the hold is lost, and there must be no turn."""
        with self._changed:
            if hold.is_lost:
                return False
            hold.actor, hold.since_s = actor, time.monotonic()
        self._turning.add(threading.get_ident())
        return True

    def end_turn(self, hold: Hold, actor: object) -> None:
        """Note the end of a turn; afterwards the hold may be lost."""
        self._turning.discard(threading.get_ident())
        with self._changed:
            hold.actor = None
            hold.turns += 1
            if hold.is_lost:
                self.stuck.discard(actor)

    def look_on(self) -> float:
        """Wait for a moment of the machine's time, and return its length in seconds."""
        with self._changed:
            self._changed.wait(_LOOK_S)
        return _LOOK_S

    def give_back(self, hold: Hold) -> None:
        """Let others have the world."""
        with self._changed:
            if self._hold is hold:
                self._hold = None
                self._changed.notify_all()

    def _is_stuck(self, hold: Hold) -> bool:
        return hold.actor is not None and time.monotonic() - hold.since_s >= _STUCK_S

    def _begin(self, before: Hold | None) -> Hold:
        if before is not None:
            before.is_lost = True
            self.stuck.add(before.actor)
        self._hold = Hold()
        return self._hold
