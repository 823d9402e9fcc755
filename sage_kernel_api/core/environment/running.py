"""The job of an environment, from the last check before it starts to its end.

Layer: core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sage_kernel_api.core.operators import TransactionalSinkOperator
from sage_kernel_api.core.pipeline_builder import build_pipeline_config, needed_capabilities
from sage_kernel_api.core.pipeline_checks import pipeline_problems
from sage_kernel_api.errors import (
    CapabilityError,
    JobCancelledError,
    JobFailedError,
    PipelineError,
    StepError,
)
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.lifecycle import PipelineConfig, ServiceConfig, check_pipeline_config
from sage_kernel_api.values import Capability, JobId, JobState, JobStatus

if TYPE_CHECKING:
    from sage_kernel_api.core.environment.base_environment import BaseEnvironment

__all__ = ["Running", "check_runnable"]


def check_runnable(
    environment: BaseEnvironment[Any], kernel: KernelFacade | None
) -> PipelineConfig:
    """Return the checked description of an environment's job.

    Args:
        environment: What was described.
        kernel: The kernel that shall run it; None to look at the pipeline alone.

    Raises:
        PipelineError: Something is wrong; all problems are listed, also what the kernel lacks.
        CapabilityError: Nothing is wrong, but the kernel lacks something.
    """
    problems = list(pipeline_problems(environment.pipeline))
    headline = f"The pipeline {environment.name!r} is not valid:"
    lacking = [] if kernel is None else _lacking(environment, kernel)
    if not problems:
        config = build_pipeline_config(
            environment.name,
            environment.config,
            environment.pipeline,
            environment.service_factories.values(),
        )
        environment.add_durability(config)
        try:
            check_pipeline_config(config)
        except PipelineError as error:
            problems.extend(error.problems)
        else:
            if lacking and kernel is not None:
                raise CapabilityError.listing(
                    f"The kernel {kernel.name!r} cannot run the pipeline {environment.name!r}:",
                    lacking,
                )
            return config
    raise PipelineError.listing(headline, [*problems, *lacking])


class Running:
    """One submitted job.

    Args:
        kernel: The kernel that runs it.
        job_id: Its id there.
    """

    def __init__(self, kernel: KernelFacade, job_id: JobId) -> None:
        self.job_id = job_id
        self._kernel = kernel
        self._last: JobStatus | None = None

    @classmethod
    def start(cls, kernel: KernelFacade, config: PipelineConfig) -> Running:
        """Submit a checked pipeline."""
        return cls(kernel, kernel.job_manager.submit_job(config))

    def status(self) -> JobStatus:
        """Return a look at the job; after its end, the last one."""
        if self._last is not None:
            return self._last
        status = self._kernel.job_manager.get_job_status(self.job_id)
        return self._remember(status)

    def has_ended(self) -> bool:
        """Tell whether the job is in a state that it never leaves."""
        return self.status()["state"].is_terminal

    def remember_end(self) -> None:
        """Keep the last status, before the kernel is let go."""
        self._last = self.status()

    def wait(self, timeout_s: float | None) -> JobStatus:
        """Wait for the end; see `BaseEnvironment.wait`."""
        if self._last is None:
            try:
                self._remember(self._kernel.job_manager.wait_job(self.job_id, timeout_s))
            except (KeyboardInterrupt, SystemExit):
                self.cancel()
                raise
        return _raise_unless_finished(self.status())

    def cancel(self) -> bool:
        """End the job early; False if it had ended before."""
        return not self.has_ended() and self._kernel.job_manager.cancel_job(self.job_id)

    def _remember(self, status: JobStatus) -> JobStatus:
        if status["state"].is_terminal:
            self._last = status
        return status


def _raise_unless_finished(status: JobStatus) -> JobStatus:
    if status["state"] is JobState.CANCELLED:
        cancelled = JobCancelledError(
            f"Job {status['job_id']!r} ({status['name']}) was cancelled; its results may be "
            "incomplete."
        )
        cancelled.job_id = status["job_id"]
        raise cancelled
    if status["state"] is JobState.FAILED:
        failure = status.get("exception")
        failed = JobFailedError(f"Job {status['job_id']!r} ({status['name']}) failed: {failure}")
        failed.job_id = status["job_id"]
        # The step's error names the place; the user's own exception is what they look for.
        is_named = isinstance(failure, StepError) and failure.__cause__ is not None
        raise failed from (failure.__cause__ if is_named and failure is not None else failure)
    return status


def _lacking(environment: BaseEnvironment[Any], kernel: KernelFacade) -> list[str]:
    lacking = [
        f"step {step.basename!r} ({step.kind}) needs '{capability.value}', which the kernel "
        f"{kernel.name!r} lacks"
        for step in environment.pipeline
        for capability in needed_capabilities(step)
        if capability not in kernel.capabilities
    ]
    if environment.takes_checkpoints and Capability.EXACTLY_ONCE_SINKS not in kernel.capabilities:
        # Without checkpoints such a sink decides by itself, on every kernel.
        lacking += [
            f"step {step.basename!r} writes in transactions and needs "
            f"'{Capability.EXACTLY_ONCE_SINKS.value}', which the kernel {kernel.name!r} lacks"
            for step in environment.pipeline
            if issubclass(step.operator_class, TransactionalSinkOperator)
        ]
    lacking.extend(
        f"service {name!r} needs '{need.value}', which the kernel {kernel.name!r} lacks"
        for name, service in environment.service_factories.items()
        for need in _service_needs(service)
        if need not in kernel.capabilities
    )
    if environment.takes_checkpoints and Capability.CHECKPOINTS not in kernel.capabilities:
        lacking.append(
            f"enable_checkpointing() needs '{Capability.CHECKPOINTS.value}', which the kernel "
            f"{kernel.name!r} lacks"
        )
    return lacking


def _service_needs(service: ServiceConfig) -> list[Capability]:
    is_apart = service.get("placement") == "process"
    return [Capability.SERVICES, *[Capability.PROCESS_LANES] * is_apart]
