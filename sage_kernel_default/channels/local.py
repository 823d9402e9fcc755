"""Channel between two tasks of one process: one writer, one reader, no lock.

Layer: channels. Knows frames; knows nothing of tasks, state or checkpoints.
"""

from __future__ import annotations

from collections import deque

from sage_kernel_default.engine.marks import Mark
from sage_kernel_default.engine.ports import Bell, Channel, Frame

__all__ = ["LocalChannel"]


class LocalChannel(Channel):
    """Carry frames in order under a credit of *capacity* records.

    Each counter is written by one side only and ``deque`` is atomic at both ends, so no lock
    is needed. Both sides ring the other's bell after each change, and a bell that was rung
    before the wait is not lost: so nobody sleeps while there is work.
    """

    __slots__ = (
        "_capacity",
        "_frames",
        "_has_writer_ended",
        "_reader",
        "_writer",
        "consumed",
        "fitting",
        "sent",
    )

    def __init__(self, capacity: int | None, writer: Bell, reader: Bell) -> None:
        """Args: capacity: Credit in records; None: without bound, for edges that close a loop."""
        self._capacity = capacity
        self._frames: deque[Frame | Mark] = deque()
        self._has_writer_ended = False
        self._writer = writer
        self._reader = reader
        self.fitting: int | None = None
        self.sent = 0
        self.consumed = 0

    @property
    def is_full(self) -> bool:
        """True if the writer has used up its credit."""
        return self._capacity is not None and self.sent - self.consumed >= self._capacity

    def put(self, frame: Frame) -> None:
        """Hand over a frame."""
        # Counted before it can be taken: whoever sums up must never see more consumed than sent.
        self.sent += len(frame.values)
        self._frames.append(frame)
        self._reader.ring()

    def put_mark(self, mark: Mark) -> None:
        """Hand over a mark."""
        self._frames.append(mark)
        self._reader.ring()

    def end(self) -> None:
        """Say that no frame will follow."""
        self._has_writer_ended = True
        self._reader.ring()

    def take(self) -> Frame | Mark | None:
        """Return the oldest frame or mark, or None if there is none now."""
        return self._frames.popleft() if self._frames else None

    def consume(self, count: int) -> None:
        """Give back the credit of *count* records."""
        was_full = self.is_full
        self.consumed += count
        if was_full:
            self._writer.ring()

    @property
    def has_ended(self) -> bool:
        """True once the writer has ended and all was taken."""
        # In this order: a frame put just before the end must be seen.
        return self._has_writer_ended and not self._frames

    @property
    def is_silent(self) -> bool:
        """True if nothing is here, and no word of an end."""
        return not (self._frames or self._has_writer_ended)
