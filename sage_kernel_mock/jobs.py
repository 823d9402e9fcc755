"""Jobs of the mock kernel: each one has ended when ``submit_job`` returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from sage_kernel_api.errors import (
    JobNotFoundError,
    JobStateError,
    LeakedTaskError,
    ServiceStateError,
    WaitTimeoutError,
)
from sage_kernel_api.lifecycle import (
    PipelineConfig,
    ServiceConfig,
    check_needs,
    check_pipeline_config,
)
from sage_kernel_api.plugins import notify_job_status, notify_kernel_started
from sage_kernel_api.values import Capability, JobId, JobState, JobStatus
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.run import JobRun
from sage_kernel_mock.task import Task

__all__ = ["MockJobManager"]

_CANCEL_S = 2.0


class _Job:
    """One submission: its run, its state, and why it failed."""

    def __init__(self, job_id: JobId, name: str, run: JobRun, journal: Journal) -> None:
        self.job_id = job_id
        self.run = run
        self.ended = threading.Event()
        self.thread_id = threading.get_ident()
        self._name = name
        self._journal = journal
        self._exception: BaseException | None = None
        self.state = JobState.CREATED

    def move_to(self, state: JobState) -> None:
        self.state = state
        self._journal.write(self.job_id, state)
        notify_job_status("mock", self.status())
        if state.is_terminal:
            self.ended.set()

    def run_to_end(self) -> None:
        self.move_to(JobState.RUNNING)
        try:
            self.run.run()
        except KeyboardInterrupt:
            # Ctrl-C is meant for the program; the job ends cleanly on its way.
            self.move_to(JobState.CANCELLED)
            raise
        except BaseException as error:  # noqa: BLE001 - the status tells it; callers raise it
            self._exception = error
            self.move_to(JobState.FAILED)
        else:
            self.move_to(JobState.CANCELLED if self.run.was_stopped else JobState.FINISHED)

    def status(self) -> JobStatus:
        status = JobStatus(
            job_id=self.job_id,
            name=self._name,
            state=self.state,
            steps=self.run.steps,
            edges=self.run.edges,
        )
        if self._exception is not None:
            status["exception"] = self._exception
        return status


class MockJobManager:
    """The `JobManager` of this kernel.

    Args:
        journal: Gets each state that a job enters.
        make_run: Makes the run of a checked pipeline, with services that are added to its own.
        offered: What the kernel can do.
        check_open: Raises `KernelClosedError` after the kernel's shutdown.
    """

    def __init__(
        self,
        journal: Journal,
        make_run: Callable[[PipelineConfig, list[ServiceConfig]], JobRun],
        offered: frozenset[Capability],
        check_open: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._make_run = make_run
        self._offered = offered
        self._check_open = check_open
        self._jobs: dict[JobId, _Job] = {}
        self._submitted = 0
        self._factories: dict[str, ServiceConfig] = {}

    def submit_job(self, pipeline_config: PipelineConfig | Mapping[str, Any]) -> JobId:
        """Check a pipeline and run it to its end on the caller's thread.

        Raises:
            PipelineError: It is not valid; all problems are listed. Nothing was started.
            CapabilityError: It needs what this kernel lacks. Nothing was started.
            KernelClosedError: The kernel was shut down.
        """
        self._check_open()
        config = check_pipeline_config(pipeline_config)
        check_needs(config, "mock", self._offered)
        if not self._submitted:
            notify_kernel_started("mock")
        own = {service["name"] for service in config["services"]}
        offered = [service for name, service in self._factories.items() if name not in own]
        self._submitted += 1
        job_id = JobId(f"{config['name']}-{self._submitted}")
        job = _Job(job_id, config["name"], self._make_run(config, offered), self._journal)
        self._jobs[job_id] = job
        job.run_to_end()
        return job_id

    def cancel_job(self, job_id: JobId) -> bool:
        """End a job before its next record; False if it had ended before.

        From within the job's own functions it cannot be waited for: it ends once they return.

        Raises:
            JobNotFoundError: No such job.
            LeakedTaskError: A function did not return within 2 s.
        """
        job = self._find(job_id)
        if job.ended.is_set():
            return False
        job.run.stop()
        if job.thread_id == threading.get_ident():
            return True
        if not job.ended.wait(_CANCEL_S):
            raise LeakedTaskError(
                f"Job {job_id!r} was asked to end, but the function that it is in did not return "
                f"within {_CANCEL_S:g} s. It ends once that function returns."
            )
        return job.state is JobState.CANCELLED

    def get_job_status(self, job_id: JobId) -> JobStatus:
        """Return a look at a job.

        Raises:
            JobNotFoundError: No such job.
        """
        return self._find(job_id).status()

    def wait_job(self, job_id: JobId, timeout_s: float | None = None) -> JobStatus:
        """Return the last status; waits only for a job that another thread is running.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: A function of the job waits for its own job.
            WaitTimeoutError: It had not ended after *timeout_s* seconds; it goes on.
        """
        job = self._find(job_id)
        if not job.ended.is_set() and job.thread_id == threading.get_ident():
            raise JobStateError(f"Job {job_id!r} would wait for itself; wait after submit_job.")
        if not job.ended.wait(timeout_s):
            raise WaitTimeoutError(f"Job {job_id!r} had not ended after {timeout_s} s; it goes on.")
        return job.status()

    def list_jobs(self) -> list[JobStatus]:
        """Return one status per known job, in the order of submission."""
        return [job.status() for job in self._jobs.values()]

    def delete_job(self, job_id: JobId) -> bool:
        """Forget a job that has ended.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: It has not ended; nothing changed.
        """
        job = self._find(job_id)
        if not job.ended.is_set():
            raise JobStateError(f"Job {job_id!r} is {job.state}; cancel it before deleting it.")
        del self._jobs[job_id]
        return True

    def register_service_factory(self, name: str, factory_config: ServiceConfig) -> None:
        """Offer a service to every job submitted from now on; a job's own one comes first.

        Raises:
            ServiceStateError: The name is taken; nothing changed.
        """
        if name in self._factories:
            raise ServiceStateError(f"A service factory {name!r} is registered already.")
        self._factories[name] = {**factory_config, "name": name}

    def tasks_of(self, job_id: JobId) -> list[Task]:
        """Return the tasks of a job, upstream first; for the task manager.

        Raises:
            JobNotFoundError: No such job.
        """
        return self._find(job_id).run.tasks

    def cancel_all(self) -> None:
        """Cancel every job that still runs; for ``shutdown``."""
        for job in list(self._jobs.values()):
            self.cancel_job(job.job_id)

    def _find(self, job_id: JobId) -> _Job:
        if job_id not in self._jobs:
            known = ", ".join(self._jobs) or "(none)"
            raise JobNotFoundError(f"The mock kernel has no job {job_id!r}. Jobs: {known}.")
        return self._jobs[job_id]
