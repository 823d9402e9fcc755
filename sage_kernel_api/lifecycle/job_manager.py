"""Run pipelines as jobs.

Layer: lifecycle.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from sage_kernel_api.lifecycle.pipeline_config import PipelineConfig, ServiceConfig
from sage_kernel_api.values import JobId, JobStatus

__all__ = ["JobManager", "PausableJobManager"]


class JobManager(Protocol):
    """Start jobs, watch them, end them. Any thread may use it."""

    @abstractmethod
    def submit_job(self, pipeline_config: PipelineConfig) -> JobId:
        """Check a pipeline and start it.

        A kernel with `Capability.BACKGROUND_JOBS` returns once the job is started; one without
        it runs the job to its end on the caller's thread. Either way a failure of the job is
        not raised here: ask ``get_job_status`` or ``wait_job``.

        Args:
            pipeline_config: Also a plain dictionary of that shape. It is read, not kept.

        Raises:
            PipelineError: It is not valid; all problems are listed. Nothing was started.
            CapabilityError: It needs what this kernel lacks. Nothing was started.
            KernelClosedError: The kernel was shut down.
        """

    @abstractmethod
    def cancel_job(self, job_id: JobId) -> bool:
        """End a job early and wait until its functions are closed (at most 2 s).

        Returns:
            True if it is CANCELLED now; False if it had ended before.

        Raises:
            JobNotFoundError: No such job.
            LeakedTaskError: A function did not return in time; the job is CANCELLED, and the
                message names the step that was abandoned.
        """

    @abstractmethod
    def get_job_status(self, job_id: JobId) -> JobStatus:
        """Return a consistent look at a job; also after its end, until it is deleted.

        Raises:
            JobNotFoundError: No such job.
        """

    @abstractmethod
    def wait_job(self, job_id: JobId, timeout_s: float | None = None) -> JobStatus:
        """Wait until the job has ended, and return its last status.

        When it returns, all functions and services of the job are closed. Does not raise for a
        failed job: the status says so.

        Raises:
            JobNotFoundError: No such job.
            WaitTimeoutError: It had not ended after *timeout_s* seconds; it goes on.
        """

    @abstractmethod
    def list_jobs(self) -> list[JobStatus]:
        """Return one status per known job, in the order of submission."""

    @abstractmethod
    def delete_job(self, job_id: JobId) -> bool:
        """Forget a job that has ended. Returns True.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: It has not ended; nothing changed.
        """

    @abstractmethod
    def register_service_factory(self, name: str, factory_config: ServiceConfig) -> None:
        """Offer a service to every job submitted from now on; each job gets its own instance.

        Raises:
            ServiceStateError: The name is taken; nothing changed.
        """


class PausableJobManager(JobManager, Protocol):
    """A job manager of a kernel with `Capability.PAUSE`."""

    @abstractmethod
    def pause_job(self, job_id: JobId) -> bool:
        """Stop reading sources and processing records; nothing is lost.

        Returns:
            True if it is PAUSED now; False if it was already.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: It has ended.
        """

    @abstractmethod
    def resume_job(self, job_id: JobId) -> bool:
        """Go on. Returns False if it was not paused.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: It has ended.
        """
