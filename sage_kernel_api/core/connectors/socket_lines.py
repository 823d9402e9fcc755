"""Lines from a TCP server.

Layer: core.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.errors import BadRecordError, SourceConnectionError
from sage_kernel_api.runnable import SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["SocketSource"]

_RECEIVE_BYTES: Final = 1 << 16
_LOOK_S: Final = 0.01
_CONNECT_S: Final = 10.0
_LONGEST_LINE_BYTES: Final = 1 << 24
_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})


class SocketSource(BlockSourceFunction[str]):
    """Connects to a server and gives the lines that it sends. At-most-once.

    A socket has no positions: what was received before a failure and not yet in a checkpoint, and
    what the server sent while the job was away, is gone. Use it where that does not matter.
    Never waits for the network: with nothing to read it is idle.

    Args:
        host: Name or address of the server.
        port: Its port.
        encoding: Of the lines; one in which a line feed is one byte of its own.
        reconnect_s: Seconds until it connects again after the connection was lost, refused or
            closed; it then never ends by itself, and an unfinished line of the lost connection is
            dropped. None: the stream ends when the server closes the connection, and a refused or
            lost one is an error.
        now_s: The clock: seconds since some fixed moment.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        encoding: str = "utf-8",
        reconnect_s: float | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.host: str = host
        self.port: int = port
        self.encoding = encoding
        self.reconnect_s = reconnect_s
        self._now_s = now_s
        self._socket: socket.socket | None = None
        self._is_connected = False
        self._since_s = 0.0
        self._retry_at_s = now_s()
        self._rest = b""
        self._lines: list[bytes] = []
        self._has_ended = False

    def open(self) -> None:
        """Begin to connect."""
        self._begin_to_connect()

    def close(self) -> None:
        """Close the connection. Idempotent."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def poll(self, limit: int) -> SourcePoll:
        """Return the lines that have arrived.

        Raises:
            SourceConnectionError: The connection was refused or lost, and ``reconnect_s`` is None.
            BadRecordError: A line is not in that encoding, or has no end within 16 MiB.
        """
        if not self._lines and not self._has_ended:
            self._receive()
        records = self._take_records(limit)
        if self._lines:
            return SourcePoll(records)
        if self._has_ended:
            return SourcePoll(records, "ended") if records else SOURCE_ENDED
        return SourcePoll(records, "more" if records else "idle", 0.0 if records else _LOOK_S)

    def _take_records(self, limit: int) -> list[str]:
        records: list[str] = []
        for line in self._lines[:limit]:
            try:
                records.append(line.decode(self.encoding).removesuffix("\r"))
            except UnicodeDecodeError as error:
                if records:
                    break  # What came before it is delivered first; the next look raises.
                del self._lines[:1]
                shown = line[:80].decode(self.encoding, "backslashreplace")
                raise BadRecordError(
                    f"{self.host}:{self.port} sent a line that is not {self.encoding}: "
                    f"{error.reason}. It reads: {shown!r}"
                ) from error
        del self._lines[: len(records)]
        return records

    def tell(self) -> None:
        """Return nothing: a socket has no positions."""
        return

    def seek(self, position: Payload) -> None:
        """Do nothing: what the server sends now is what comes."""

    # --- connecting --------------------------------------------------------------------------

    def _begin_to_connect(self) -> None:
        self._since_s = self._now_s()
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            number = self._socket.connect_ex(address)
        except OSError as error:
            return self._lost(str(error), error)
        if number not in _UNDER_WAY:
            self._lost(os.strerror(number))
        return None

    def _look_whether_connected(self, connection: socket.socket) -> None:
        look = select.poll()
        look.register(connection, select.POLLOUT)
        if look.poll(0):
            number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._lost(os.strerror(number))
            else:
                self._is_connected = True
        elif self._now_s() - self._since_s > _CONNECT_S:
            self._lost(f"no answer within {_CONNECT_S:g} s")

    def _lost(self, why: str, cause: BaseException | None = None) -> None:
        self.close()
        self._is_connected = False
        where = f"{self.host}:{self.port}"
        if self.reconnect_s is None:
            raise SourceConnectionError(
                f"The connection to {where} cannot be used: {why}. Start the server first, or give "
                "reconnect_s to try again."
            ) from cause
        dropped = f"; {len(self._rest)} bytes of an unfinished line are dropped" * bool(self._rest)
        self.logger.warning(
            "source %s: connection to %s: %s%s; next attempt in %s s",
            *(self.name, where, why, dropped, self.reconnect_s),
        )
        self._rest = b""
        self._retry_at_s = self._now_s() + self.reconnect_s

    # --- receiving ---------------------------------------------------------------------------

    def _receive(self) -> None:
        if self._socket is None:
            if self._now_s() >= self._retry_at_s:
                self._begin_to_connect()
            return
        if not self._is_connected:
            self._look_whether_connected(self._socket)
        if not self._is_connected:
            return
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(str(error), error)
            return
        if data:
            self._take(data)
        elif self.reconnect_s is None:
            self._end()
        else:
            self._lost("closed by the server")

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines = lines
        if len(self._rest) > _LONGEST_LINE_BYTES:
            raise BadRecordError(
                f"{self.host}:{self.port} sent {len(self._rest)} bytes without a line end; the "
                f"longest line is {_LONGEST_LINE_BYTES} bytes."
            )

    def _end(self) -> None:
        self.close()
        self._has_ended = True
        if self._rest:
            self._lines, self._rest = [self._rest], b""
