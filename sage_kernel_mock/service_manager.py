"""The services that all jobs of a mock kernel share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.values import Payload
from sage_kernel_mock.service_desk import ServiceDesk
from sage_kernel_mock.service_host import ServiceHost

__all__ = ["MockServiceManager"]


class MockServiceManager:
    """The `ServiceManager` of this kernel: a host to register at and a desk to call."""

    def __init__(
        self, host: ServiceHost, desk: ServiceDesk, check_open: Callable[[], None]
    ) -> None:
        """Args: check_open: Raises `KernelClosedError` once the kernel was shut down."""
        self._host = host
        self._desk = desk
        self._check_open = check_open

    def register_service(
        self, name: str, service_class: type[Any], *args: Payload, **kwargs: Payload
    ) -> None:
        """Remember how to make a service.

        Raises:
            ServiceStateError: The name is taken; the earlier service stays.
            KernelClosedError: The kernel was shut down.
        """
        self._check_open()
        self._host.add(name, service_class, args, kwargs)

    def start_service(self, name: str) -> bool:
        """Make and start a service; False if it ran already.

        Raises:
            ServiceNotFoundError: No service of that name.
        """
        return self._host.start(name)

    def stop_service(self, name: str) -> bool:
        """Stop a service; False if it did not run.

        Raises:
            ServiceNotFoundError: No service of that name.
        """
        return self._host.stop(name)

    def call_service(self, name: str, method: str, *args: Payload, **kwargs: Payload) -> Any:
        """Call a public method; a service that does not run is started first.

        Raises:
            ServiceError: As `ServiceClient.call` says; or the service's own exception.
        """
        return self._desk.call(name, method, args, kwargs).result()
