"""The one face that every kernel shows.

Layer: kernel_facade. Below: everything that a kernel is made of. Above: discovery, users.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from sage_kernel_api.communication import QueueManager
from sage_kernel_api.context import ContextConfig, ExecutionContext, RuntimeContext
from sage_kernel_api.lifecycle import JobManager, PipelineConfig, ServiceManager, TaskManager
from sage_kernel_api.logging import LoggerFactory
from sage_kernel_api.storage import CheckpointManager
from sage_kernel_api.values import Capability, PhysicalDescription, SimulationReport

__all__ = [
    "KernelFacade",
    "SupportsCheckpoints",
    "SupportsExplain",
    "SupportsQueues",
    "SupportsSimulation",
    "SupportsTasks",
]


class KernelFacade(Protocol):
    """A kernel: turns pipelines into running jobs.

    Made by a factory (see ``sage_kernel_api.plugins``), used by any thread, ended by ``shutdown``.
    Making one starts no thread, opens no file and no socket; the first job or service may.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name that selects this kernel, as in ``default``."""

    @property
    @abstractmethod
    def api_version(self) -> str:
        """Return the ``MAJOR.MINOR`` of the contract that the kernel was written for."""

    @property
    @abstractmethod
    def capabilities(self) -> frozenset[Capability]:
        """Return what the kernel can do; the same set for the whole life."""

    @abstractmethod
    def create_execution_context(self, config: ContextConfig) -> ExecutionContext:
        """Return surroundings for one operator outside of any job, as for a unit test.

        Records that are sent go nowhere, and ``send_data`` says so by returning False, until
        ``transport.set_downstream_connections`` names queues of the kernel.

        Raises:
            KernelClosedError: After ``shutdown``.
            ConfigurationError: An entry of *config* is unknown or of a wrong type.
        """

    @abstractmethod
    def create_runtime_context(self, config: ContextConfig) -> RuntimeContext:
        """Return surroundings for one function or service outside of any job.

        Raises:
            KernelClosedError: After ``shutdown``.
            ConfigurationError: An entry of *config* is unknown or of a wrong type.
        """

    @property
    @abstractmethod
    def job_manager(self) -> JobManager:
        """Return the jobs; the same object each time."""

    @property
    @abstractmethod
    def service_manager(self) -> ServiceManager:
        """Return the services; the same object each time."""

    @property
    @abstractmethod
    def logger_factory(self) -> LoggerFactory:
        """Return the loggers; the same object each time."""

    @abstractmethod
    def shutdown(self) -> None:
        """Cancel all jobs, stop all services, let go of everything. Idempotent.

        Afterwards no thread, file, process or socket of the kernel is left, and all that
        would start something raises `KernelClosedError`. Status of ended jobs stays readable.
        """


class SupportsTasks(Protocol):
    """A kernel with `Capability.TASKS`."""

    @property
    @abstractmethod
    def task_manager(self) -> TaskManager:
        """Return the tasks; the same object each time."""


class SupportsExplain(Protocol):
    """A kernel with `Capability.EXPLAIN`."""

    @abstractmethod
    def explain_job(self, pipeline_config: PipelineConfig) -> PhysicalDescription:
        """Tell how ``submit_job`` would run a pipeline; nothing starts, no user code runs.

        Args:
            pipeline_config: As for ``submit_job``; also a plain dictionary of that shape.

        Returns:
            Every step in exactly one chain, and every edge once.

        Raises:
            PipelineError: It is not valid; all problems are listed.
            CapabilityError: It needs what this kernel lacks.
            KernelClosedError: The kernel was shut down.
        """


class SupportsQueues(Protocol):
    """A kernel with `Capability.QUEUES`."""

    @property
    @abstractmethod
    def queue_manager(self) -> QueueManager:
        """Return the queues; the same object each time."""


class SupportsCheckpoints(Protocol):
    """A kernel with `Capability.CHECKPOINTS`."""

    @property
    @abstractmethod
    def checkpoint_manager(self) -> CheckpointManager:
        """Return the checkpoints; the same object each time."""


class SupportsSimulation(Protocol):
    """A kernel that can run a job in a simulated world whose faults come from a seed.

    For tests: no job needs it, so there is no capability for it; who has the method can.
    """

    @abstractmethod
    def simulate_job(
        self,
        make_pipeline: Callable[[], PipelineConfig],
        look: Callable[[bool], Sequence[str]],
        *,
        seed: int,
        reference: SimulationReport | None = None,
    ) -> SimulationReport:
        """Run a job to its end, through crashes and other faults, in virtual time.

        The job takes checkpoints whether it asks for them or not, in a place of their own, and
        goes on from them. Nothing is left when this returns.

        Args:
            make_pipeline: Describes the job anew, for each start.
            look: Called after each crash and each end; returns what is wrong with the output.
                The argument: whether it must be complete.
            seed: Decides order, times and faults: equal seeds give equal histories.
            reference: A run without faults, over whose length faults are spread. None: this is
                one.

        Raises:
            PipelineError: It is not valid; all problems are listed.
            CapabilityError: It needs what a simulation lacks.
            KernelClosedError: The kernel was shut down.
        """
