"""Consistent snapshots of whole jobs.

Layer: storage. The seed names this module and leaves it empty; the interface is ours.
"""

from __future__ import annotations

from abc import abstractmethod
from os import PathLike
from typing import Protocol, TypedDict

from sage_kernel_api.values import CheckpointId, JobId

__all__ = ["CheckpointManager", "CheckpointStatus"]


class CheckpointStatus(TypedDict):
    """One completed checkpoint.

    Attributes:
        checkpoint_id: Its id.
        job_id: The job that it belongs to.
        epoch: Counts the checkpoints of a job, from 1; a later one is larger.
        size_bytes: What it takes in the store.
        completed_at_s: Seconds since 1970 (UTC) on the kernel's clock.
    """

    checkpoint_id: CheckpointId
    job_id: JobId
    epoch: int
    size_bytes: int
    completed_at_s: float


class CheckpointManager(Protocol):
    """Take, find and remove checkpoints of jobs. Any thread may use it.

    A checkpoint is all or nothing: it is listed only once it would survive the kernel's end.
    """

    @abstractmethod
    def trigger_checkpoint(self, job_id: JobId, *, timeout_s: float | None = None) -> CheckpointId:
        """Take a checkpoint now and wait until it is complete.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: The job is not running.
            CheckpointError: It failed or took longer than *timeout_s*; the one before it stays.
        """

    @abstractmethod
    def create_savepoint(
        self, job_id: JobId, path: str | PathLike[str], *, is_last: bool = False
    ) -> CheckpointId:
        """Write a savepoint (a checkpoint that other kernels can read) to *path*.

        Args:
            job_id: The job.
            path: A file that does not exist yet.
            is_last: The job takes no checkpoint after it, so that no output of later records is
                committed: what comes next is that the job is cancelled. If the savepoint fails,
                the job goes on as before.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: The job is not running.
            CheckpointError: It could not be written; nothing is left at *path*.
        """

    @abstractmethod
    def list_checkpoints(self, job_id: JobId) -> list[CheckpointStatus]:
        """Return the completed checkpoints of a job, oldest first.

        Raises:
            JobNotFoundError: No such job.
        """

    @abstractmethod
    def delete_checkpoint(self, checkpoint_id: CheckpointId) -> bool:
        """Remove one. Returns False if there was none; the latest of a live job is refused.

        Raises:
            CheckpointError: It is the latest of a job that has not ended; nothing changed.
        """
