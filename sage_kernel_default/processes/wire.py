"""Messages over one stream socket: length, checksum, and large buffers in shared memory.

Layer: processes. Knows encoded values; does not know what they mean.

On the wire, in the machine's byte order (both ends are on one machine)::

    kind u8 | flags u8 | buffers u32 | channel u32 | head length u64 | body crc u32 | crc u32
    body: (length u64, crc u32, slot u32, offset u64) for each buffer, then the head
    the buffers that have no offset

The first crc covers table and head, the second one the header itself: so no length is
believed before it was checked. The crc of a buffer beyond 128 KiB covers its two ends: that shows
bytes that were lost, doubled or exchanged on the way, whereas looking at each byte would take
four times as long as carrying it. Both ends share one memory, so nothing else can damage it.

A buffer with an offset is not on the wire at all: it lies in the `arena` of the sending side, whose
descriptor comes with the first byte of the message that first uses it.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple
from zlib import crc32

from sage_kernel_api.errors import TransferError
from sage_kernel_default.processes.arena import ArenaReader, ArenaWriter, Place, has_arenas
from sage_kernel_default.processes.codec import NO_BODY, Encoded

__all__ = ["Link", "Message"]

_HEADER: Final = struct.Struct("=BBIIQI")
_CRC: Final = struct.Struct("=I")
_ENTRY: Final = struct.Struct("=QIIQ")
_HEADER_BYTES: Final = _HEADER.size + _CRC.size
_BY_VALUE: Final = 1
_WITH_ARENA: Final = 2
_DESCRIPTOR: Final = struct.Struct("=i")
_EXTRAS_BYTES: Final = socket.CMSG_SPACE(_DESCRIPTOR.size)
_PIECES: Final = 512  # below IOV_MAX of every system
_EDGE_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 5 * 1024
_MOST_PIECES: Final = 24  # about 0.1 ms without another thread's turn
_SOCKET_BYTES: Final = 4 * 1024 * 1024


class Message(NamedTuple):
    """One message as it arrived; `decode` makes a value of its body when it is wanted.

    Attributes:
        kind: A small number whose meaning both ends agree on.
        channel: Which of the streams that share this link it belongs to.
        body: The value, still encoded.
    """

    kind: int
    channel: int
    body: Encoded


class Link:
    """One end of the connection of two processes.

    Attributes:
        has_ended: True once the other side's end of the bytes was read, in order or not.

    Thread use: any thread may send (one message after another); one thread receives.
    """

    def __init__(self, end: socket.socket, *, may_share: bool = has_arenas) -> None:
        """Take over an end.

        Args:
            end: A connected stream socket of this machine, which now belongs to the link.
            may_share: Whether large buffers may be sent through shared memory.
        """
        self._end = end
        self._sending = threading.Lock()
        self._arena_out: ArenaWriter | None = None
        self._arena_in: ArenaReader | None = None
        self._may_share = may_share
        self.has_ended = False
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BYTES)

    def send(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        """Write one message, waiting while the other side does not read.

        Raises:
            BrokenPipeError, ConnectionResetError: The other side is gone.
        """
        flags = _BY_VALUE if body.is_by_value else 0
        if not body.buffers:
            # Its checksum is computed before, while others may send.
            start = _start(kind, flags, channel, b"", body)
            with self._sending:
                self._end.sendall(start)
        else:
            with self._sending:
                self._send_with_buffers(kind, flags, channel, body)

    def _send_with_buffers(self, kind: int, flags: int, channel: int, body: Encoded) -> None:
        is_new = self._arena_out is None and self._share()
        entries, inline = [], []
        for buffer in body.buffers:
            view = memoryview(buffer).cast("B")
            place = None if self._arena_out is None else self._arena_out.place(view)
            if place is not None:
                entries.append(_ENTRY.pack(len(view), 0, *place))
            else:
                entries.append(_ENTRY.pack(len(view), _crc_of_buffer(view), 0, 0))
                inline.append(view)
        flags |= _WITH_ARENA if is_new else 0
        start = _start(kind, flags, channel, b"".join(entries), body)
        if is_new and (arena := self._arena_out) is not None:
            socket.send_fds(self._end, [start[:1]], [arena.descriptor])
            arena.close_descriptor()
            start = start[1:]
        self._send_pieces([memoryview(start), *inline])

    def _share(self) -> bool:
        """Make the arena of this side, if the system has such; what does not fit goes as bytes."""
        if not self._may_share:
            return False
        try:
            self._arena_out = ArenaWriter()
        except OSError:
            self._may_share = False
        return self._may_share

    def receive(self) -> Message | None:
        """Read one message, waiting for it; None if the other side has closed its end.

        Raises:
            TransferError: The bytes end within a message, or a checksum does not match.
                Nothing that follows can be read.
        """
        start = self._read(_HEADER_BYTES, may_end=True)
        if start is None:
            return None
        (crc,) = _CRC.unpack_from(start, _HEADER.size)
        _check(crc32(memoryview(start)[: _HEADER.size]), crc, "header")
        kind, flags, count, channel, length, crc = _HEADER.unpack_from(start)
        if flags & _WITH_ARENA and self._arena_in is None:
            raise TransferError("The descriptor of the other process's memory did not come.")
        table_bytes = count * _ENTRY.size
        block = self._read_all(table_bytes + length)
        _check(_crc(block), crc, "message")
        buffers = [self._read_buffer(*e) for e in _ENTRY.iter_unpack(block[:table_bytes])]
        head = bytes(memoryview(block)[table_bytes:])
        return Message(kind, channel, Encoded(head, buffers, bool(flags & _BY_VALUE)))

    def shut_down(self) -> None:
        """Wake whoever sends or receives on this end: nothing passes any more."""
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster

    def close(self) -> None:
        """Let go of the descriptor; waits for a message that is being sent.

        Nobody may be receiving. Who sends later gets an ``OSError``.
        """
        with self._sending:
            self._end.close()
            if self._arena_out is not None:
                self._arena_out.close_descriptor()
            # Memory that arrived stays until its last user is gone.
            self._arena_out = self._arena_in = None

    def _send_pieces(self, pieces: Sequence[memoryview]) -> None:
        left = [piece.cast("B") for piece in pieces if piece.nbytes]
        while left:
            sent = self._end.sendmsg(left[:_PIECES])
            done = 0
            while done < len(left) and sent >= len(left[done]):
                sent -= len(left[done])
                done += 1
            del left[:done]
            if sent:
                left[0] = left[0][sent:]

    def _read_buffer(self, length: int, crc: int, slot: int, offset: int) -> bytearray | memoryview:
        if offset:
            try:
                assert self._arena_in is not None
                return self._arena_in.block(Place(slot, offset), length)
            except (AssertionError, ValueError) as error:
                raise TransferError(f"A buffer is not where it should be: {error}.") from error
        block = self._read_all(length)
        _check(_crc_of_buffer(block), crc, "buffer")
        return block

    def _read_all(self, count: int) -> bytearray:
        block = self._read(count, may_end=False)
        assert block is not None
        return block

    def _read(self, count: int, *, may_end: bool) -> bytearray | None:
        block = bytearray(count)
        rest = memoryview(block)
        while rest:
            try:
                # Only the first byte of a message may have a descriptor with it.
                is_first = may_end and len(rest) == count
                got = self._receive_first(rest) if is_first else self._end.recv_into(rest)
            except ConnectionResetError:
                got = 0  # it died with our bytes unread: an end like any other
            if not got:
                self.has_ended = True
                if may_end and len(rest) == count:
                    return None
                raise TransferError(
                    f"The other process ended within a message: {len(rest)} of {count} bytes "
                    "are missing."
                )
            rest = rest[got:]
        return block

    def _receive_first(self, rest: memoryview) -> int:
        got, extras, _, _ = self._end.recvmsg_into([rest], _EXTRAS_BYTES)
        for level, kind, data in extras:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                (descriptor,) = _DESCRIPTOR.unpack(data)
                self._arena_in = ArenaReader(descriptor)
        return got


def _start(kind: int, flags: int, channel: int, table: bytes, body: Encoded) -> bytes:
    """Return all of a message but its buffers."""
    crc = _crc(body.head, _crc(table))
    header = _HEADER.pack(kind, flags, len(body.buffers), channel, len(body.head), crc)
    return b"".join((header, _CRC.pack(crc32(header)), table, body.head))


def _crc(data: bytes | bytearray, before: int = 0) -> int:
    """Return the checksum of a message's own bytes.

    In pieces: above some size, `zlib` lets other threads run meanwhile, and this one then waits for
    its turn, for a hundred times as long as the checksum of a usual frame takes.
    """
    if len(data) <= _PIECE_BYTES:
        return crc32(data, before)
    if len(data) > _MOST_PIECES * _PIECE_BYTES:
        return crc32(data, before)
    view = memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        before = crc32(view[start : start + _PIECE_BYTES], before)
    return before


def _crc_of_buffer(buffer: memoryview | bytearray) -> int:
    if len(buffer) <= 2 * _EDGE_BYTES:
        return crc32(buffer)
    view = memoryview(buffer)
    return crc32(view[-_EDGE_BYTES:], crc32(view[:_EDGE_BYTES]))


def _check(found: int, expected: int, what: str) -> None:
    if found != expected:
        raise TransferError(
            f"A {what} from another process is damaged: checksum {found:08x}, not {expected:08x}."
        )
