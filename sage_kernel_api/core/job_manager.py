"""The jobs of a kernel, under the names that programs use.

Layer: core. A thin face over the kernel's own job manager.
"""

from __future__ import annotations

from typing import cast

from sage_kernel_api.errors import CapabilityError
from sage_kernel_api.kernel_facade import KernelFacade, SupportsCheckpoints
from sage_kernel_api.lifecycle import PausableJobManager
from sage_kernel_api.storage import CheckpointManager
from sage_kernel_api.values import Capability, JobId, JobStatus

__all__ = ["JobManager"]


class JobManager:
    """Look at, pause, end and forget the jobs of one kernel.

    Args:
        kernel: A kernel object.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> env = LocalEnvironment(kernel="mock")
        >>> JobManager(env.kernel).list_jobs()
        []
    """

    def __init__(self, kernel: KernelFacade) -> None:
        self._kernel = kernel

    def pause_job(self, job_id: str) -> bool:
        """Stop reading and processing; nothing is lost. False if it was paused already.

        Raises:
            CapabilityError: The kernel cannot pause.
            JobNotFoundError, JobStateError: As `PausableJobManager.pause_job` says.
        """
        return self._pausable().pause_job(JobId(job_id))

    def resume_job(self, job_id: str) -> bool:
        """Go on. False if it was not paused.

        Raises:
            CapabilityError: The kernel cannot pause.
            JobNotFoundError, JobStateError: As `PausableJobManager.resume_job` says.
        """
        return self._pausable().resume_job(JobId(job_id))

    continue_job = resume_job

    def cancel_job(self, job_id: str) -> bool:
        """End a job early; see `lifecycle.JobManager.cancel_job`."""
        return self._kernel.job_manager.cancel_job(JobId(job_id))

    def delete_job(self, job_id: str, *, force: bool = False) -> bool:
        """Forget a job that has ended; with *force*, end it first.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: It has not ended.
        """
        if force:
            self.cancel_job(job_id)
        return self._kernel.job_manager.delete_job(JobId(job_id))

    def get_job_status(self, job_id: str) -> JobStatus:
        """Return a consistent look at a job.

        Raises:
            JobNotFoundError: No such job.
        """
        return self._kernel.job_manager.get_job_status(JobId(job_id))

    def list_jobs(self) -> list[JobStatus]:
        """Return one status per known job, in the order of submission."""
        return self._kernel.job_manager.list_jobs()

    def cleanup_all_jobs(self) -> int:
        """End and forget all jobs; returns how many there were."""
        jobs = self.list_jobs()
        for job in jobs:
            self.delete_job(job["job_id"], force=True)
        return len(jobs)

    def _pausable(self) -> PausableJobManager:
        return pausable(self._kernel)


def pausable(kernel: KernelFacade) -> PausableJobManager:
    """Return the job manager of a kernel that can pause.

    Raises:
        CapabilityError: It cannot.
    """
    if Capability.PAUSE not in kernel.capabilities:
        raise CapabilityError(
            f"The kernel {kernel.name!r} cannot pause jobs. Choose one with the capability "
            f"'{Capability.PAUSE.value}', for example 'default'."
        )
    return cast("PausableJobManager", kernel.job_manager)


def checkpointing(kernel: KernelFacade) -> CheckpointManager:
    """Return the checkpoints of a kernel.

    Raises:
        CapabilityError: It takes none.
    """
    if Capability.CHECKPOINTS not in kernel.capabilities:
        raise CapabilityError(
            f"The kernel {kernel.name!r} takes no checkpoints ('{Capability.CHECKPOINTS.value}')."
        )
    return cast("SupportsCheckpoints", kernel).checkpoint_manager
