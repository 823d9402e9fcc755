"""A store that forgets everything with its process: for tests, and for restarts of tasks alone.

Layer: checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sage_kernel_api.errors import CheckpointError
from sage_kernel_default.checkpoint.ports import CheckpointStore
from sage_kernel_default.checkpoint.values import (
    EpochInfo,
    EpochRecord,
    KeyedChanges,
    OpenedJob,
    RestoredJob,
    StepSnapshot,
)

__all__ = ["MemoryCheckpointStore"]


class MemoryCheckpointStore(CheckpointStore):
    """Keeps the last epochs of one job as they came."""

    def __init__(self, now_s: Callable[[], float], retain: int = 1) -> None:
        """Args: now_s: Seconds since 1970; retain: epochs to keep, at least 1."""
        self._now_s = now_s
        self._retain = retain
        self._keyed: dict[tuple[str, int], tuple[KeyedChanges, ...]] = {}
        self._kept: list[RestoredJob] = []
        self._attempt = 0
        self.is_open = False

    def open(self, job_name: str) -> OpenedJob:
        """Take the place."""
        self._attempt += 1
        self.is_open = True
        return OpenedJob(self._attempt, self._kept[-1].info if self._kept else None)

    def load(self, epoch: int | None = None) -> RestoredJob:
        """Return all state of an epoch."""
        for job in reversed(self._kept):
            if epoch is None or job.info.epoch == epoch:
                return job
        raise CheckpointError(f"There is no completed epoch {epoch or ''}.")

    def commit(self, record: EpochRecord) -> EpochInfo:
        """Keep an epoch."""
        if self._kept and record.epoch <= self._kept[-1].info.epoch:
            raise CheckpointError(f"Epoch {record.epoch} is not newer than the last one.")
        written = sum(c.size_bytes for one in record.snapshots for c in one.keyed)
        steps: dict[str, list[StepSnapshot]] = {}
        for one in sorted(record.snapshots, key=lambda s: (s.step, s.index)):
            keyed = self._apply((one.step, one.index), one.keyed)
            steps.setdefault(one.step, []).append(replace(one, keyed=keyed))
        info = EpochInfo(
            record.epoch, self._now_s(), written, written, record.is_final, record.metadata
        )
        self._kept = [*self._kept, RestoredJob(info, steps)][-self._retain :]
        return info

    def _apply(self, instance: tuple[str, int], changes: object) -> tuple[KeyedChanges, ...]:
        kept = list(self._keyed.get(instance, ()))
        assert isinstance(changes, (list, tuple))
        for one in changes:
            if one.is_base:
                kept = [old for old in kept if old.table != one.table]
            kept.append(one)
        self._keyed[instance] = tuple(kept)
        return self._keyed[instance]

    def epochs(self) -> list[EpochInfo]:
        """Return the completed epochs, oldest first."""
        return [job.info for job in self._kept]

    def delete(self, epoch: int) -> bool:
        """Remove an epoch."""
        if self._kept and self._kept[-1].info.epoch == epoch:
            raise CheckpointError(f"Epoch {epoch} is the latest one; it stays.")
        before = len(self._kept)
        self._kept = [job for job in self._kept if job.info.epoch != epoch]
        return len(self._kept) < before

    def close(self) -> None:
        """Give the place up."""
        self.is_open = False
