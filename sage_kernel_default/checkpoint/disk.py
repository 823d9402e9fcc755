"""What a store asks of the machine: files, a lock, a database. Ports, without an implementation.

Layer: checkpoint. Protocols only. Tests fail the first, second, third ... call through them; a
simulated disk can stand behind them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

__all__ = ["Database", "DatabaseError", "Disk", "FaultKind", "FileDigest", "FolderLock"]

FaultKind: TypeAlias = Literal["damage", "foreign", "other"]


class DatabaseError(OSError):
    """A statement failed.

    Attributes:
        kind: ``damage``: the file is malformed; ``foreign``: it is no database at all;
            ``other``: everything else, as a full disk.
    """

    def __init__(self, message: str, kind: FaultKind) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind


class FileDigest(NamedTuple):
    """Size and BLAKE2b (16 bytes, as hex) of a whole file."""

    size_bytes: int
    hexdigest: str


class Database(Protocol):
    """One connection; statements are those of SQLite. One thread at a time."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all of its rows.

        Raises:
            DatabaseError: It failed.
        """

    @property
    @abstractmethod
    def in_transaction(self) -> bool:
        """True from BEGIN to COMMIT, ROLLBACK, or a fault that rolled back by itself."""

    @abstractmethod
    def close(self) -> None:
        """Close it; an open transaction is rolled back.

        Raises:
            DatabaseError: It failed; it counts as closed.
        """


class FolderLock(Protocol):
    """A lock that is held until `release`, or until the process ends in whatever way."""

    @abstractmethod
    def release(self) -> None:
        """Give it up. Any number of times."""


class Disk(Protocol):
    """Files and databases. Every method may raise `OSError`, with part of its effect done."""

    @abstractmethod
    def make_folder(self, folder: Path) -> list[Path]:
        """Make a folder with its parents. Returns those that were made, outermost first."""

    @abstractmethod
    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""

    @abstractmethod
    def names(self, folder: Path) -> list[str]:
        """Return what is in a folder, sorted."""

    @abstractmethod
    def read(self, path: Path) -> bytes | None:
        """Return the content of a file; None if there is none."""

    @abstractmethod
    def write(self, path: Path, data: bytes) -> None:
        """Write a file in place of what was there; it is on the disk when this returns."""

    @abstractmethod
    def rename(self, old: Path, new: Path) -> None:
        """Rename a file, in place of *new* if that exists. Atomic."""

    @abstractmethod
    def sync_folder(self, folder: Path) -> None:
        """Make renamed, new and removed names durable."""

    @abstractmethod
    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens if there is none."""

    @abstractmethod
    def size(self, path: Path) -> int:
        """Return the size of a file in bytes; 0 if there is none."""

    @abstractmethod
    def digest(self, path: Path) -> FileDigest:
        """Read a whole file."""

    @abstractmethod
    def lock(self, folder: Path) -> FolderLock | None:
        """Lock a folder for this owner alone. None: somebody else has it."""

    @abstractmethod
    def open_database(self, path: Path, *, is_read_only: bool) -> Database:
        """Open a database; a missing file is made unless *is_read_only*.

        Raises:
            DatabaseError: It failed.
        """

    @abstractmethod
    def file_system(self, folder: Path) -> str:
        """Return the type of the file system, as ``ext4``; empty if that is not known."""

    @abstractmethod
    def owner(self) -> str:
        """Return who this process is, in words, for the message to a second one."""
