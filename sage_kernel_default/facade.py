"""The kernel ``default``: an embedded streaming engine on threads.

The top of this package: binds jobs, services, queues and loggers into one face.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sage_kernel_api.context import ContextConfig
from sage_kernel_api.errors import CapabilityError, ConfigurationError, KernelClosedError
from sage_kernel_api.kernel_facade import (
    KernelFacade,
    SupportsCheckpoints,
    SupportsExplain,
    SupportsQueues,
    SupportsSimulation,
    SupportsTasks,
)
from sage_kernel_api.lifecycle import CheckpointConfig, PipelineConfig
from sage_kernel_api.logging.standard_loggers import StandardLoggerFactory
from sage_kernel_api.plugins import (
    notify_checkpoint_completed,
    notify_job_status,
    notify_kernel_started,
    notify_kernel_stopped,
)
from sage_kernel_api.values import (
    API_VERSION,
    Capability,
    JobId,
    PhysicalDescription,
    SimulationReport,
)
from sage_kernel_default.channels import LocalQueueManager
from sage_kernel_default.checkpoint import CheckpointStore
from sage_kernel_default.detached import DetachedContext, DetachedServiceContext, make_detached
from sage_kernel_default.jobs import LocalJobManager, LocalTaskManager
from sage_kernel_default.jobs.builder import JobBuilder
from sage_kernel_default.jobs.checkpoint_manager import LocalCheckpointManager
from sage_kernel_default.jobs.explained import describe_layout
from sage_kernel_default.jobs.queues import channels_of
from sage_kernel_default.jobs.stores import store_in_files
from sage_kernel_default.lanes import Driver, ThreadDriver
from sage_kernel_default.lanes.simulated import SimulatedDriver
from sage_kernel_default.lanes.world_clock import WorldClock
from sage_kernel_default.options import DefaultOptions
from sage_kernel_default.services import (
    InlineHost,
    LocalServiceManager,
    RegistryClient,
    ServiceHost,
    ServiceRecipe,
    ServiceRegistry,
)

__all__ = ["CAPABILITIES", "DefaultKernelFacade", "kernel_of_world"]

_DEFAULTS: Final = DefaultOptions()

CAPABILITIES: Final = frozenset(
    {
        Capability.PARALLELISM,
        Capability.KEYED_ROUTING,
        Capability.BROADCAST,
        Capability.CUSTOM_ROUTING,
        Capability.FEEDBACK,
        Capability.BACKGROUND_JOBS,
        Capability.UNBOUNDED_SOURCES,
        Capability.PAUSE,
        Capability.SERVICES,
        Capability.STATE,
        Capability.KEYED_STATE,
        Capability.SIDE_OUTPUTS,
        Capability.ERROR_POLICIES,
        Capability.ASYNC_MAP,
        Capability.EVENT_TIME,
        Capability.TIMERS,
        Capability.TASKS,
        Capability.EXPLAIN,
        Capability.QUEUES,
        Capability.PROCESS_LANES,
        Capability.CHECKPOINTS,
        Capability.SAVEPOINTS,
        Capability.EXACTLY_ONCE_SINKS,
    }
)
"""What works, and is tested; nothing else is declared."""


SIMULATED_CAPABILITIES: Final = CAPABILITIES - {Capability.ASYNC_MAP, Capability.PROCESS_LANES}
"""What works under ``driver=sim``: all that needs no event loop and no other process."""


class DefaultKernelFacade:
    """Implements `KernelFacade` in this process.

    Attributes:
        options: As given.
        simulation: Under ``driver=sim``: the simulated world, with the trace of its turns.
            None otherwise.
        clock: Under ``driver=sim`` only: moves the virtual time, and with it the world.

    Raises:
        ConfigurationError: Options that exclude each other.

    Example:
        >>> kernel = DefaultKernelFacade()
        >>> kernel.name, kernel.job_manager.list_jobs()
        ('default', [])
        >>> kernel.shutdown()
    """

    clock: WorldClock

    def __init__(
        self,
        options: DefaultOptions = _DEFAULTS,
        *,
        make_store: Callable[[CheckpointConfig], CheckpointStore] | None = None,
        world: SimulatedDriver | None = None,
    ) -> None:
        """Start nothing.

        Args:
            options: Of the kernel.
            make_store: Makes the unopened checkpoint store of a job; None for files.
            world: A simulation that there is already, with ``driver=sim``; None to make one.
        """
        # Plain attributes, not properties: the face costs nothing.
        self.name = "default"
        self.api_version: str = API_VERSION
        self.options = options
        self.simulation = world or _simulation(options)
        self.capabilities = CAPABILITIES if self.simulation is None else SIMULATED_CAPABILITIES
        if self.simulation is not None:
            self.clock = WorldClock(self.simulation)
        self._is_closed = False
        self._is_announced = False
        self._closing = threading.Lock()
        self._driver: Driver = self.simulation or ThreadDriver()
        self.logger_factory = StandardLoggerFactory("sage_kernel")
        self._registry = self._make_registry("", None)
        self.service_manager = LocalServiceManager(self._registry, self._begin)
        self.queue_manager = LocalQueueManager(
            self._check_open,
            lambda: channels_of(self.job_manager.jobs(), options.channel_capacity),
        )
        self._builder = JobBuilder(
            options,
            self._driver,
            self.logger_factory,
            lambda name: self._make_registry(name, self._registry),
            lambda status: notify_job_status("default", status),
            make_store or store_in_files,
            lambda checkpoint: notify_checkpoint_completed("default", checkpoint),
        )
        self.job_manager = LocalJobManager(self._builder, self.capabilities, self._begin)
        self.checkpoint_manager = LocalCheckpointManager(self.job_manager)
        self.task_manager = LocalTaskManager(self.job_manager)

    def create_execution_context(self, config: ContextConfig) -> DetachedContext:
        """Return surroundings for one operator outside of any job."""
        self._check_open()
        return make_detached(
            config,
            self.logger_factory,
            RegistryClient(self._registry),
            self.queue_manager,
            lambda: self._is_closed,
            self._driver.clock.wall_us,
        )

    def create_runtime_context(self, config: ContextConfig) -> DetachedContext:
        """Return surroundings for one function or service outside of any job."""
        return self.create_execution_context(config)

    def explain_job(
        self, pipeline_config: PipelineConfig | Mapping[str, Any]
    ) -> PhysicalDescription:
        """Tell how a pipeline would run; nothing starts."""
        self._check_open()
        config = self.job_manager.check(pipeline_config)
        graph, assignment = self._builder.lay_out(JobId(config["name"]), config)
        return describe_layout(self.name, self._driver.lane_name, graph, assignment)

    def simulate_job(
        self,
        make_pipeline: Callable[[], PipelineConfig],
        look: Callable[[bool], Sequence[str]],
        *,
        seed: int,
        reference: SimulationReport | None = None,
    ) -> SimulationReport:
        """Run a job to its end through faults, on machines that exist in this call alone."""
        self._check_open()
        # Few programs simulate, so the others need not load it.
        from sage_kernel_default.simulation.report import simulate

        return simulate(kernel_of_world, make_pipeline, look, seed, reference)

    def shutdown(self) -> None:
        """Cancel all jobs, stop all services, let go of everything."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
        for job in self.job_manager.jobs():
            job.cancel()
        for problem in self._registry.stop_all(self.options.stop_timeout):
            self.logger_factory.get_logger("default").error("a service did not stop: %s", problem)
        self.queue_manager.close()
        notify_kernel_stopped(self.name)

    def _make_registry(self, env_name: str, fallback: ServiceRegistry | None) -> ServiceRegistry:
        return ServiceRegistry(
            self._driver.clock,
            self.options.service_timeout,
            lambda name, registry, host: DetachedServiceContext(
                name,
                env_name,
                self.logger_factory.get_logger(f"{env_name}.{name}" if env_name else name),
                RegistryClient(registry),
                lambda: host.is_stopping,
                self._driver.clock.wall_us,
            ),
            fallback,
            _inline if self.simulation is not None else _real_host,
        )

    def _check_open(self) -> None:
        if self._is_closed:
            raise KernelClosedError("The kernel 'default' was shut down. Make a new one.")

    def _begin(self) -> None:
        """Refuse after the shutdown; tell observers of the first job or service."""
        self._check_open()
        self._announce()

    def _announce(self) -> None:
        """Tell observers of the kernel's first job or service."""
        with self._closing:
            if self._is_announced:
                return
            self._is_announced = True
        notify_kernel_started(self.name)


