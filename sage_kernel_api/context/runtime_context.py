"""What any user code that runs on a kernel may ask for.

Layer: context.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypedDict

from sage_kernel_api.communication.data_transport import DataTransport
from sage_kernel_api.logging.logger_factory import Logger
from sage_kernel_api.storage.state_manager import StateManager
from sage_kernel_api.values import Payload

__all__ = ["ContextConfig", "RuntimeContext", "ServiceClient"]


class ContextConfig(TypedDict, total=False):
    """What a context is made from; every entry may be missing.

    Attributes:
        name: Name of the function or service that gets it; default ``"context"``.
        env_name: Name of the environment; default ``""``.
        config: What ``get_config`` reads; default empty.
        parallel_index: Default 0.
        parallelism: Default 1.
        is_source: Default False.
        key: The current key that ``get_key`` answers; default None.
    """

    name: str
    env_name: str
    config: Mapping[str, Any]
    parallel_index: int
    parallelism: int
    is_source: bool
    key: Payload


class ServiceClient(Protocol):
    """Calls of named services with all that a call may carry. Safe to use from any thread."""

    @abstractmethod
    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Start ``service.method(*args, **kwargs)`` and return its future at once.

        Args:
            service_name: As registered.
            method: Name of a public method.
            args: Positional arguments; passed by reference where caller and service share
                a process.
            kwargs: Keyword arguments.
            timeout_s: Deadline in seconds from now; None for the kernel's own one. There is
                always one.

        Returns:
            A future that ends with the result, with the *original* exception of the service,
            or with one of the errors below. It never stays open past the deadline.

        Raises:
            ServiceNotFoundError: Through the future: no such service or public method.
            ServiceTimeoutError: Through the future: the deadline passed.
            ServiceStateError: Through the future: the service has stopped.
            ServiceCycleError: Through the future: the call would wait for itself.
        """

    @abstractmethod
    def methods(self, service_name: str) -> frozenset[str]:
        """Return the names of the public methods of a service.

        Raises:
            ServiceNotFoundError: No such service; the message shows which ones there are.
        """


class RuntimeContext(Protocol):
    """The surroundings of one function or service instance.

    Thread use: the owning task's thread, but for ``logger``, ``services``, ``call_service`` and
    ``call_service_async``, which any thread may use.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name of the step or service."""

    @property
    @abstractmethod
    def env_name(self) -> str:
        """Return the name of the environment that described the pipeline."""

    @property
    @abstractmethod
    def logger(self) -> Logger:
        """Return the logger of this instance; nothing of it goes to standard output."""

    @property
    @abstractmethod
    def transport(self) -> DataTransport:
        """Return the way out for records."""

    @property
    @abstractmethod
    def state_manager(self) -> StateManager:
        """Return the named values of this instance."""

    @property
    @abstractmethod
    def services(self) -> ServiceClient:
        """Return the full form of service calls, with deadlines."""

    @abstractmethod
    def call_service(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Any:
        """Call a service and wait for its answer, at most for the kernel's default deadline.

        Raises:
            ServiceError: As `ServiceClient.call` says; or the service's own exception.
        """

    @abstractmethod
    def call_service_async(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Future[Any]:
        """Call a service and return at once; see `ServiceClient.call`."""

    @abstractmethod
    def get_config(self, key: str, default: Any = None) -> Any:
        """Return the environment's setting *key*, or *default* if it has none."""
