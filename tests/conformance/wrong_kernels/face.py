"""Kernels with a wrong face, and bad guests of their process."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.values import JobId
from sage_kernel_mock import MockKernelFacade
from sage_kernel_mock.jobs import MockJobManager
from tests.conformance.wrong_kernels.faults import fault, mock_kernel

CORE = Profile.CORE


@fault(CORE)
def renames_a_parameter() -> Any:
    kernel = mock_kernel()
    cancel = kernel.job_manager.cancel_job
    kernel.job_manager.cancel_job = lambda job: cancel(job)
    return kernel


@fault(CORE)
def lacks_a_member() -> Any:
    class Lacks:
        """All but the loggers."""

        def __init__(self) -> None:
            self._kernel = MockKernelFacade()
            self.name, self.api_version = "lacks", "1.0"
            self.capabilities = self._kernel.capabilities
            self.job_manager = self._kernel.job_manager
            self.service_manager = self._kernel.service_manager
            self.create_execution_context = self._kernel.create_execution_context
            self.create_runtime_context = self._kernel.create_runtime_context
            self.shutdown = self._kernel.shutdown

    return Lacks()


class _SaysText(MockJobManager):
    """Returns what it must, and says that it returns something else."""

    def delete_job(self, job_id: JobId) -> str:  # type: ignore[override]  # the fault
        """Do it all the same."""
        done: Any = super().delete_job(job_id)
        return done  # type: ignore[no-any-return]  # it is a bool


@fault(CORE)
def says_that_it_returns_something_else() -> Any:
    kernel = mock_kernel()
    kernel.job_manager.__class__ = _SaysText
    return kernel


class _NewManagers(MockKernelFacade):
    """Makes a manager at each look."""

    @property
    def logger_factory(self) -> Any:
        from sage_kernel_api.logging import StandardLoggerFactory

        return StandardLoggerFactory("sage_kernel.mock")


@fault(CORE)
def makes_a_manager_at_each_look() -> Any:
    return _NewManagers()


class _Immortal(MockKernelFacade):
    """Goes on after its shutdown."""

    def shutdown(self) -> None:
        """Do nothing."""


@fault(CORE)
def runs_on_after_shutdown() -> Any:
    return _Immortal()


class _Forgets(MockKernelFacade):
    """Forgets its jobs when it is shut down."""

    def shutdown(self) -> None:
        """Forget."""
        super().shutdown()
        jobs: Any = self.job_manager
        jobs._jobs.clear()


@fault(CORE)
def forgets_its_jobs_at_shutdown() -> Any:
    return _Forgets()


class _Once(MockKernelFacade):
    """Fails when it is shut down again."""

    def shutdown(self) -> None:
        """Refuse the second time."""
        if self._is_closed:
            raise RuntimeError("shut down already")
        super().shutdown()


@fault(CORE)
def refuses_to_shut_down_twice() -> Any:
    return _Once()


@fault(CORE)
def runs_what_it_does_not_offer() -> Any:
    kernel = mock_kernel()
    kernel.job_manager._offered = frozenset({*kernel.capabilities, *_everything()})
    return kernel


def _everything() -> Any:
    from sage_kernel_api.values import Capability

    return (*Capability, "telepathy")


@fault(CORE)
def changes_the_pipeline_that_it_is_given() -> Any:
    kernel = mock_kernel()
    submit = kernel.job_manager.submit_job

    def submit_job(pipeline_config: Any) -> Any:
        job_id = submit(pipeline_config)
        pipeline_config["transformations"].reverse()
        return job_id

    kernel.job_manager.submit_job = submit_job
    return kernel


@fault(CORE)
def takes_a_false_setting_for_a_missing_one() -> Any:
    kernel = mock_kernel()
    make = kernel.create_runtime_context

    def create_runtime_context(config: Any) -> Any:
        context = make(config)
        context.get_config = lambda key, default=None: context.facts.config.get(key) or default
        return context

    kernel.create_runtime_context = create_runtime_context
    return kernel


@fault(CORE)
def claims_that_records_outside_of_jobs_arrive() -> Any:
    kernel = mock_kernel()
    make = kernel.create_execution_context

    def create_execution_context(config: Any) -> Any:
        context = make(config)
        send = context.send_data

        def send_data(data: Any, target: Any = None, partition_key: Any = None) -> bool:
            return bool(send(data, target, partition_key)) or True

        context.send_data = send_data
        return context

    kernel.create_execution_context = create_execution_context
    return kernel


@fault(CORE)
def takes_any_log_level() -> Any:
    kernel = mock_kernel()
    kernel.logger_factory.set_level = lambda level: None
    return kernel
