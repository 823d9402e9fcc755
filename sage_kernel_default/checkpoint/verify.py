"""Read a job's database and mark without changing them, and refuse what does not fit together.

Layer: checkpoint. Runs before the job does (promises R6 and R7); the disk is passed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sage_kernel_api.errors import CheckpointError, StoreCorruptError, StoreFormatError
from sage_kernel_default.checkpoint.disk import Database, DatabaseError, Disk
from sage_kernel_default.checkpoint.high_water import HighWaterMark
from sage_kernel_default.checkpoint.manifest import SegmentRef, StoredEpoch
from sage_kernel_default.checkpoint.schema import check_schema, is_blank
from sage_kernel_default.checkpoint.segments import digest_of, read_keyed
from sage_kernel_default.checkpoint.values import KeyedChanges

__all__ = ["Place", "inspect", "read_body", "read_changes", "translated"]


class Place:
    """The files of one job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "state.db"
        self.log = folder / "state.db-wal"
        self.shared_memory = folder / "state.db-shm"
        self.mark = folder / "high-water"
        self.next_mark = folder / "high-water.next"
        self.owner = folder / "owner"

    def files(self) -> list[Path]:
        """Return all files that a store makes; the mark first."""
        return [
            *(self.mark, self.next_mark, self.database, self.log, self.shared_memory, self.owner)
        ]


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn what a disk raises into our errors.

    Raises:
        StoreCorruptError: The database says that it is malformed.
        StoreFormatError: The file is no database.
        CheckpointError: Anything else.
    """
    try:
        yield
    except CheckpointError:
        # Some of ours are also an `OSError`.
        raise
    except DatabaseError as error:
        if error.kind == "foreign":
            raise StoreFormatError(
                f"{path} is no database of sage-kernel, or its beginning is damaged. Choose "
                "another directory, or put the file back from a backup."
            ) from error
        if error.kind == "damage":
            raise _corrupt(path, str(error)) from error
        raise CheckpointError(f"{path}: {doing} failed: {error}.") from error
    except OSError as error:
        raise CheckpointError(
            f"{error.filename or path}: {doing} failed: {error.strerror or error}. Look at "
            "permissions, free space, and whether the directory is still there."
        ) from error


def inspect(disk: Disk, place: Place, job: bytes) -> tuple[HighWaterMark, list[StoredEpoch]] | None:
    """Verify everything that is there.

    Args:
        disk: Where it is.
        place: The job's files; locked by the caller.
        job: The job's name, encoded.

    Returns:
        The mark, and the epochs, oldest first. None if there is no store yet (or only the
        beginning of one, left by a crash).

    Raises:
        StoreCorruptError, StoreFormatError, CheckpointError: Nothing was changed.
    """
    names = set(disk.names(place.folder))
    data = disk.read(place.mark)
    has_database = place.database.name in names
    if data is None:
        if has_database:
            _check_beginning(disk, place)
        return None
    mark = HighWaterMark.from_bytes(data)
    if mark is None:
        raise _corrupt(place.mark, "its checksum does not fit")
    if not has_database:
        raise _corrupt(place.database, "it is missing")
    if mark.seal:
        _check_seal(disk, place, mark)
    with _reading(disk, place, names) as database:
        check_schema(database, place.database)
        _check_identity(database, place, mark, job)
        epochs = _read_epochs(database, place)
        _check_age(place, mark, epochs)
        _check_segments(database, place, epochs)
        return mark, epochs


def read_changes(database: Database, ref: SegmentRef, path: Path) -> KeyedChanges:
    """Return what a segment of a keyed table says.

    Raises:
        StoreCorruptError: It is missing or damaged.
        DatabaseError: It cannot be read.
    """
    keys = read_body(database, ref, path, ref.keys_id) if ref.keys_id else b""
    return read_keyed(ref, read_body(database, ref, path, ref.id), keys)


def read_body(database: Database, ref: SegmentRef, path: Path, row: int) -> bytes:
    """Return the body of a segment, or its keys: one of its rows.

    Raises:
        StoreCorruptError: It is missing or does not have its digest.
        DatabaseError: It cannot be read.
    """
    rows = database.execute("SELECT body FROM segment WHERE id = ?", (row,))
    what = f"segment {row} (step {ref.step!r}, instance {ref.index}"
    what += f", table {ref.table!r})" if ref.table is not None else ")"
    if not rows:
        raise _corrupt(path, f"{what} is missing")
    body = rows[0][0]
    digest = ref.rows_used[row]
    if not isinstance(body, bytes) or digest_of(ref.step, ref.index, ref.table, body) != digest:
        raise _corrupt(path, f"{what} does not have its checksum")
    return body


def _check_beginning(disk: Disk, place: Place) -> None:
    if f"{place.database.name}-journal" in disk.names(place.folder):
        # A crash in the first transaction: SQLite takes it back, but only where it may write.
        database = disk.open_database(place.database, is_read_only=False)
        try:
            is_blank(database)
        finally:
            database.close()
    with _reading(disk, place, set(disk.names(place.folder))) as database:
        # A crash while the store was made leaves an empty database, or one without epochs.
        if is_blank(database) and database.execute("PRAGMA application_id") == [(0,)]:
            return
        check_schema(database, place.database)
        if database.execute("SELECT 1 FROM epoch LIMIT 1"):
            raise _corrupt(place.mark, "it is missing")


def _check_seal(disk: Disk, place: Place, mark: HighWaterMark) -> None:
    if disk.size(place.log):
        raise _corrupt(place.log, "it is there though the database was closed in order")
    if disk.digest(place.database) != (mark.size_bytes, mark.seal):
        raise _corrupt(place.database, "it is not what it was when it was closed")


@contextmanager
def _reading(disk: Disk, place: Place, names: set[str]) -> Iterator[Database]:
    """Open without changing: SQLite's own scratch files are removed again."""
    # Of a reader that was killed: it would tell of another log.
    disk.remove(place.shared_memory)
    database = disk.open_database(place.database, is_read_only=True)
    try:
        yield database
    finally:
        database.close()
        disk.remove(place.shared_memory)
        if place.log.name not in names:
            disk.remove(place.log)


