"""The checkpoints of the contract: a view of the jobs themselves.

Layer: jobs.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeoutError
from os import PathLike
from pathlib import Path

from sage_kernel_api.errors import CheckpointError, JobStateError
from sage_kernel_api.storage import CheckpointManager, CheckpointStatus
from sage_kernel_api.values import CheckpointId, JobId, JobState
from sage_kernel_default.jobs.durability import Durability
from sage_kernel_default.jobs.manager import LocalJobManager

__all__ = ["LocalCheckpointManager"]


class LocalCheckpointManager(CheckpointManager):
    """Takes, finds and removes checkpoints of the jobs of one kernel."""

    def __init__(self, jobs: LocalJobManager) -> None:
        self._jobs = jobs

    def trigger_checkpoint(self, job_id: JobId, *, timeout_s: float | None = None) -> CheckpointId:
        """Take a checkpoint now and wait until it is complete."""
        durability = self._running(job_id, "checkpoints")
        try:
            info = durability.trigger(timeout_s)
        except FutureTimeoutError:
            raise CheckpointError(
                f"The checkpoint of job {job_id!r} was not complete after {timeout_s} s. It may "
                "still become so; the one before it stays."
            ) from None
        return durability.checkpoint_id(info.epoch)

    def create_savepoint(
        self, job_id: JobId, path: str | PathLike[str], *, is_last: bool = False
    ) -> CheckpointId:
        """Take a checkpoint now, and write it to *path* in the portable format."""
        durability = self._running(job_id, "savepoints")
        epoch = durability.write_savepoint(Path(path), is_last=is_last)
        return durability.checkpoint_id(epoch)

    def list_checkpoints(self, job_id: JobId) -> list[CheckpointStatus]:
        """Return the completed checkpoints of a job, oldest first."""
        job = self._jobs.job(job_id)
        return [] if job.parts.durability is None else job.parts.durability.list()

    def delete_checkpoint(self, checkpoint_id: CheckpointId) -> bool:
        """Remove one."""
        job_id, _, epoch = checkpoint_id.rpartition("@")
        if not epoch.isdigit() or job_id not in {job.id for job in self._jobs.jobs()}:
            return False
        job = self._jobs.job(JobId(job_id))
        return job.parts.durability is not None and job.parts.durability.delete(int(epoch))

    def _running(self, job_id: JobId, what: str) -> Durability:
        job = self._jobs.job(job_id)
        if job.state is not JobState.RUNNING:
            error = JobStateError(
                f"Job {job_id!r} is {job.state}; {what} are taken of running jobs."
            )
            error.job_id = job_id
            raise error
        return self._durability(job_id)

    def _durability(self, job_id: JobId) -> Durability:
        durability = self._jobs.job(job_id).parts.durability
        if durability is None:
            raise CheckpointError(
                f"Job {job_id!r} takes no checkpoints; call enable_checkpointing() before submit()."
            )
        return durability
