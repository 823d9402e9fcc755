"""The three spellings of a service call, and the typed handle that the documentation teaches.

Layer: core. Knows a `ServiceClient`; what happens behind it is the kernel's business.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from sage_kernel_api.context import RuntimeContext, ServiceClient
from sage_kernel_api.core.arguments import check_timeout
from sage_kernel_api.errors import ServiceCallError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["ServiceCaller", "ServiceHandle"]

R = TypeVar("R")

_FORMS = (
    'Write call_service["cache"].get("k"), or call_service("cache", "get", "k"), '
    'or call_service("cache", "k", method="get", timeout=5.0).'
)


def wait_for(answer: Future[Any]) -> Any:
    """Return the answer of a call; the deadline of the call itself ends the waiting."""
    return answer.result()


def hand_over(answer: Future[Any]) -> Future[Any]:
    """Return the future itself: the asynchronous way to end a call."""
    return answer


class ServiceCaller(Generic[R]):
    """What ``self.call_service`` and ``self.call_service_async`` are: callable and subscriptable.

    Args:
        context: Asked for at each call, so that a missing runtime is seen only there.
        end: Turns the future of the answer into what the caller gets.
    """

    def __init__(
        self, context: Callable[[], RuntimeContext], end: Callable[[Future[Any]], R]
    ) -> None:
        self._context = context
        self._end = end

    def __getitem__(self, service_name: str) -> ServiceHandle[R]:
        """Return a handle whose methods are those of the service."""
        return ServiceHandle(self._context().services, service_name, self._end)

    def __call__(
        self,
        service_name: str,
        *args: Payload,
        method: str | None = None,
        timeout: float | None = None,
        **kwargs: Payload,
    ) -> R:
        """Call one method of a service.

        Args:
            service_name: As registered.
            args: With *method*, its positional arguments; otherwise the method's name first.
            method: Name of the method.
            timeout: Deadline in seconds; None for the kernel's own one.
            kwargs: Keyword arguments of the method.

        Raises:
            ServiceCallError: No public method of that service is named; nothing was called.
            ServiceError: As `ServiceClient.call` says.
            ConfigurationError: *timeout* is no number of seconds from 0; nothing was called.
        """
        client = self._context().services
        timeout = check_timeout(timeout, "timeout")
        if method is None:
            method, args = _method_first(client, service_name, args)
        if not isinstance(method, str):
            raise ServiceCallError(f"method= is text, not {shorten_repr(method)}. {_FORMS}")
        return self._end(client.call(service_name, method, args, kwargs, timeout_s=timeout))


class ServiceHandle(Generic[R]):
    """Stands for one service: each attribute is a method that calls it.

    Args:
        client: The way to the services.
        service_name: As registered.
        end: Turns the future of the answer into what the caller gets.
        timeout_s: Deadline of each call in seconds; None for the kernel's own one.
    """

    def __init__(
        self,
        client: ServiceClient,
        service_name: str,
        end: Callable[[Future[Any]], R],
        timeout_s: float | None = None,
    ) -> None:
        self._client = client
        self._service_name = service_name
        self._end = end
        self._timeout_s = check_timeout(timeout_s, "timeout_s")

    def __getattr__(self, method: str) -> Callable[..., R]:
        if method.startswith("_"):
            # Copying and pickling look for special methods: those are never the service's.
            raise AttributeError(f"{method!r} is no public method of a service")

        def call(*args: Payload, **kwargs: Payload) -> R:
            answer = self._client.call(
                self._service_name, method, args, kwargs, timeout_s=self._timeout_s
            )
            return self._end(answer)

        call.__name__ = method
        return call

    def __repr__(self) -> str:
        return f"<service {self._service_name!r}>"


def _method_first(
    client: ServiceClient, service_name: str, args: tuple[Payload, ...]
) -> tuple[str, tuple[Payload, ...]]:
    known = client.methods(service_name)
    if args and isinstance(args[0], str) and args[0] in known:
        return args[0], args[1:]
    said = f"{args[0]!r} is none of its methods" if args else "no method was named"
    raise ServiceCallError(
        f"Service {service_name!r} has the methods {', '.join(sorted(known)) or '(none)'}; {said}. "
        f"{_FORMS}"
    )
