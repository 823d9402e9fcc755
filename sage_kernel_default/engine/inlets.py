"""The receiving side of a task: its channels, taken in turn, and its part in a loop.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sage_kernel_api.values import Payload
from sage_kernel_default.engine.ports import Channel
from sage_kernel_default.engine.segments import Segment
from sage_kernel_default.engine.termination import LoopMonitor

__all__ = ["Inlet", "Inlets", "LoopMember"]


class Inlet:
    """One input channel and the loop that its records enter."""

    def __init__(
        self, channel: Channel, segment: Segment, *, is_loop: bool, goes_first: bool
    ) -> None:
        self.channel = channel
        self.segment = segment
        self.is_loop = is_loop
        self.goes_first = goes_first
        self._values: list[Payload] = []
        self._keys: list[Payload] = []
        self._position = 0

    def take(self, limit: int) -> tuple[list[Payload], list[Payload]] | None:
        """Return at most *limit* records and their keys, or None if there are none now."""
        if self._position >= len(self._values):
            frame = self.channel.take()
            if frame is None:
                return None
            self._values, self._position = frame.values, 0
            self._keys = frame.keys or []
            if len(frame.values) <= limit:
                self._position = len(frame.values)
                return frame.values, self._keys
        start = self._position
        self._position = start + limit
        return self._values[start : start + limit], self._keys[start : start + limit]

    @property
    def has_ended(self) -> bool:
        """True if no record will come any more."""
        return self._position >= len(self._values) and self.channel.has_ended


class Inlets:
    """All inputs of a task. Those that close a loop go first, the others take turns.

    Draining a loop before new records enter it keeps what is inside of it bounded.
    """

    def __init__(self, inlets: Sequence[Inlet]) -> None:
        self._first = [inlet for inlet in inlets if inlet.goes_first]
        self._others = [inlet for inlet in inlets if not inlet.goes_first]
        self._turn = 0

    def take(self, limit: int) -> tuple[Inlet, list[Payload], list[Payload]] | None:
        """Return the next records, or None if there are none now."""
        for inlet in self._first:
            if taken := inlet.take(limit):
                return inlet, *taken
        others = self._others
        for offset in range(len(others)):
            turn = (self._turn + offset) % len(others)
            if taken := others[turn].take(limit):
                self._turn = turn + 1
                return others[turn], *taken
        return None

    def has_ended(self, *, outside_of_loop: bool) -> bool:
        """True if all inputs have ended; of those outside of the loop only, if asked so."""
        return all(
            inlet.has_ended
            for inlet in (*self._first, *self._others)
            if not (outside_of_loop and inlet.is_loop)
        )

    @property
    def has_ended_but_for_feedback(self) -> bool:
        """True if only the edges that close a loop are still open."""
        return all(inlet.has_ended for inlet in self._others)


@dataclass(slots=True, eq=False)
class LoopMember:
    """One task's part in the termination detection of its loop."""

    monitor: LoopMonitor
    number: int
    sends: list[Channel]
    receives: list[Channel]

    def tell_passive(self) -> None:
        """Report the counts; the task holds nothing and its outside inputs have ended."""
        sent = sum(channel.sent for channel in self.sends)
        received = sum(channel.consumed for channel in self.receives)
        self.monitor.passive(self.number, sent, received)

    def tell_active(self) -> None:
        """Take the report back, before a record is taken."""
        self.monitor.active(self.number)
