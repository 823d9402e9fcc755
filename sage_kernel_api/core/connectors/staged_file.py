"""A file that grows by whole transactions: written beside it, published when committed.

Layer: core. Knows bytes; nothing of records and checkpoints.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from sage_kernel_api.errors import StateError

__all__ = ["StagedFile", "Transaction"]

# So many bytes before a transaction must still be there when it is published.
_CHECKED_BYTES: Final = 4096
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Transaction:
    """Bytes that are durable and not yet published.

    Attributes:
        staged: Name of the file that has them, beside the target.
        offset: Where in the target they belong; all before is committed first.
        length: Their number.
        checksum: Of them.
        before: Checksum of the last bytes of the target before *offset*, at most 4096.
        is_first: The target is replaced by them, instead of continued.
    """

    staged: str
    offset: int
    length: int
    checksum: int
    before: int
    is_first: bool

    @property
    def end(self) -> int:
        """Length of the target behind them."""
        return self.offset + self.length


class StagedFile:
    """One file, its transactions, and what tells that nobody else wrote into it.

    Readers of the target see committed transactions only, in order, each byte once. While one
    is being published, they may see a part of it; the first one appears as a whole.

    Args:
        target: The file. Its directory must exist.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.length: int = 0
        self.number: int = 0
        self.is_new: bool = True
        self._tail = self._tail_before = b""
        self._descriptor = -1
        self._staged = self._path_of(0)
        self._written = 0
        self._checksum = 0

    # --- where it begins ---------------------------------------------------------------------

    def continue_at(self, length: int, number: int) -> None:
        """Continue a target of *length* committed bytes, and with transaction *number*.

        Raises:
            StateError: It has other ones.
        """
        size = _size(self.target)
        if size != length:
            raise StateError(
                f"{self.target} has {'no file' if size is None else f'{size} bytes'} where "
                f"{length} bytes were committed. Somebody else changed it, or it has the output of "
                "a later checkpoint. Put it back, or begin anew without the old state."
            )
        self.length, self.number, self.is_new = length, number, False
        self._tail = _read(self.target, max(length - _CHECKED_BYTES, 0), length)

    def continue_what_is_there(self) -> None:
        """Continue the target as it is, if there is one."""
        if (size := _size(self.target)) is not None:
            self.continue_at(size, 0)

    def clear(self, keep: Collection[str] = ()) -> None:
        """Remove what earlier attempts wrote and never committed, but for the names *keep*."""
        prefix = self._prefix
        with os.scandir(self.target.parent) as entries:
            left = [entry.name for entry in entries if entry.name.startswith(prefix)]
        for name in left:
            if name[len(prefix) :].isdecimal() and name not in keep:
                os.unlink(self.target.parent / name)

    # --- writing -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction; a file is made when something is written."""
        self._staged = self._path_of(self.number)
        self._written = self._checksum = 0
        self._tail_before = self._tail

    def write(self, data: bytes) -> None:
        """Add *data* to the transaction.

        Raises:
            OSError: It could not be written, or only a part of it: the transaction is lost.
        """
        if self._descriptor == -1:
            # Never what is there already: it belongs to the attempt that has followed this one.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self._staged, flags, 0o666)
        _write_all(self._descriptor, data)
        self._written += len(data)
        self._checksum = zlib.crc32(data, self._checksum)
        self._tail = (self._tail + data[-_CHECKED_BYTES:])[-_CHECKED_BYTES:]

    @property
    def is_at_begin(self) -> bool:
        """True while the target has nothing, and will get nothing yet."""
        return self.length + self._written == 0

    def prepare(self) -> Transaction | None:
        """End the transaction and make it durable; None if it has nothing."""
        if self._written == 0 and not self.is_new:
            return None
        self.write(b"")  # So that there is a file, also of nothing.
        os.fsync(self._descriptor)
        self._close()
        _sync_directory(self.target.parent)
        prepared = Transaction(
            staged=self._staged.name,
            offset=self.length,
            length=self._written,
            checksum=self._checksum,
            before=zlib.crc32(self._tail_before),
            is_first=self.is_new,
        )
        self.length, self.number, self.is_new = prepared.end, self.number + 1, False
        return prepared

    def abort(self) -> None:
        """Throw the transaction away."""
        self._tail = self._tail_before
        if self._descriptor != -1:
            is_ours = _is_same(self._descriptor, self._staged)
            self._close()
            # An attempt that was given up comes late: the name may be that of its successor.
            if is_ours:
                self._staged.unlink(missing_ok=True)

    # --- publishing --------------------------------------------------------------------------

    def publish(self, transaction: Transaction, *, is_last: bool) -> None:
        """Make a transaction visible; harmless if that was done before, or begun.

        Args:
            transaction: All before it is published.
            is_last: No other one follows in the target.

        Raises:
            StateError: The target is not what the job left, or the staged file is gone. Nothing
                was written.
        """
        staged = self.target.parent / transaction.staged
        if not staged.exists():
            self._check_published(transaction)
        elif transaction.is_first:
            os.replace(staged, self.target)
            _sync_directory(self.target.parent)
        else:
            self._append(staged, transaction, is_last=is_last)
            os.unlink(staged)

    def _check_published(self, transaction: Transaction) -> None:
        size = _size(self.target)
        begin, end = transaction.offset, transaction.end
        is_there = size is not None and size >= end
        if is_there and _checksum(self.target, begin, end) == transaction.checksum:
            return
        raise StateError(
            f"{self.target.parent / transaction.staged} is gone, and what it had is not in "
            f"{self.target} either. Put it back, or begin anew without the old state."
        )

    def _append(self, staged: Path, transaction: Transaction, *, is_last: bool) -> None:
        size = _size(self.target)
        begin, end = transaction.offset, transaction.end
        if size is None or size < begin:
            self._refuse(f"is gone or ends before byte {begin}")
        if is_last and size > end:
            self._refuse(f"has {size - end} bytes more than this job wrote")
        if _checksum(self.target, max(begin - _CHECKED_BYTES, 0), begin) != transaction.before:
            self._refuse(f"has other bytes before byte {begin}")
        if _checksum(staged, 0, transaction.length) != transaction.checksum:
            raise StateError(f"{staged} is damaged. Nothing of it was published.")
        self._copy(staged, begin, min(size, end) - begin)

    def _copy(self, staged: Path, begin: int, present: int) -> None:
        with open(staged, "rb") as source, open(self.target, "r+b", buffering=0) as target:
            at = 0
            while data := source.read(_CHUNK_BYTES):
                there = os.pread(target.fileno(), max(min(present - at, len(data)), 0), begin + at)
                # Zeros are what a power cut leaves of a file that has grown.
                if there != data[: len(there)] and there.strip(b"\0"):
                    self._refuse(f"has other bytes behind byte {begin + at}")
                if there != data:
                    target.seek(begin + at)
                    _write_all(target.fileno(), data)
                at += len(data)
            os.fsync(target.fileno())

    def _refuse(self, what: str) -> NoReturn:
        raise StateError(
            f"{self.target} {what}: somebody else changed it since the last commit. Nothing was "
            "written. Put it back, or begin anew without the old state."
        )

    # --- names -------------------------------------------------------------------------------

    @property
    def _prefix(self) -> str:
        return f".{self.target.name}.staged-"

    def _path_of(self, number: int) -> Path:
        return self.target.parent / f"{self._prefix}{number}"

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read(path: Path, begin: int, end: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(begin)
        return file.read(end - begin)


def _checksum(path: Path, begin: int, end: int) -> int:
    checksum = 0
    with open(path, "rb") as file:
        file.seek(begin)
        while begin < end and (data := file.read(min(_CHUNK_BYTES, end - begin))):
            checksum = zlib.crc32(data, checksum)
            begin += len(data)
    return checksum


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
