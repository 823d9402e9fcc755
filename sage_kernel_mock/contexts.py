"""The surroundings of functions, operators and services, with facts that a test may set."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from sage_kernel_api.context import ContextConfig, ServiceClient
from sage_kernel_api.logging import Logger, LoggerFactory
from sage_kernel_api.values import ConnectionInfo, Payload
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.keyed_state import MockKeyedState
from sage_kernel_mock.queues import MockQueueManager
from sage_kernel_mock.state import MockStateManager
from sage_kernel_mock.transport import MockTransport, Outlet, SentRecord

__all__ = ["ContextParts", "MockExecutionContext", "MockRuntimeContext", "MockServiceContext"]


@dataclass(frozen=True, slots=True)
class ContextParts:
    """What all contexts of one kernel (or one job) share.

    Attributes:
        journal: Where calls are written down.
        loggers: Where loggers come from.
        services: Where calls of services are answered.
        faults: What goes wrong.
        queues: Where records go that are sent outside of jobs.
        clock: What time it is.
    """

    journal: Journal
    loggers: LoggerFactory
    services: ServiceClient
    faults: Faults
    queues: MockQueueManager
    clock: ManualClock


class HasParts(Protocol):
    """A mock kernel."""

    parts: ContextParts


class MockRuntimeContext:
    """The surroundings of one function.

    Args:
        facts: What it answers; or a description, as ``create_execution_context`` takes it.
        parts: What it shares with others; or a kernel, which has them.
        connect: Makes the ways to its receivers; None for queues of the kernel.

    Attributes:
        facts: What it answers; assign to its fields at any time.

    Raises:
        ConfigurationError: An entry of the description is unknown or of a wrong type.
    """

    def __init__(
        self,
        facts: MockFacts | ContextConfig,
        parts: ContextParts | HasParts,
        connect: Callable[[ConnectionInfo], Outlet] | None = None,
    ) -> None:
        facts = facts if isinstance(facts, MockFacts) else MockFacts.from_config(facts)
        parts = parts if isinstance(parts, ContextParts) else parts.parts
        self.facts = facts
        self._parts = parts
        self._transport = MockTransport(
            facts, parts.journal, connect or self._connect, keeps_unconnected=connect is None
        )
        self._state = MockStateManager(facts.label, parts.journal, parts.faults)

    def _connect(self, connection: ConnectionInfo) -> Outlet:
        return self._parts.queues.connect(connection, self.facts.parallel_index)

    @property
    def name(self) -> str:
        """Return the name of the function, step or service."""
        return self.facts.name

    @property
    def env_name(self) -> str:
        """Return the name of the environment."""
        return self.facts.env_name

    @property
    def logger(self) -> Logger:
        """Return the logger of that name."""
        return self._parts.loggers.get_logger(self.facts.name)

    @property
    def transport(self) -> MockTransport:
        """Return the way out."""
        return self._transport

    @property
    def sent(self) -> list[SentRecord]:
        """Return what was sent outside of a job, oldest first."""
        return self._transport.sent

    @property
    def state_manager(self) -> MockStateManager:
        """Return the named values."""
        return self._state

    @property
    def services(self) -> ServiceClient:
        """Return the full form of service calls."""
        return self._parts.services

    def call_service(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Any:
        """Call a service and return its answer.

        Raises:
            ServiceError: As `ServiceClient.call` says; or the service's own exception.
        """
        return self._parts.services.call(service_name, method, args, kwargs).result()

    def call_service_async(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Future[Any]:
        """Call a service; the future that is returned has ended already."""
        return self._parts.services.call(service_name, method, args, kwargs)

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return the environment's setting *key*, or *default*."""
        return self.facts.config.get(key, default)


class MockServiceContext(MockRuntimeContext):
    """The surroundings of one service."""

    @property
    def service_name(self) -> str:
        """Return the name that callers use."""
        return self.facts.name

    def should_stop(self) -> bool:
        """Tell whether the service is being stopped."""
        return self.facts.should_stop


class MockExecutionContext(MockRuntimeContext):
    """The surroundings of one operator."""

    def __init__(
        self,
        facts: MockFacts | ContextConfig,
        parts: ContextParts | HasParts,
        connect: Callable[[ConnectionInfo], Outlet] | None = None,
    ) -> None:
        super().__init__(facts, parts, connect)
        self._keyed_state = MockKeyedState(self.facts)

    @property
    def keyed_state(self) -> MockKeyedState:
        """Return the keyed state; its key is ``facts.key``."""
        return self._keyed_state

    @property
    def event_time_us(self) -> int | None:
        """Return the event time of the record that is being processed."""
        return self.facts.event_time_us

    @event_time_us.setter
    def event_time_us(self, time_us: int | None) -> None:
        """Set the event time of what is sent from now on."""
        self.facts.event_time_us = time_us

    @property
    def watermark_us(self) -> int:
        """Return the event time that is over at this step."""
        return self.facts.watermark_us

    def processing_time_us(self) -> int:
        """Return the time of the kernel's clock."""
        return round(self._parts.clock.now_s * 1_000_000)

    def send_data(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
    ) -> bool:
        """Hand one record on; False if nothing is connected to that output.

        Raises:
            KeyEncodingError: It goes by key, and the key has no stable encoding.
        """
        return self._transport.send(data, target, partition_key)

    def get_parallel_index(self) -> int:
        """Return which instance of the step this is."""
        return self.facts.parallel_index

    def get_parallelism(self) -> int:
        """Return the number of instances of the step."""
        return self.facts.parallelism

    @property
    def parallel_index(self) -> int:
        """Same as `get_parallel_index`."""
        return self.facts.parallel_index

    @property
    def parallelism(self) -> int:
        """Same as `get_parallelism`."""
        return self.facts.parallelism

    def is_source(self) -> bool:
        """Tell whether the step has no inputs."""
        return self.facts.is_source

    def should_stop(self) -> bool:
        """Tell whether the job is being cancelled."""
        return self.facts.should_stop

    def get_key(self) -> Any:
        """Return the key of the record that is being processed."""
        return self.facts.key
