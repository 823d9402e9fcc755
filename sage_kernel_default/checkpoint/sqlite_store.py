"""Epochs of one job in an SQLite database: one transaction each.

Layer: checkpoint. The disk is passed in; everything else is in the modules named in the imports.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sage_kernel_api.errors import (
    CheckpointError,
    CheckpointInDoubtError,
    ConfigurationError,
    StoreLockedError,
)
from sage_kernel_default.checkpoint.disk import Database, Disk, FolderLock
from sage_kernel_default.checkpoint.high_water import HighWaterMark
from sage_kernel_default.checkpoint.layers import NextLayers, parallelism_by_step
from sage_kernel_default.checkpoint.manifest import Manifest, StoredEpoch
from sage_kernel_default.checkpoint.places import folder_name, job_key
from sage_kernel_default.checkpoint.ports import CheckpointStore
from sage_kernel_default.checkpoint.schema import (
    FORMAT_VERSION,
    create_schema,
    prepare,
    upgrade,
    version_of,
)
from sage_kernel_default.checkpoint.segments import read_operator
from sage_kernel_default.checkpoint.startup_checks import warnings_for
from sage_kernel_default.checkpoint.values import (
    EpochInfo,
    EpochRecord,
    KeyedChanges,
    OpenedJob,
    RestoredJob,
    StepSnapshot,
)
from sage_kernel_default.checkpoint.verify import (
    Place,
    inspect,
    read_body,
    read_changes,
    translated,
)

__all__ = ["SEAL_UP_TO_BYTES", "SqliteCheckpointStore"]

SEAL_UP_TO_BYTES: Final = 256 * 1024 * 1024
"""Larger databases are not sealed as a whole when they are closed: that reads them once."""


class SqliteCheckpointStore(CheckpointStore):
    """Keep the epochs of one job in a folder of its own below *directory*."""

    def __init__(
        self,
        directory: Path,
        disk: Disk,
        *,
        now_s: Callable[[], float],
        retain: int = 1,
    ) -> None:
        """Prepare; nothing is touched before `open`.

        Args:
            directory: Of any number of jobs; made if missing.
            disk: Does all input and output.
            now_s: Seconds since 1970 (UTC).
            retain: Epochs to keep, at least 1.

        Raises:
            ConfigurationError: *retain* is less than 1.
        """
        if retain < 1:
            raise ConfigurationError(f"retain must be at least 1, not {retain}.")
        self._directory = directory
        self._disk = disk
        self._now_s = now_s
        self._retain = retain
        self._lock: FolderLock | None = None
        self._database: Database | None = None
        self._place = Place(directory)
        self._mark = HighWaterMark("", 0)
        self._epochs: list[StoredEpoch] = []
        self._next_segment = 1
        self._broken: str | None = None
        self._is_new = False
        self._is_older = False

    def open(self, job_name: str) -> OpenedJob:
        """Lock, verify, then open for writing and count the attempt."""
        if self._lock is not None:
            raise CheckpointError("The store is open already; close it first.")
        key = job_key(job_name)
        self._is_new = False
        self._place = Place(self._directory / folder_name(job_name))
        made: list[Path] = []
        try:
            with translated(self._place.folder, "opening the checkpoints"):
                made = self._disk.make_folder(self._place.folder)
                self._take_lock()
                found = inspect(self._disk, self._place, key)
                self._start(key, found)
                file_system = self._disk.file_system(self._place.folder)
        except BaseException:
            self._give_up(made)
            raise
        latest = self._epochs[-1].manifest.info() if self._epochs else None
        return OpenedJob(self._mark.attempt, latest, warnings_for(self._place.folder, file_system))

    def load(self, epoch: int | None = None) -> RestoredJob:
        """Read the segments of one epoch and put them together by instance."""
        database = self._working()
        manifest = self._find(epoch)
        keyed: dict[tuple[str, int], list[KeyedChanges]] = {}
        steps: dict[str, list[StepSnapshot]] = {step: [] for step in manifest.steps}
        with translated(self._place.database, f"reading epoch {manifest.epoch}"):
            for ref in manifest.segments:
                if ref.table is not None:
                    changes = read_changes(database, ref, self._place.database)
                    keyed.setdefault((ref.step, ref.index), []).append(changes)
                    continue
                body = read_body(database, ref, self._place.database, ref.id)
                operator, handle, in_flight = read_operator(ref, body)
                steps[ref.step].append(
                    StepSnapshot(
                        *(ref.step, ref.index, manifest.steps[ref.step], operator),
                        handle=handle,
                        in_flight=in_flight,
                    )
                )
        return RestoredJob(
            manifest.info(),
            {
                step: [
                    replace(snapshot, keyed=keyed.get((step, snapshot.index), ()))
                    for snapshot in snapshots
                ]
                for step, snapshots in steps.items()
            },
        )

    def commit(self, record: EpochRecord) -> EpochInfo:
        """Write segments and manifest in one transaction, then move the mark."""
        database = self._working()
        if record.epoch <= self._latest_number():
            raise CheckpointError(
                f"Epoch {record.epoch} is not newer than {self._latest_number()}; nothing was "
                "stored."
            )
        with self._transaction(database, f"storing epoch {record.epoch}"):
            stored, next_segment = self._write_epoch(database, record)
            if self._is_older:
                upgrade(database)
            epochs = [*self._epochs, stored][-self._retain :]
            self._remove_others(database, epochs)
        self._epochs, self._next_segment, self._is_older = epochs, next_segment, False
        # Commit before the mark: a mark without its epoch would condemn a good database.
        self._move_mark(
            replace(self._mark, epoch=record.epoch, chain=stored.chain),
            f"epoch {record.epoch} is in the database, but marking it",
        )
        self._broken = None
        return stored.manifest.info()

    def epochs(self) -> list[EpochInfo]:
        """Return the completed epochs, oldest first."""
        self._working()
        return [stored.manifest.info() for stored in self._epochs]

    def delete(self, epoch: int) -> bool:
        """Remove an epoch and the segments that no other one needs."""
        database = self._working()
        kept = [stored for stored in self._epochs if stored.manifest.epoch != epoch]
        if len(kept) == len(self._epochs):
            return False
        if epoch == self._latest_number():
            raise CheckpointError(
                f"Epoch {epoch} is the latest one of its job; nothing was deleted."
            )
        with self._transaction(database, f"deleting epoch {epoch}"):
            self._remove_others(database, kept)
        self._epochs, self._broken = kept, None
        return True

    def close(self) -> None:
        """Close the database, seal it if all went well, and give the place up."""
        database, self._database = self._database, None
        try:
            if database is not None:
                with translated(self._place.database, "closing"):
                    database.close()
                    if self._broken is None:
                        self._seal()
        finally:
            self._epochs = []
            self._broken = None
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.release()

    # --- opening ------------------------------------------------------------------------

    def _take_lock(self) -> None:
        self._lock = self._disk.lock(self._place.folder)
        if self._lock is None:
            owner = self._disk.read(self._place.owner) or b"another process"
            raise StoreLockedError(
                f"{self._place.folder} is in use by {owner.decode('utf-8', 'replace').strip()}. "
                "Two kernels must not share the state of one job: stop that one, or give this job "
                "another name or directory."
            )

    def _start(self, key: bytes, found: tuple[HighWaterMark, list[StoredEpoch]] | None) -> None:
        if found is None:
            self._is_new = True
            # The beginning of a store that a crash interrupted holds nothing.
            self._remove_files()
        self._database = database = self._disk.open_database(
            self._place.database, is_read_only=False
        )
        prepare(database)
        if found is None:
            mark = HighWaterMark(secrets.token_hex(8), 0)
            create_schema(database, mark.store, key)
            self._epochs = []
        else:
            mark, self._epochs = found
        self._is_older = version_of(database) < FORMAT_VERSION
        [(last,)] = database.execute("SELECT coalesce(max(id), 0) FROM segment")
        self._next_segment = last + 1
        latest = self._epochs[-1] if self._epochs else None
        self._write_mark(
            HighWaterMark(
                mark.store,
                mark.attempt + 1,
                latest.manifest.epoch if latest else 0,
                latest.chain if latest else "",
            )
        )
        self._disk.write(self._place.owner, f"{self._disk.owner()}\n".encode())

    def _give_up(self, made: Sequence[Path]) -> None:
        """Undo an `open` that failed; what fails in turn must not hide why."""
        database, self._database = self._database, None
        lock, self._lock = self._lock, None
        with contextlib.suppress(OSError):
            if database is not None:
                database.close()
        if self._is_new:
            with contextlib.suppress(OSError):
                self._remove_files()
        for folder in reversed(made):
            with contextlib.suppress(OSError):
                self._disk.remove_folder(folder)
        if lock is not None:
            lock.release()

    def _remove_files(self) -> None:
        """Remove all that the store consists of, the mark first.

        A mark without its database, or with a younger one, would be refused; and a power cut can
        bring back what was removed, until the folder is synced.
        """
        mark, *others = self._place.files()
        self._disk.remove(mark)
        self._disk.sync_folder(self._place.folder)
        for path in others:
            self._disk.remove(path)

    # --- one epoch ------------------------------------------------------------------------

    def _write_epoch(self, database: Database, record: EpochRecord) -> tuple[StoredEpoch, int]:
        previous = self._epochs[-1] if self._epochs else None
        layers = NextLayers(
            record,
            previous.manifest if previous else None,
            next_id=self._next_segment,
            write=lambda id_, body: _insert_segment(database, id_, body),
            read=lambda ref: read_changes(database, ref, self._place.database),
        )
        segments = layers.build()
        kept = self._epochs[len(self._epochs) - self._retain + 1 :] if self._retain > 1 else []
        manifest = Manifest(
            epoch=record.epoch,
            previous=previous.chain if previous else "",
            attempt=self._mark.attempt,
            completed_at_s=self._now_s(),
            is_final=record.is_final,
            metadata=record.metadata,
            written_bytes=layers.written_bytes,
            steps=parallelism_by_step(record),
            retained={stored.manifest.epoch: stored.chain for stored in kept},
            segments=segments,
        )
        data = manifest.to_bytes()
        stored = StoredEpoch.of(manifest, data)
        database.execute("INSERT INTO epoch VALUES (?, ?, ?)", (record.epoch, data, stored.chain))
        return stored, layers.next_id

    def _remove_others(self, database: Database, epochs: Sequence[StoredEpoch]) -> None:
        kept = {stored.manifest.epoch for stored in epochs}
        needed = {row for stored in epochs for row in stored.manifest.rows_used}
        for stored in self._epochs:
            if stored.manifest.epoch in kept:
                continue
            database.execute("DELETE FROM epoch WHERE epoch = ?", (stored.manifest.epoch,))
            for row in stored.manifest.rows_used - needed:
                database.execute("DELETE FROM segment WHERE id = ?", (row,))

    @contextlib.contextmanager
    def _transaction(self, database: Database, doing: str) -> Iterator[None]:
        """Commit what the block does, or nothing of it.

        From COMMIT on, until the caller clears `_broken`, nobody can say what the disk holds.
        """
        with translated(self._place.database, doing):
            try:
                database.execute("BEGIN IMMEDIATE")
                yield
            except BaseException:
                self._roll_back(database)
                raise
        self._broken = doing
        try:
            with translated(self._place.database, doing):
                database.execute("COMMIT")
        except CheckpointError as error:
            raise self._in_doubt(error) from error

    def _roll_back(self, database: Database) -> None:
        try:
            # Some faults make SQLite roll back by itself.
            if database.in_transaction:
                database.execute("ROLLBACK")
        except OSError as error:
            self._broken = f"taking back a transaction ({error})"

    def _move_mark(self, mark: HighWaterMark, doing: str) -> None:
        try:
            with translated(self._place.mark, doing):
                self._write_mark(mark)
        except CheckpointError as error:
            raise self._in_doubt(error) from error

    def _write_mark(self, mark: HighWaterMark) -> None:
        self._disk.write(self._place.next_mark, mark.to_bytes())
        self._disk.rename(self._place.next_mark, self._place.mark)
        self._disk.sync_folder(self._place.folder)
        self._mark = mark

    def _seal(self) -> None:
        place = self._place
        # A log that is still there could not be written back: it belongs to the database.
        if self._disk.size(place.log) or self._disk.size(place.database) > SEAL_UP_TO_BYTES:
            return
        size, seal = self._disk.digest(place.database)
        self._write_mark(replace(self._mark, size_bytes=size, seal=seal))

    # --- small things ---------------------------------------------------------------------

    def _working(self) -> Database:
        if self._database is None:
            raise CheckpointError("The store is not open.")
        if self._broken is not None:
            raise CheckpointError(
                f"The store cannot be used any more since {self._broken} failed. Close it, and "
                "open it again to see what it holds."
            )
        return self._database

    def _find(self, epoch: int | None) -> Manifest:
        for stored in self._epochs[::-1]:
            if epoch is None or stored.manifest.epoch == epoch:
                return stored.manifest
        known = ", ".join(str(stored.manifest.epoch) for stored in self._epochs) or "none"
        raise CheckpointError(f"There is no epoch {epoch or 'at all'}; stored: {known}.")

    def _latest_number(self) -> int:
        return self._epochs[-1].manifest.epoch if self._epochs else 0

    def _in_doubt(self, error: CheckpointError) -> CheckpointInDoubtError:
        return CheckpointInDoubtError(
            f"{error} Whether it is stored will show when the state is opened again."
        )


def _insert_segment(database: Database, id_: int, body: bytes) -> None:
    database.execute("INSERT INTO segment VALUES (?, ?)", (id_, body))
