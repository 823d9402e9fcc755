"""The face of the mock kernel: makes the parts and ties them together."""

from __future__ import annotations

from typing import Final

from sage_kernel_api.context import ContextConfig
from sage_kernel_api.errors import KernelClosedError, ServiceStateError
from sage_kernel_api.lifecycle import PipelineConfig, ServiceConfig
from sage_kernel_api.logging import StandardLoggerFactory
from sage_kernel_api.plugins import notify_kernel_stopped
from sage_kernel_api.values import Capability
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import (
    ContextParts,
    MockExecutionContext,
    MockRuntimeContext,
    MockServiceContext,
)
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.jobs import MockJobManager
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.options import MockOptions
from sage_kernel_mock.run import JobRun
from sage_kernel_mock.scripts import ServiceScripts
from sage_kernel_mock.service_desk import ServiceDesk
from sage_kernel_mock.service_host import ServiceHost
from sage_kernel_mock.service_manager import MockServiceManager

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
        Capability.EVENT_TIME,
        Capability.TIMERS,
    }
)
_DEFAULTS: Final = MockOptions()


class MockKernelFacade:
    """A kernel for unit tests: inline, deterministic, with everything written down.

    Attributes:
        journal: All that happened, in order.
        clock: The kernel's time; only tests and waits of the kernel move it.
        services: Scripts of what services answer.

    Example:
        >>> kernel = MockKernelFacade()
        >>> kernel.services.answer("cache.get", 42)
        >>> kernel.create_runtime_context({"name": "test"}).call_service("cache", "get", "k")
        42
        >>> [entry.action for entry in kernel.journal]
        ['call_service']
    """

    def __init__(
        self, options: MockOptions = _DEFAULTS, *, clock: ManualClock | None = None
    ) -> None:
        self._options = options
        self._is_closed = False
        self.clock = clock or ManualClock()
        self.journal = Journal(self.clock, options.journal_size)
        self.services = ServiceScripts(self.clock)
        self._loggers = StandardLoggerFactory("sage_kernel.mock")
        self._shared = ServiceHost(self.journal, self._service_context)
        self._desk = ServiceDesk(self.services, [self._shared], self.journal, self.clock, options)
        self._parts = ContextParts(self.journal, self._loggers, self._desk, self.clock)
        self._service_manager = MockServiceManager(self._shared, self._desk)
        self._job_manager = MockJobManager(
            self.journal, self._make_run, self.capabilities, self._check_open
        )

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
        return MockExecutionContext(MockFacts.from_config(config), self._parts)

    def create_runtime_context(self, config: ContextConfig) -> MockRuntimeContext:
        """Return surroundings for one function.

        Raises:
            KernelClosedError: After ``shutdown``.
            ConfigurationError: An entry of *config* is unknown or of a wrong type.
        """
        self._check_open()
        return MockRuntimeContext(MockFacts.from_config(config), self._parts)

    @property
    def job_manager(self) -> MockJobManager:
        """Return the jobs."""
        return self._job_manager

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
        return MockServiceContext(MockFacts(name=name), self._parts)

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
        parts = ContextParts(self.journal, self._loggers, desk, self.clock)
        return JobRun(config, parts, services, self.clock, self._options)


class LenientMockKernelFacade(MockKernelFacade):
    """The mock as the founding design sketched it: services that nobody registered answer too.

    They answer a `Placeholder`, which is not None. A strict mock is the default, because a
    misspelt service must not pass a test; a test that is written the old way says so in one
    line: ``from sage_kernel_mock import LenientMockKernelFacade as MockKernelFacade``.
    """

    def __init__(self, *, clock: ManualClock | None = None) -> None:
        super().__init__(MockOptions(strict=False), clock=clock)