def _simulation(options: DefaultOptions) -> SimulatedDriver | None:
    if options.driver != "sim":
        return None
    if options.lanes == "process":
        raise ConfigurationError(
            "driver=sim and lanes=process exclude each other: a simulation has one thread and no "
            "other process. Leave out lanes=process."
        )
    return SimulatedDriver(options.seed)


def kernel_of_world(
    world: SimulatedDriver,
    make_store: Callable[[CheckpointConfig], CheckpointStore],
    frame_size: int,
    capacity: int,
) -> DefaultKernelFacade:
    """Return the kernel of one process of a simulated world; see `simulation.Stage`."""
    options = DefaultOptions(
        driver="sim", seed=world.seed, frame_size=frame_size, channel_capacity=capacity
    )
    return DefaultKernelFacade(options, make_store=make_store, world=world)


def _real_host(name: str, recipe: ServiceRecipe) -> ServiceHost:
    if recipe.placement == "process":
        # Here, so that programs without such a service need not load it.
        from sage_kernel_default.services.process import ProcessHost

        return ProcessHost(name, recipe)
    return ServiceHost(name, recipe, recipe.workers)


def _inline(name: str, recipe: ServiceRecipe) -> InlineHost:
    if recipe.placement == "process":
        raise CapabilityError(
            f"Service {name!r} wants a process of its own, which a simulation (driver=sim) does "
            "not have."
        )
    return InlineHost(name, recipe, recipe.workers)


if TYPE_CHECKING:
    # The members are plain attributes, which an explicit subclass of the Protocols, with their
    # abstract properties, could not have. So the type checker is asked here.
    _kernel: type[KernelFacade] = DefaultKernelFacade
    _checkpoints: type[SupportsCheckpoints] = DefaultKernelFacade
    _tasks: type[SupportsTasks] = DefaultKernelFacade
    _queues: type[SupportsQueues] = DefaultKernelFacade
    _explain: type[SupportsExplain] = DefaultKernelFacade
    _simulates: type[SupportsSimulation] = DefaultKernelFacade
