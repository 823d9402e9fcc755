"""The face of the mock kernel: makes the parts and ties them together."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final, Self

from sage_kernel_api.context import ContextConfig
from sage_kernel_api.errors import KernelClosedError, ServiceStateError
from sage_kernel_api.lifecycle import PipelineConfig, ServiceConfig
from sage_kernel_api.logging import StandardLoggerFactory
from sage_kernel_api.plugins import notify_kernel_stopped
from sage_kernel_api.values import Capability
from sage_kernel_mock.checkpoints import MockCheckpointManager
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import (
    ContextParts,
    MockExecutionContext,
    MockRuntimeContext,
    MockServiceContext,
)
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.jobs import MockJobManager
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.options import MockOptions
from sage_kernel_mock.queues import MockQueueManager
from sage_kernel_mock.run import JobRun
from sage_kernel_mock.scripts import ServiceScripts
from sage_kernel_mock.service_desk import ServiceDesk
from sage_kernel_mock.service_host import ServiceHost
from sage_kernel_mock.service_manager import MockServiceManager
from sage_kernel_mock.task_manager import MockTaskManager
from sage_kernel_mock.timeline import Timeline

__all__ = ["LenientMockKernelFacade", "MockKernelFacade"]

_API_VERSION: Final = "1.0"
_CAPABILITIES: Final = frozenset(
    {
        Capability.PARALLELISM,
        Capability.KEYED_ROUTING,
        Capability.BROADCAST,
        Capability.CUSTOM_ROUTING,
        Capability.FEEDBACK,
        Capability.SERVICES,
        Capability.STATE,
        Capability.KEYED_STATE,
        Capability.SIDE_OUTPUTS,
        Capability.ERROR_POLICIES,
        Capability.ASYNC_MAP,
        Capability.TASKS,
        Capability.QUEUES,
        Capability.EVENT_TIME,
        Capability.TIMERS,
    }
)


class MockKernelFacade:
    """A kernel for unit tests: inline, deterministic, with everything written down.

    Attributes:
        journal: All that happened, in order.
        clock: The kernel's time; only tests and waits of the kernel move it.
        services: Scripts of what services answer.
        faults: Plans of what goes wrong.
        parts: What its contexts share.

    Example:
        >>> kernel = MockKernelFacade()
        >>> kernel.services.answer("cache.get", 42)
        >>> kernel.create_runtime_context({"name": "test"}).call_service("cache", "get", "k")
        42
        >>> [entry.action for entry in kernel.journal]
        ['call_service']
    """

    _DEFAULT_OPTIONS: ClassVar[MockOptions] = MockOptions()

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Set up a kernel with the default options.

        Here and not in ``__init__``, because subclasses of the founding design do not call that.
        """
        made = super().__new__(cls)
        made._set_up(cls._DEFAULT_OPTIONS, ManualClock())
        return made

    def __init__(
        self, options: MockOptions | None = None, *, clock: ManualClock | None = None
    ) -> None:
        if options is not None or clock is not None:
            self._set_up(options or self._DEFAULT_OPTIONS, clock or ManualClock())

    def _set_up(self, options: MockOptions, clock: ManualClock) -> None:
        self._options = options
        self._is_closed = False
        self.clock = clock
        self.journal = Journal(self.clock, options.journal_size)
        self.services = ServiceScripts(self.clock)
        self.faults = Faults(self.journal, self.clock)
        self._loggers = StandardLoggerFactory("sage_kernel.mock")
        self._queue_manager = MockQueueManager(self._check_open)
        self._shared = ServiceHost(self.journal, self._service_context)
        self._desk = ServiceDesk(
            self.services, [self._shared], self.journal, self.clock, options, self.faults
        )
        self.parts = ContextParts(
            self.journal, self._loggers, self._desk, self.faults, self._queue_manager, self.clock
        )
        self._service_manager = MockServiceManager(self._shared, self._desk, self._check_open)
        self._job_manager = MockJobManager(
            self.journal, self._make_run, self.capabilities, self._check_open
        )
        self._task_manager = MockTaskManager(self._job_manager)
        self._checkpoint_manager = MockCheckpointManager(self._job_manager, self.faults, self.clock)

    @property
    def name(self) -> str:
        """Return ``mock``."""
        return "mock"

    @property
    def api_version(self) -> str:
        """Return the version of the contract that this kernel was written for."""
        return _API_VERSION

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what the mock can do; jobs in the background, among others, are not in it."""
        return _CAPABILITIES

    def create_execution_context(self, config: ContextConfig) -> MockExecutionContext:
        """Return surroundings for one operator; what it sends is kept in ``context.sent``.

        Raises:
            KernelClosedError: After ``shutdown``.
            ConfigurationError: An entry of *config* is unknown or of a wrong type.
        """
        self._check_open()
        return MockExecutionContext(MockFacts.from_config(config), self.parts)

    def create_runtime_context(self, config: ContextConfig) -> MockRuntimeContext:
        """Return surroundings for one function.

        Raises:
            KernelClosedError: After ``shutdown``.
            ConfigurationError: An entry of *config* is unknown or of a wrong type.
        """
        self._check_open()
        return MockRuntimeContext(MockFacts.from_config(config), self.parts)

    @property
    def job_manager(self) -> MockJobManager:
        """Return the jobs."""
        return self._job_manager

    @property
    def task_manager(self) -> MockTaskManager:
        """Return the tasks."""
        return self._task_manager

    @property
    def checkpoint_manager(self) -> MockCheckpointManager:
        """Return the checkpoints: copies to look at, which no job begins with."""
        return self._checkpoint_manager

    @property
    def queue_manager(self) -> MockQueueManager:
        """Return the queues."""
        return self._queue_manager

    @property
    def service_manager(self) -> MockServiceManager:
        """Return the services."""
        return self._service_manager

    @property
    def logger_factory(self) -> StandardLoggerFactory:
        """Return the loggers."""
        return self._loggers

    def shutdown(self) -> None:
        """Cancel jobs that other threads are running, and stop all services. Idempotent.

        Raises:
            ServiceStateError: Services raised while they were stopped; all are stopped.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._job_manager.cancel_all()
        self._queue_manager.close_all()
        failures = self._shared.stop_all()
        notify_kernel_stopped("mock")
        if failures:
            raise ServiceStateError.listing(
                "Services failed while they were stopped:",
                [f"{name}: {error!r}" for name, error in failures],
            ) from failures[0][1]

    # --- how the parts are made --------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise KernelClosedError("The mock kernel was shut down; make a new one.")

    def _service_context(self, name: str) -> MockServiceContext:
        self._check_open()
        return MockServiceContext(MockFacts(name=name), self.parts)

    def _make_run(self, config: PipelineConfig, offered: list[ServiceConfig]) -> JobRun:
        def service_context(name: str) -> MockServiceContext:
            facts = MockFacts(name=name, env_name=config["name"], config=config["config"])
            return MockServiceContext(facts, parts)

        services = ServiceHost(self.journal, service_context)
        for service in [*offered, *config["services"]]:
            services.add(
                service["name"],
                service["factory"],
                service.get("args", ()),
                service.get("kwargs"),
            )
        desk = self._desk.in_front(services)
        parts = replace(self.parts, services=desk)
        return JobRun(config, parts, services, Timeline(self.clock), self._options)


class LenientMockKernelFacade(MockKernelFacade):
    """The mock as the founding design sketched it: services that nobody registered answer too.

    They answer a `Placeholder`, which is not None. A strict mock is the default, because a
    misspelt service must not pass a test; a test that is written the old way says so in one
    line: ``from sage_kernel_mock import LenientMockKernelFacade as MockKernelFacade``.
    """

    _DEFAULT_OPTIONS = MockOptions(strict=False)
