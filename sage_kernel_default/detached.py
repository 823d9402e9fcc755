"""Surroundings outside of jobs: for services, and for functions and operators under test.

Knows queues instead of channels: what is sent goes to named queues of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from sage_kernel_api.communication import (
    DataTransport,
    QueueManager,
    choose_receiver,
    key_group,
    owner_of,
)
from sage_kernel_api.context import ContextConfig, ServiceClient, check_context_config
from sage_kernel_api.errors import ConfigurationError, PipelineError
from sage_kernel_api.logging import Logger, LoggerFactory
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.storage import StateManager
from sage_kernel_api.values import (
    NONE_KEY,
    PARTITION_STRATEGIES,
    ConnectionInfo,
    PartitionStrategy,
    Payload,
)
from sage_kernel_default.state import MemoryKeyedState, MemoryStateManager

__all__ = ["DetachedContext", "DetachedServiceContext", "make_detached"]


class QueueTransport(DataTransport):
    """Sends to named queues of the kernel, once it is told which."""

    def __init__(self, queues: QueueManager | None, parallel_index: int, key: Payload) -> None:
        self._queues = queues
        self._index = parallel_index
        self._key = key
        self._connections: list[ConnectionInfo] = []
        self._turns: dict[ConnectionInfo, int] = {}

    def send(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
        partition_strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand *data* to every edge of one output."""
        edges = [edge for edge in self._connections if edge.output == target]
        # Chosen before the first is sent: a key that cannot be routed must reach nobody.
        chosen = [
            name
            for edge in edges
            for name in self._choose(
                edge, partition_strategy or edge.partition_strategy, data, partition_key
            )
        ]
        for name in chosen:
            self._put(name, data)
        return bool(edges)

    def broadcast(self, data: Payload) -> bool:
        """Hand *data* to every instance of every step downstream of the main output."""
        return self.send(data, partition_strategy="broadcast")

    def set_downstream_connections(self, connections: list[ConnectionInfo]) -> None:
        """Replace all edges."""
        problems = [problem for edge in connections for problem in self._problems(edge)]
        if problems:
            raise PipelineError.listing("These connections cannot be made:", problems)
        self._connections = list(connections)
        self._turns = {}

    def _problems(self, edge: ConnectionInfo) -> list[str]:
        found = []
        if not edge.targets:
            found.append("an edge has no targets")
        if edge.partition_strategy not in PARTITION_STRATEGIES:
            found.append(f"unknown partition strategy {edge.partition_strategy!r}")
        if edge.partition_strategy == "forward" and len(edge.targets) <= self._index:
            found.append(f"forward from instance {self._index} to {len(edge.targets)} targets")
        for name in edge.targets:
            try:
                if self._queues is None:
                    found.append("a service has no downstream")
                else:
                    self._queues.get_queue(name)
            except ConfigurationError as unknown:
                found.append(str(unknown))
        return found

    def _choose(
        self,
        edge: ConnectionInfo,
        strategy: PartitionStrategy,
        data: Payload,
        given: Payload | None,
    ) -> tuple[str, ...]:
        names = edge.targets
        if strategy == "broadcast":
            return names
        if strategy == "round_robin":
            turn = self._turns.get(edge, 0)
            self._turns[edge] = turn + 1
            return (names[turn % len(names)],)
        if strategy == "hash":
            key = self._key if given is None else None if given is NONE_KEY else given
            return (names[owner_of(key_group(key), len(names))],)
        if strategy == "custom":
            return (names[choose_receiver(edge.partitioner, data, len(names))],)
        return (names[self._index % len(names)],)

    def _put(self, name: str, data: Payload) -> None:
        if self._queues is not None:
            self._queues.get_queue(name).put(data)


class DetachedContext:
    """Implements `ExecutionContext` (and so `RuntimeContext`) outside of any job."""

    def __init__(
        self,
        config: ContextConfig,
        logger: Logger,
        services: ServiceClient,
        queues: QueueManager | None,
        should_stop: Callable[[], bool],
        now_us: Callable[[], int],
    ) -> None:
        self.name = config.get("name", "context")
        self.env_name = config.get("env_name", "")
        self.parallel_index = config.get("parallel_index", 0)
        self.parallelism = config.get("parallelism", 1)
        self.logger = logger
        self.services = services
        self.state_manager: StateManager = MemoryStateManager()
        self.should_stop = should_stop
        self._settings: Mapping[str, Any] = config.get("config", {})
        self._is_source = config.get("is_source", False)
        self._key = config.get("key")
        self.keyed_state = MemoryKeyedState(self._key)
        self.transport: DataTransport = QueueTransport(queues, self.parallel_index, self._key)
        self.send_data = self.transport.send
        self.event_time_us: int | None = None
        self.watermark_us = MIN_WATERMARK_US
        self.processing_time_us = now_us

    def call_service(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Any:
        """Call a service and wait for its answer."""
        return self.services.call(service_name, method, args, kwargs).result()

    def call_service_async(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Future[Any]:
        """Call a service and return at once."""
        return self.services.call(service_name, method, args, kwargs)

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return the setting *key*."""
        return self._settings.get(key, default)

    def get_parallel_index(self) -> int:
        """Return which instance this is."""
        return self.parallel_index

    def get_parallelism(self) -> int:
        """Return the number of instances."""
        return self.parallelism

    def is_source(self) -> bool:
        """Tell whether it was configured as a source."""
        return self._is_source

    def get_key(self) -> Any:
        """Return the key: the configured one, until somebody sets another."""
        return self.keyed_state.key


class DetachedServiceContext(DetachedContext):
    """Implements `ServiceContext`."""

    def __init__(
        self,
        name: str,
        env_name: str,
        logger: Logger,
        services: ServiceClient,
        should_stop: Callable[[], bool],
        now_us: Callable[[], int],
    ) -> None:
        config: ContextConfig = {"name": name, "env_name": env_name}
        super().__init__(config, logger, services, None, should_stop, now_us)
        self.service_name = name


def make_detached(
    config: ContextConfig,
    loggers: LoggerFactory,
    services: ServiceClient,
    queues: QueueManager,
    should_stop: Callable[[], bool],
    now_us: Callable[[], int],
) -> DetachedContext:
    """Check *config* and make a context from it.

    Raises:
        ConfigurationError: An entry is unknown or of a wrong type; all of them are listed.
    """
    check_context_config(config)
    logger = loggers.get_logger(config.get("name", "context"))
    return DetachedContext(config, logger, services, queues, should_stop, now_us)
