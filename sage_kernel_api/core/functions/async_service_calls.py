"""Service calls from coroutines: started at once, awaited later, never waited for on the loop.

Layer: core. Knows a `ServiceClient`; imports no event loop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from typing_extensions import ParamSpec

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import ServiceCallError
from sage_kernel_api.values import Payload

__all__ = ["AsyncServiceHandle", "start_call"]

P = ParamSpec("P")
R = TypeVar("R")


class AsyncServiceHandle:
    """Stands for one service: each attribute is a method that can be started, or waited for.

    Args:
        client: The way to the services.
        service_name: As registered.
        timeout_s: Deadline of each call in seconds; None for the kernel's own one.
    """

    def __init__(
        self, client: ServiceClient, service_name: str, timeout_s: float | None = None
    ) -> None:
        self._client = client
        self._service_name = service_name
        self._timeout_s = timeout_s

    def __getattr__(self, method: str) -> _ServiceMethod:
        if method.startswith("_"):
            # Copying and pickling look for special methods: those are never the service's.
            raise AttributeError(f"{method!r} is no public method of a service")
        return _ServiceMethod(self._client, self._service_name, method, self._timeout_s)

    def __repr__(self) -> str:
        return f"<service {self._service_name!r}>"


class _ServiceMethod:
    def __init__(
        self, client: ServiceClient, service_name: str, method: str, timeout_s: float | None
    ) -> None:
        self._client = client
        self._service_name = service_name
        self._method = method
        self._timeout_s = timeout_s

    def start(self, *args: Payload, **kwargs: Payload) -> Future[Any]:
        """Start the call."""
        return self._client.call(
            self._service_name, self._method, args, kwargs, timeout_s=self._timeout_s
        )

    def __call__(self, *args: Payload, **kwargs: Payload) -> Payload:
        """Call and wait, as ``open`` and ``close`` may.

        Raises:
            ServiceCallError: This is a coroutine; nothing was called.
        """
        if _is_on_loop():
            raise ServiceCallError(
                f"Waiting for {self._service_name}.{self._method} here would stop every other "
                f"asynchronous call. Write await self.ask(handle.{self._method}, ...)."
            )
        return self.start(*args, **kwargs).result()


def start_call(method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Start a call of a handle's method.

    Raises:
        ServiceCallError: *method* belongs to no handle; nothing was called.
    """
    if not isinstance(method, _ServiceMethod):
        raise ServiceCallError(
            f"{method!r} is no method of a service. Write "
            'await self.ask(self.service(Interface, "name").method, argument).'
        )
    return method.start(*args, **kwargs)


def _is_on_loop() -> bool:
    # Where asyncio was never imported, no loop runs; importing it here would cost the others.
    if (asyncio := sys.modules.get("asyncio")) is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