def _check_identity(database: Database, place: Place, mark: HighWaterMark, job: bytes) -> None:
    rows = database.execute("SELECT id, job FROM store")
    if len(rows) != 1 or rows[0][0] != mark.store:
        raise _corrupt(place.database, f"it does not belong to {place.mark.name}")
    if rows[0][1] != job:
        name = rows[0][1].decode("utf-8", "replace") if isinstance(rows[0][1], bytes) else "?"
        raise _corrupt(place.database, f"it is the state of the job {name!r}")


def _read_epochs(database: Database, place: Place) -> list[StoredEpoch]:
    epochs = []
    for number, data, chain in database.execute("SELECT * FROM epoch ORDER BY epoch"):
        try:
            epochs.append(StoredEpoch.read(number, data, chain))
        except StoreCorruptError as error:
            raise _corrupt(place.database, str(error).rstrip(".")) from error
    if epochs:
        # The latest one vouches for the others, as the mark does for it.
        known = epochs[-1].manifest.retained
        for older in epochs[:-1]:
            if known.get(older.manifest.epoch) != older.chain:
                raise _corrupt(place.database, f"epoch {older.manifest.epoch} is from another time")
    return epochs


def _check_age(place: Place, mark: HighWaterMark, epochs: list[StoredEpoch]) -> None:
    if not epochs:
        if mark.epoch:
            raise _older(place, f"it has no epoch, and {mark.epoch} was complete")
        return
    latest = epochs[-1]
    # Equal to `previous` after a crash between commit and mark: whole, though never reported.
    if mark.chain not in (latest.chain, latest.manifest.previous):
        raise _older(
            place, f"it ends with epoch {latest.manifest.epoch}, and {mark.epoch} was complete"
        )
    if latest.manifest.attempt > mark.attempt:
        raise _corrupt(place.mark, "it is older than the database")


def _check_segments(database: Database, place: Place, epochs: list[StoredEpoch]) -> None:
    refs = (ref for epoch in epochs for ref in epoch.manifest.segments)
    needed = {(row, digest): ref for ref in refs for row, digest in ref.rows_used.items()}
    for (row, _), ref in needed.items():
        read_body(database, ref, place.database, row)
    [(count,)] = database.execute("SELECT count(*) FROM segment")
    if count != len(needed):
        raise _corrupt(place.database, f"it has {count - len(needed)} segments of no epoch")


def _corrupt(path: Path, what: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"{path}: {what}. The state cannot be trusted, so the job was not started and nothing was "
        "changed. Put the whole directory back from a backup, restore from a savepoint, or delete "
        "the directory to start from the beginning."
    )


def _older(place: Place, what: str) -> StoreCorruptError:
    return _corrupt(place.database, f"it is older than it was: {what}")
