"""A file that is read by offset, and what tells whether it is still the same one.

Layer: core.
"""

from __future__ import annotations

import os
import stat
import zlib
from typing import Final

from sage_kernel_api.core.connectors.splits import Mark
from sage_kernel_api.core.connectors.text_format import TextFormat
from sage_kernel_api.errors import StateError

__all__ = ["OpenFile"]

# So many bytes before a position must be what they were when it was told.
_CHECKED_BYTES: Final = 256

_CHUNK_BYTES: Final = 1 << 16


class OpenFile:
    """One regular file, as long as it was when it was opened.

    Args:
        path: Of the file.

    Raises:
        OSError: It cannot be opened.
        StateError: It is no regular file: a pipe has no positions to go back to.

    Attributes:
        path: As text.
        size: In bytes, when it was opened. What is appended later may be read by a later run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.fspath(path)
        self._descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise StateError(
                f"{self.path} is no regular file, so there is no position in it to go on from. "
                "Read pipes and devices with a function of your own: from_source(...)."
            )
        self.size: int = status.st_size

    def close(self) -> None:
        """Close it. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)

    def read(self, begin: int, end: int) -> bytes:
        """Return the bytes from *begin* to *end*, or to the end of the file.

        Raises:
            StateError: The file has become shorter than it was.
        """
        end = min(end, self.size)
        pieces = []
        while begin < end:
            piece = os.pread(self._descriptor, end - begin, begin)
            if not piece:
                raise StateError(
                    f"{self.path} had {self.size} bytes when it was opened and ends at byte "
                    f"{begin} now. A file must not become shorter while a job reads it."
                )
            pieces.append(piece)
            begin += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_lines(self, text: TextFormat, begin: int, end: int) -> bytes:
        """Return the whole lines whose first byte is in *begin* to *end*.

        Args:
            text: How its lines lie in it.
            begin: Where a line begins.
            end: Where to end; the last line is read to its own end, however long.
        """
        data = self.read(begin, end)
        if not data or (data.endswith(text.newline) and len(data) % text.width == 0):
            return data
        pieces, at = [data], begin + len(data)
        while more := self.read(at, at + _CHUNK_BYTES):
            line_end = text.find_end(more)
            if line_end != -1:
                pieces.append(more[:line_end])
                break
            pieces.append(more)
            at += len(more)
        return b"".join(pieces)

    def line_number(self, text: TextFormat, at: int) -> int:
        """Return the number, from 1, of the line that begins at byte *at*. Reads all before it."""
        number, begin = 1, text.begin
        while begin < at:
            data = self.read(begin, min(begin + _CHUNK_BYTES, at))
            number += text.count(data)
            begin += len(data)
        return number

    def mark(self, at: int) -> Mark:
        """Return position *at* together with what tells whether the file is still the same."""
        return at, zlib.crc32(self.read(max(at - _CHECKED_BYTES, 0), at))

    def check_size(self, least: int) -> None:
        """Refuse a file that is shorter than an earlier run found it.

        Raises:
            StateError: It is.
        """
        if self.size < least:
            raise StateError(
                f"{self.path} has {self.size} bytes and had {least} when it was read before. It "
                "was cut off or replaced since the checkpoint. Put the old file back, or start "
                "without the old state."
            )

    def check(self, mark: Mark) -> int:
        """Return the position of a mark.

        Raises:
            StateError: The file is shorter, or is another one before the position.
        """
        at = mark[0]
        self.check_size(at)
        if self.mark(at) != mark:
            raise StateError(
                f"{self.path} has other content before byte {at} than when it was read. It was "
                "changed or replaced since the checkpoint. Put the old file back, or start without "
                "the old state."
            )
        return at
