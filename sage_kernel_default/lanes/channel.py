"""Channel between two tasks of different processes, under the same credit as a local one.

Layer: lanes. Knows frames and messages; knows nothing of tasks and jobs.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from sage_kernel_api.errors import ValueEncodingError
from sage_kernel_default.engine.marks import Mark
from sage_kernel_default.engine.ports import Bell, Channel, Frame
from sage_kernel_default.lanes.kinds import CREDIT, END, FRAME, MARK
from sage_kernel_default.processes import (
    Encoded,
    Message,
    decode,
    decode_frame,
    encode,
    encode_frame,
)
from sage_kernel_default.processes.codec import NO_BODY

__all__ = ["RemoteChannel", "Send"]

_MOST_BYTES: Final = 16 * 1024 * 1024
"""On their way on one channel, beside the credit in records: a record may be large.

Eight frames of the largest kind: with four, both ends of a channel of 1 MB arrays wait for credit
that is on its way (an eighth slower). A quarter of the arena, so several such channels find room.
"""

_FRAME_BYTES: Final = 2 * 1024 * 1024
"""A frame of more is long under way: its first record would wait for the last one."""


class Send(Protocol):
    """Sends one message to a certain process, waiting while that does not read."""

    def __call__(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        """See `Link.send`. Nothing happens if that process is gone: its end is news enough."""
        ...


class RemoteChannel(Channel):
    """One end of a channel; the other process has the other end, of the same number.

    The writer's end learns what was consumed from credit that comes back, the reader's end what
    was sent from the frames it takes. Records are encoded in the writer's and decoded in the
    reader's thread, so that a failure belongs to the step that emitted, or takes, the record.

    Attributes:
        posts: Messages sent to the other end.
        arrivals: Messages taken from there, their bell rung.

    Thread use: `arrived` from the listening thread, all else from the thread of the one task.
    """

    __slots__ = (
        "_bell",
        "_bytes_back",
        "_bytes_out",
        "_capacity",
        "_frames",
        "_has_writer_ended",
        "_name",
        "_number",
        "_owed",
        "_owed_bytes",
        "_send",
        "arrivals",
        "consumed",
        "fitting",
        "posts",
        "sent",
    )

    def __init__(
        self, name: str, number: int, capacity: int | None, send: Send, bell: Bell
    ) -> None:
        """Take what the end needs.

        Args:
            name: Of the edge, for messages.
            number: Of the channel in the job.
            capacity: Credit in records; None: without bound, for edges that close a loop.
            send: To the process of the other end.
            bell: Of the task on this side.
        """
        self._name = name
        self._number = number
        self._capacity = capacity
        self._send = send
        self._bell = bell
        self._frames: deque[Encoded | Mark] = deque()
        self._has_writer_ended = False
        self._bytes_out = 0
        self._bytes_back = 0
        self._owed = 0
        self._owed_bytes = 0
        self.posts = 0
        self.arrivals = 0
        self.fitting: int | None = None
        self.sent = 0
        self.consumed = 0

    def arrived(self, message: Message) -> None:
        """Take a message of this channel from the other end."""
        if message.kind == FRAME:
            self._frames.append(message.body)
        elif message.kind == MARK:
            self._frames.append(decode(message.body))
        elif message.kind == END:
            self._has_writer_ended = True
        else:
            records, size = decode(message.body)
            self._bytes_back += size
            self.consumed += records
        self._bell.ring()
        # After the ring: what is counted as arrived has woken its task.
        self.arrivals += 1

    # --- the writer's end ------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """True if the writer has used up its credit."""
        return self._capacity is not None and (
            self.sent - self.consumed >= self._capacity
            or self._bytes_out - self._bytes_back >= _MOST_BYTES
        )

    def put(self, frame: Frame) -> None:
        """Encode and send a frame; see `encode_frame` for what may be wrong with it."""
        body = encode_frame(frame.values, frame.keys, frame.times)
        self.sent += len(frame.values)
        size = _size(body)
        self._bytes_out += size
        self.fitting = max(1, len(frame.values) * _FRAME_BYTES // size)
        self._post(FRAME, body)

    def put_mark(self, mark: Mark) -> None:
        """Send a mark."""
        self._send(MARK, self._number, encode(mark))

    def end(self) -> None:
        """Say that no frame will follow."""
        self._post(END)

    def _post(self, kind: int, body: Encoded = NO_BODY) -> None:
        self.posts += 1
        self._send(kind, self._number, body)

    # --- the reader's end ------------------------------------------------------------------

    def take(self) -> Frame | Mark | None:
        """Return the oldest frame or mark, or None if there is none now.

        Raises:
            ValueEncodingError: A record's own code refused to rebuild it here.
        """
        if not self._frames:
            return None
        body = self._frames.popleft()
        if not isinstance(body, Encoded):
            return body
        size = _size(body)
        try:
            frame = Frame(*decode_frame(body))
        except Exception as error:
            raise ValueEncodingError(
                f"A record on its way {self._name} cannot be rebuilt in the other process: "
                f"{type(error).__name__}: {error}. Look at how its class is pickled."
            ) from error
        self.sent += len(frame.values)
        self._owed_bytes += size
        return frame

    def consume(self, count: int) -> None:
        """Give back the credit of *count* records, now and then."""
        self.consumed += count
        if self._capacity is None:
            return
        self._owed += count
        # A quarter is kept back at most, so that the writer never waits for what nobody sends.
        if self._owed * 4 >= self._capacity or self._owed_bytes * 4 >= _MOST_BYTES:
            body = encode((self._owed, self._owed_bytes))
            self._owed = self._owed_bytes = 0
            self._post(CREDIT, body)

    @property
    def has_ended(self) -> bool:
        """True once the writer has ended and all was taken."""
        return self._has_writer_ended and not self._frames

    @property
    def is_silent(self) -> bool:
        """True if nothing is here, and no word of an end."""
        return not (self._frames or self._has_writer_ended)


def _size(body: Encoded) -> int:
    return len(body.head) + sum(memoryview(buffer).nbytes for buffer in body.buffers)
