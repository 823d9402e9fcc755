"""A checkpoint store whose every answer is noted, and held against what it said before.

Layer: simulation.
"""

from __future__ import annotations

from sage_kernel_default.checkpoint import (
    CheckpointStore,
    EpochInfo,
    EpochRecord,
    OpenedJob,
    RestoredJob,
)
from sage_kernel_default.simulation.history import History

__all__ = ["Progress", "WatchedStore"]


class Progress:
    """How far the job has come, as its stores have told (promise R3).

    Attributes:
        complete: The latest epoch that was reported complete.
        is_open: Somebody has the state directory.
    """

    def __init__(self, history: History) -> None:
        self.complete = 0
        self.is_open = False
        self._history = history

    def reported(self, epoch: int) -> None:
        """Take note of an epoch that was reported complete."""
        self._history.note("complete", epoch)
        self.complete = max(self.complete, epoch)

    def restored(self, epoch: int) -> None:
        """Take note of the epoch from which somebody goes on."""
        self._history.note("restored", epoch)
        if epoch < self.complete:
            self._history.blame(
                f"went back to epoch {epoch}, though {self.complete} was reported complete"
            )


class WatchedStore(CheckpointStore):
    """Passes everything on."""

    def __init__(self, store: CheckpointStore, progress: Progress) -> None:
        self._store = store
        self._progress = progress

    def open(self, job_name: str) -> OpenedJob:
        """Open it; what it has must not be older than what was reported."""
        opened = self._store.open(job_name)
        self._progress.is_open = True
        self._progress.restored(opened.latest.epoch if opened.latest else 0)
        return opened

    def load(self, epoch: int | None = None) -> RestoredJob:
        """Load an epoch."""
        job = self._store.load(epoch)
        self._progress.restored(job.info.epoch)
        return job

    def commit(self, record: EpochRecord) -> EpochInfo:
        """Commit an epoch, which is complete from then on."""
        info = self._store.commit(record)
        self._progress.reported(info.epoch)
        return info

    def epochs(self) -> list[EpochInfo]:
        """Return the completed epochs."""
        return self._store.epochs()

    def delete(self, epoch: int) -> bool:
        """Remove an epoch."""
        return self._store.delete(epoch)

    def close(self) -> None:
        """Close it."""
        self._progress.is_open = False
        self._store.close()
