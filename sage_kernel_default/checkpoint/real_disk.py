"""The machine's own files, lock and SQLite behind the ports of `disk`.

Layer: checkpoint. The one module of the store that does input and output.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sage_kernel_default.checkpoint.disk import (
    Database,
    DatabaseError,
    Disk,
    FaultKind,
    FileDigest,
    FolderLock,
)

__all__ = ["RealDisk"]

_KINDS: Final[dict[str, FaultKind]] = {"SQLITE_NOTADB": "foreign", "SQLITE_CORRUPT": "damage"}


class RealDisk(Disk):
    """POSIX."""

    def make_folder(self, folder: Path) -> list[Path]:
        """Make missing folders one by one, so that the caller can undo it."""
        made: list[Path] = []
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            made.append(path)
            self.sync_folder(path.parent)
        return made

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        folder.rmdir()

    def names(self, folder: Path) -> list[str]:
        """Return what is in a folder, sorted."""
        return sorted(os.listdir(folder))

    def read(self, path: Path) -> bytes | None:
        """Return the content of a file; None if there is none."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, path: Path, data: bytes) -> None:
        """Write and sync a file."""
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file."""
        old.replace(new)

    def sync_folder(self, folder: Path) -> None:
        """Sync the folder's own entries."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there."""
        path.unlink(missing_ok=True)

    def size(self, path: Path) -> int:
        """Ask for the size."""
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def digest(self, path: Path) -> FileDigest:
        """Read a whole file in pieces."""
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
            return FileDigest(file.tell(), found.hexdigest())

    def lock(self, folder: Path) -> FolderLock | None:
        """Lock the folder itself: no lock file that could be deleted under its owner.

        The kernel of the operating system gives the lock up when its owner dies, so a dead
        owner's place is free at once, and one that is merely stopped keeps it.
        """
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return _Flock(descriptor)

    def open_database(self, path: Path, *, is_read_only: bool) -> Database:
        """Open SQLite; transactions are begun and ended by the caller."""
        mode = "ro" if is_read_only else "rwc"
        with _translated():
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=0,
            )
        # A damaged text must reach those who compare it, not fail on the way.
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        return _SqliteDatabase(connection)

    def file_system(self, folder: Path) -> str:
        """Find the mount that the folder is on (Linux)."""
        try:
            lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
        except OSError:
            return ""
        found, longest = "", -1
        real = folder.resolve()
        for line in lines:
            before, _, after = line.partition(" - ")
            point = Path(before.split()[4].encode().decode("unicode_escape"))
            # Later mounts hide earlier ones at the same place.
            if real.is_relative_to(point) and len(point.parts) >= longest:
                found, longest = after.split()[0], len(point.parts)
        return found

    def owner(self) -> str:
        """Name process and machine."""
        return f"process {os.getpid()} on {socket.gethostname()}"


class _Flock(FolderLock):
    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _SqliteDatabase(Database):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _translated():
            return self._connection.execute(sql, parameters).fetchall()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def close(self) -> None:
        with _translated():
            self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        # SQLite's own message quotes what it could not read.
        raise DatabaseError("malformed text", "damage") from error
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        kind = _KINDS.get(name) or ("damage" if name.startswith("SQLITE_CORRUPT") else "other")
        raise DatabaseError(f"{error} ({name or type(error).__name__})", kind) from error
