"""The jobs of one kernel.

Layer: jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from sage_kernel_api.errors import (
    CapabilityError,
    JobNotFoundError,
    JobStateError,
    LeakedTaskError,
    ServiceStateError,
    WaitTimeoutError,
)
from sage_kernel_api.lifecycle import (
    PausableJobManager,
    PipelineConfig,
    ServiceConfig,
    check_pipeline_config,
    pipeline_needs,
)
from sage_kernel_api.runnable import KIND_ASYNC_MAP
from sage_kernel_api.values import Capability, JobId, JobStatus
from sage_kernel_default.jobs.builder import JobBuilder
from sage_kernel_default.jobs.collector import Collector
from sage_kernel_default.jobs.job import Job

__all__ = ["LocalJobManager"]

_COLLECTOR: Final = Collector()


class LocalJobManager(PausableJobManager):
    """Starts jobs, keeps them until they are deleted."""

    def __init__(
        self,
        builder: JobBuilder,
        capabilities: frozenset[Capability],
        check_open: Callable[[], None],
    ) -> None:
        self._builder = builder
        self._capabilities = capabilities
        self._check_open = check_open
        self._lock = threading.Lock()
        self._jobs: dict[JobId, Job] = {}
        self._numbers = count(1)
        self._services: dict[str, ServiceConfig] = {}

    def submit_job(self, pipeline_config: PipelineConfig | Mapping[str, Any]) -> JobId:
        """Check a pipeline and start it."""
        self._check_open()
        _COLLECTOR.age_all()
        config = self.check(pipeline_config)
        job_id = JobId(f"{config['name']}-{next(self._numbers)}")
        own = _names(config)
        with self._lock:
            offered = [service for name, service in self._services.items() if name not in own]
        job = self._builder.build(job_id, config, offered)
        with self._lock:
            self._check_open()
            self._jobs[job_id] = job
        job.start()
        return job_id

    def check(self, pipeline_config: PipelineConfig | Mapping[str, Any]) -> PipelineConfig:
        """Return a pipeline that is known to be right, and possible here.

        Raises:
            PipelineError: It is not valid; all problems are listed.
            CapabilityError: It needs what this kernel, under its options, lacks.
        """
        config = check_pipeline_config(pipeline_config)
        problems = [
            f"{who} needs '{need}'"
            for who, need in [*pipeline_needs(config), *_async_needs(config)]
            if need not in self._capabilities
        ]
        if problems:
            raise CapabilityError.listing("Kernel 'default' cannot run this job:", problems)
        return config

    def cancel_job(self, job_id: JobId) -> bool:
        """End a job early and wait until its functions are closed."""
        job = self.job(job_id)
        if not job.cancel():
            return False
        if job.leaked:
            error = LeakedTaskError(
                f"Job {job_id!r} is cancelled, but {', '.join(job.leaked)} did not return and "
                "was abandoned. Look at context.should_stop() in long loops, and give blocking "
                "calls a timeout."
            )
            error.job_id = job_id
            raise error
        return True

    def get_job_status(self, job_id: JobId) -> JobStatus:
        """Return a consistent look at a job."""
        return self.job(job_id).status()

    def wait_job(self, job_id: JobId, timeout_s: float | None = None) -> JobStatus:
        """Wait until the job has ended, and return its last status."""
        job = self.job(job_id)
        if not job.wait(timeout_s):
            error = WaitTimeoutError(f"Job {job_id!r} had not ended after {timeout_s} s.")
            error.job_id = job_id
            raise error
        return job.status()

    def list_jobs(self) -> list[JobStatus]:
        """Return one status per known job, in the order of submission."""
        return [job.status() for job in self.jobs()]

    def delete_job(self, job_id: JobId) -> bool:
        """Forget a job that has ended."""
        job = self.job(job_id)
        if not job.state.is_terminal:
            error = JobStateError(f"Job {job_id!r} is {job.state}; cancel it or wait for its end.")
            error.job_id = job_id
            raise error
        job.wait(None)
        with self._lock:
            self._jobs.pop(job_id, None)
        return True

    def pause_job(self, job_id: JobId) -> bool:
        """Stop reading sources and processing records; nothing is lost."""
        return self.job(job_id).pause()

    def resume_job(self, job_id: JobId) -> bool:
        """Go on."""
        return self.job(job_id).resume()

    def register_service_factory(self, name: str, factory_config: ServiceConfig) -> None:
        """Offer a service to every job submitted from now on."""
        self._check_open()
        with self._lock:
            if name in self._services:
                raise ServiceStateError(f"There is a service named {name!r} already; it stays.")
            self._services[name] = {**factory_config, "name": name}

    def jobs(self) -> list[Job]:
        """Return all known jobs."""
        with self._lock:
            return list(self._jobs.values())

    def job(self, job_id: JobId) -> Job:
        """Return a job.

        Raises:
            JobNotFoundError: No such job.
        """
        with self._lock:
            if job_id in self._jobs:
                return self._jobs[job_id]
            known = ", ".join(list(self._jobs)[-5:]) or "none"
        error = JobNotFoundError(f"There is no job {job_id!r}. The latest: {known}.")
        error.job_id = job_id
        raise error


def _async_needs(config: PipelineConfig) -> list[tuple[str, str]]:
    # In general no need: a kernel may call the step's `process`. Its own event loop would then
    # run beside the driver, which the missing capability says is impossible.
    return [
        (f"step {step['id']!r}", Capability.ASYNC_MAP.value)
        for step in config["transformations"]
        if step["kind"] == KIND_ASYNC_MAP
    ]


def _names(config: PipelineConfig) -> set[str]:
    return {service["name"] for service in config["services"]}
