"""What the tests of the store share: a disk that fails on demand, records, and what came back."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_default.checkpoint import EpochRecord, RestoredJob, StepSnapshot
from sage_kernel_default.checkpoint.disk import (
    Database,
    DatabaseError,
    Disk,
    FileDigest,
    FolderLock,
)
from sage_kernel_default.checkpoint.real_disk import RealDisk
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore
from sage_kernel_default.checkpoint.tables import pack_table, unpack_tables

__all__ = [
    "CODEC",
    "FaultyDisk",
    "contents",
    "failing",
    "kill_at",
    "make_store",
    "record",
    "state_of",
]

CODEC = ValueCodec()
Hook = Callable[[int, str], None]
_HOT = [f"hot{number}" for number in range(20)]


class FaultyDisk(Disk):
    """The real disk; a hook sees every call before and after it and may raise or kill."""

    def __init__(self, before: Hook | None = None, after: Hook | None = None) -> None:
        self.calls = 0
        self.before = before
        self.after = after
        self._disk = RealDisk()

    def run(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls += 1
        number = self.calls
        if self.before is not None:
            self.before(number, name)
        result = call()
        try:
            if self.after is not None:
                self.after(number, name)
        except OSError:
            if name in ("lock", "open_database") and result is not None:
                # A call that failed left no descriptor behind.
                (result.release if name == "lock" else result.close)()
            raise
        return result

    def make_folder(self, folder: Path) -> list[Path]:
        made: list[Path] = self.run("make_folder", lambda: self._disk.make_folder(folder))
        return made

    def remove_folder(self, folder: Path) -> None:
        self.run("remove_folder", lambda: self._disk.remove_folder(folder))

    def names(self, folder: Path) -> list[str]:
        names: list[str] = self.run("names", lambda: self._disk.names(folder))
        return names

    def read(self, path: Path) -> bytes | None:
        data: bytes | None = self.run(f"read {path.name}", lambda: self._disk.read(path))
        return data

    def write(self, path: Path, data: bytes) -> None:
        self.run(f"write {path.name}", lambda: self._disk.write(path, data))

    def rename(self, old: Path, new: Path) -> None:
        self.run(f"rename {old.name}", lambda: self._disk.rename(old, new))

    def sync_folder(self, folder: Path) -> None:
        self.run("sync_folder", lambda: self._disk.sync_folder(folder))

    def remove(self, path: Path) -> None:
        self.run(f"remove {path.name}", lambda: self._disk.remove(path))

    def size(self, path: Path) -> int:
        size: int = self.run(f"size {path.name}", lambda: self._disk.size(path))
        return size

    def digest(self, path: Path) -> FileDigest:
        digest: FileDigest = self.run(f"digest {path.name}", lambda: self._disk.digest(path))
        return digest

    def lock(self, folder: Path) -> FolderLock | None:
        lock: FolderLock | None = self.run("lock", lambda: self._disk.lock(folder))
        return lock

    def open_database(self, path: Path, *, is_read_only: bool) -> Database:
        database: Database = self.run(
            "open_database", lambda: self._disk.open_database(path, is_read_only=is_read_only)
        )
        return _FaultyDatabase(database, self)

    def file_system(self, folder: Path) -> str:
        kind: str = self.run("file_system", lambda: self._disk.file_system(folder))
        return kind

    def owner(self) -> str:
        return self._disk.owner()


class _FaultyDatabase(Database):
    def __init__(self, database: Database, disk: FaultyDisk) -> None:
        self._database = database
        self._disk = disk

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._disk.run(
            f"sql {sql[:20]}", lambda: self._database.execute(sql, parameters)
        )
        return rows

    @property
    def in_transaction(self) -> bool:
        return self._database.in_transaction

    def close(self) -> None:
        # A close that fails has closed all the same.
        try:
            self._disk.run("sql close", lambda: None)
        finally:
            self._database.close()


def failing(at: int, code: int, *, is_persistent: bool) -> Hook:
    """Return a hook that raises at call *at* (and at all later ones)."""

    def hook(number: int, name: str) -> None:
        if number != at and not (is_persistent and number > at):
            return
        if name.startswith(("sql", "open_database")):
            raise DatabaseError(f"{os.strerror(code)} (SQLITE_INJECTED)", "other")
        raise OSError(code, os.strerror(code))

    return hook


def kill_at(at: int) -> Hook:
    """Return a hook that kills the process at call *at*."""

    def hook(number: int, name: str) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def make_store(
    directory: Path, disk: Disk | None = None, *, retain: int = 1
) -> SqliteCheckpointStore:
    return SqliteCheckpointStore(
        directory, disk or RealDisk(), now_s=lambda: 1_000_000.5, retain=retain
    )


def record(
    epoch: int,
    changed: Mapping[Any, Any],
    deleted: Sequence[Any] = (),
    *,
    is_base: bool = False,
    **fields: Any,
) -> EpochRecord:
    """One keyed step of two instances (by the parity of the key's hash), and a source."""
    snapshots = [
        StepSnapshot("source", 0, 1, {"position": CODEC.encode(epoch)}, handle=b"h%d" % epoch)
    ]
    for index in range(2):
        mine = {key: value for key, value in changed.items() if instance_of(key) == index}
        gone = [key for key in deleted if instance_of(key) == index]
        keyed = pack_table(CODEC, "count", mine, gone, is_base=is_base)
        # Whole each time, with the same keys: written in blocks, the keys only once.
        keyed += pack_table(CODEC, "hot", {key: (key, epoch) for key in _HOT}, is_base=True)
        snapshots.append(
            StepSnapshot("keyed", index, 2, keyed=keyed, in_flight=[b"%d" % epoch] * index)
        )
    return EpochRecord(epoch, snapshots, {"plan": ["source", "keyed"]}, **fields)


def instance_of(key: Any) -> int:
    return hashlib.blake2b(repr(key).encode()).digest()[0] % 2


def state_of(job: RestoredJob) -> Any:
    """Return all that was restored, as plain values that can be compared."""
    shown: dict[str, Any] = {"epoch": job.info.epoch, "metadata": dict(job.info.metadata)}
    for step, snapshots in job.steps.items():
        shown[step] = [
            (
                {name: CODEC.decode(data) for name, data in snapshot.operator.items()},
                unpack_tables(CODEC, snapshots, index, len(snapshots)),
                snapshot.handle,
                list(snapshot.in_flight),
            )
            for index, snapshot in enumerate(snapshots)
        ]
    return shown


def contents(directory: Path) -> dict[str, bytes]:
    """Return all files below a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
