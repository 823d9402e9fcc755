"""How savepoints reach the disk: a port, and the real one.

Layer: storage. Tests fail each call of the port.
"""

from __future__ import annotations

import os
import secrets
from abc import abstractmethod
from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["PosixSavepointFiles", "SavepointFiles"]


class SavepointFiles(Protocol):
    """Files of savepoints. Every method may raise `OSError`."""

    @abstractmethod
    def exists(self, path: Path) -> bool:
        """True if there is anything of that name."""

    @abstractmethod
    def create(self, path: Path) -> tuple[Path, BinaryIO]:
        """Make an empty file beside *path*, under a name that nobody has."""

    @abstractmethod
    def write(self, file: BinaryIO, data: bytes) -> None:
        """Append to it."""

    @abstractmethod
    def close(self, file: BinaryIO) -> None:
        """Make it durable and close it."""

    @abstractmethod
    def publish(self, temporary: Path, path: Path) -> None:
        """Give it its name, durably.

        Raises:
            FileExistsError: Somebody else has the name; nothing changed.
        """

    @abstractmethod
    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens if there is none."""

    @abstractmethod
    def open(self, path: Path) -> tuple[BinaryIO, int]:
        """Open a file for reading. Returns it and its size in bytes."""


class PosixSavepointFiles(SavepointFiles):
    """The machine's own."""

    def exists(self, path: Path) -> bool:
        """Look, without following a link that leads nowhere."""
        return os.path.lexists(path)

    def create(self, path: Path) -> tuple[Path, BinaryIO]:
        """Make it with a random name."""
        temporary = path.with_name(f".savepoint-{secrets.token_hex(8)}.partial")
        return temporary, temporary.open("xb")

    def write(self, file: BinaryIO, data: bytes) -> None:
        """Write."""
        file.write(data)

    def close(self, file: BinaryIO) -> None:
        """Sync, and close in any case."""
        with file:
            file.flush()
            os.fsync(file.fileno())

    def publish(self, temporary: Path, path: Path) -> None:
        """Link, which unlike renaming never replaces what is there."""
        os.link(temporary, path)
        try:
            temporary.unlink()
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def remove(self, path: Path) -> None:
        """Remove it if it is there."""
        path.unlink(missing_ok=True)

    def open(self, path: Path) -> tuple[BinaryIO, int]:
        """Open; the size is that of the open file."""
        file = path.open("rb")
        try:
            return file, os.fstat(file.fileno()).st_size
        except OSError:
            file.close()
            raise
