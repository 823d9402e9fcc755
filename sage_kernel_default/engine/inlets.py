"""The receiving side of a task: its channels, taken in turn, and its part in a loop.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sage_kernel_api.values import Payload
from sage_kernel_default.engine.marks import Mark, Watermark
from sage_kernel_default.engine.ports import Channel, Frame
from sage_kernel_default.engine.segments import Segment
from sage_kernel_default.engine.termination import LoopMonitor
from sage_kernel_default.engine.watermarks import WatermarkMerge

__all__ = ["Inlet", "Inlets", "LoopMember", "TakenMark", "TakenRecords"]


class TakenRecords(NamedTuple):
    """Records of one input, with parallel columns; *keys* may be empty, *times* None."""

    inlet: Inlet
    values: list[Payload]
    keys: list[Payload]
    times: list[int | None] | None


class TakenMark(NamedTuple):
    """A mark that came to its turn."""

    inlet: Inlet
    mark: Mark


class Inlet:
    """One input channel and the loop that its records enter.

    Attributes:
        channel: Where the records come from.
        segment: What they enter.
        is_loop: Its writer is in the same loop.
        goes_first: It closes a loop.
        is_blocked: Nothing is taken for now.
    """

    def __init__(
        self, channel: Channel, segment: Segment, *, is_loop: bool, goes_first: bool
    ) -> None:
        self.channel = channel
        self.segment = segment
        self.is_loop = is_loop
        self.goes_first = goes_first
        self.is_blocked = False
        self._frame = Frame([], None)
        self._position = 0

    def take(self, limit: int) -> TakenRecords | TakenMark | None:
        """Return the mark that is due, or at most *limit* records, or None if there is nothing."""
        if self._position >= len(self._frame.values):
            item = self.channel.take()
            if item is None:
                return None
            if not isinstance(item, Frame):
                return TakenMark(self, item)
            self._frame, self._position = item, 0
            if len(item.values) <= limit:
                self._position = len(item.values)
                return TakenRecords(self, item.values, item.keys or [], item.times)
        values, keys, times = self._frame
        start = self._position
        self._position = end = start + limit
        return TakenRecords(
            self,
            values[start:end],
            keys[start:end] if keys is not None else [],
            times[start:end] if times is not None else None,
        )

    @property
    def behind(self) -> int:
        """Return how many records had come with those that were taken last, and are still here."""
        return max(0, len(self._frame.values) - self._position)

    @property
    def has_ended(self) -> bool:
        """True if no record will come any more."""
        return self._position >= len(self._frame.values) and self.channel.has_ended

    @property
    def is_silent(self) -> bool:
        """True if nothing is here, and no word of an end; the bell rings when there is."""
        return self._position >= len(self._frame.values) and self.channel.is_silent


class Inlets:
    """All inputs of a task. Those that close a loop go first, the others take turns.

    Draining a loop before new records enter it keeps what is inside of it bounded.
    """

    def __init__(self, inlets: Sequence[Inlet]) -> None:
        self._first = [inlet for inlet in inlets if inlet.goes_first]
        self._others = [inlet for inlet in inlets if not inlet.goes_first]
        self._turn = 0
        self.in_order = list(inlets)
        # Time that flows back into a loop is the loop's own: waiting for it would never end.
        self._numbers = {inlet: number for number, inlet in enumerate(self._others)}
        self._time = WatermarkMerge(len(self._others))
        self._open = set(self._others)

    def take(self, limit: int) -> TakenRecords | TakenMark | None:
        """Return the next records or mark, or None if there is nothing now."""
        for inlet in self._first:
            if not inlet.is_blocked and (taken := inlet.take(limit)):
                return taken
        others = self._others
        for offset in range(len(others)):
            turn = (self._turn + offset) % len(others)
            if not others[turn].is_blocked and (taken := others[turn].take(limit)):
                self._turn = turn + 1
                return taken
        return None

    @property
    def is_silent(self) -> bool:
        """True if there is nothing to take from any input, and no word of an end."""
        for inlet in self.in_order:  # noqa: SIM110 - a loop takes a third of what all() does
            if not inlet.is_silent:
                return False
        return True

    def watermark(self, inlet: Inlet, mark: Watermark) -> Watermark | None:
        """Take the watermark of one input; return that of the task, if it has changed."""
        return None if inlet.goes_first else self._time.take(self._numbers[inlet], mark)

    def watermarks_of_ended(self) -> Iterator[Watermark]:
        """Look which inputs have ended; yield the task's watermarks that follow from that."""
        for inlet in [inlet for inlet in self._open if inlet.has_ended]:
            self._open.discard(inlet)
            if (merged := self._time.end(self._numbers[inlet])) is not None:
                yield merged

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
