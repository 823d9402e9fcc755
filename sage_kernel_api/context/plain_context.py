"""The door check of a context's description, and the simplest context that fits the contract.

Layer: context. For kernels that have no reason to write their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Final, cast

from sage_kernel_api.communication.data_transport import DataTransport
from sage_kernel_api.context.runtime_context import ContextConfig, ServiceClient
from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.logging.logger_factory import Logger
from sage_kernel_api.storage.state_manager import StateManager
from sage_kernel_api.values import Payload

__all__ = ["PlainContext", "check_context_config"]

_TYPES: Final[dict[str, type]] = {
    "name": str,
    "env_name": str,
    "config": Mapping,
    "parallel_index": int,
    "parallelism": int,
    "is_source": bool,
    "key": object,
}


def check_context_config(config: Mapping[str, Any]) -> ContextConfig:
    """Check what a context is to be made from, and return it.

    Raises:
        ConfigurationError: Entries are unknown or of a wrong type; `problems` lists all.
    """
    if problems := list(_problems(config)):
        raise ConfigurationError.listing("No context can be made from this:", problems)
    return cast("ContextConfig", config)


class PlainContext:
    """An `ExecutionContext` that answers what it was made with.

    Attributes:
        key: What `get_key` answers: the kernel sets it for each record.
        is_stopping: What `should_stop` answers: the kernel sets it once.
    """

    def __init__(
        self,
        config: ContextConfig,
        logger: Logger,
        transport: DataTransport,
        state_manager: StateManager,
        services: ServiceClient,
    ) -> None:
        self._config = config = check_context_config(config)
        self.name: str = config.get("name", "context")
        self.env_name: str = config.get("env_name", "")
        self.parallel_index: int = config.get("parallel_index", 0)
        self.parallelism: int = config.get("parallelism", 1)
        self.key: Payload = config.get("key")
        self.is_stopping = False
        self.logger = logger
        self.transport = transport
        self.state_manager = state_manager
        self.services = services

    def send_data(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
    ) -> bool:
        """Hand one record to the transport."""
        return self.transport.send(data, target, partition_key)

    def get_parallel_index(self) -> int:
        """Return which instance of the step this is."""
        return self.parallel_index

    def get_parallelism(self) -> int:
        """Return the number of instances of the step."""
        return self.parallelism

    def is_source(self) -> bool:
        """Tell whether the step has no inputs."""
        return self._config.get("is_source", False)

    def should_stop(self) -> bool:
        """Tell whether the job is ending."""
        return self.is_stopping

    def get_key(self) -> Any:
        """Return the key of the record that is being processed."""
        return self.key

    def call_service(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Any:
        """Call a service and wait for its answer.

        Raises:
            ServiceError: As `ServiceClient.call` says; or the service's own exception.
        """
        return self.services.call(service_name, method, args, kwargs).result()

    def call_service_async(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Future[Any]:
        """Call a service and return at once."""
        return self.services.call(service_name, method, args, kwargs)

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return the environment's setting *key*, or *default*."""
        return self._config.get("config", {}).get(key, default)


def _problems(config: object) -> Iterator[str]:
    if not isinstance(config, Mapping):
        yield f"a context is made from a mapping, not {type(config).__name__}"
        return
    for key, value in config.items():
        expected = _TYPES.get(key)
        if expected is None:
            yield f"{key!r} is unknown; known: {', '.join(_TYPES)}"
        elif not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            yield f"{key} is a {expected.__name__.lower()}, not {type(value).__name__}"
    index, count = config.get("parallel_index", 0), config.get("parallelism", 1)
    if type(index) is int and type(count) is int and not 0 <= index < count:
        yield f"parallel_index {index} is not in range(parallelism={count})"
