"""Where calls of services are answered: by a script, a real service, or a placeholder.

Knows scripts and hosts; nothing of contexts or jobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from sage_kernel_api.errors import (
    ServiceCycleError,
    ServiceNotFoundError,
    ServiceTimeoutError,
)
from sage_kernel_api.values import Payload
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.happenings import ServiceCalled
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.options import MockOptions
from sage_kernel_mock.scripts import Placeholder, ServiceScripts
from sage_kernel_mock.service_host import ServiceHost, public_methods

__all__ = ["ServiceDesk"]

_busy: Final[ContextVar[tuple[str, ...]]] = ContextVar("sage_kernel_mock_busy", default=())
"""The services whose answer is being waited for, outermost first."""


class ServiceDesk:
    """The `ServiceClient` of this kernel: every call is done when it returns.

    A deadline is measured on the manual clock: only scripted delays, and services that advance
    the clock, can miss it.

    Args:
        hosts: Asked in this order for a service of the called name.
        faults: May make a call fail before anybody is asked.
    """

    def __init__(
        self,
        scripts: ServiceScripts,
        hosts: Sequence[ServiceHost],
        journal: Journal,
        clock: ManualClock,
        options: MockOptions,
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._scripts = scripts
        self._hosts = tuple(hosts)
        self._journal = journal
        self._clock = clock
        self._options = options

    def in_front(self, host: ServiceHost) -> ServiceDesk:
        """Return a desk that asks *host* before all others."""
        hosts = (host, *self._hosts)
        return ServiceDesk(
            self._scripts, hosts, self._journal, self._clock, self._options, self._faults
        )

    def call(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Perform the call and return its future, which has ended already."""
        kwargs = kwargs or {}
        target = f"{service_name}.{method}"
        self._journal.write(target, ServiceCalled(args, dict(kwargs)))
        deadline_s = self._options.service_timeout_s if timeout_s is None else timeout_s
        answer: Future[Any] = Future()
        began_s = self._clock.now_s
        try:
            self._faults.strike(target, "call_service")
            result = self._perform(service_name, method, args, kwargs)
        except Exception as error:  # noqa: BLE001 - it is the answer; the caller meets it there
            answer.set_exception(error)
        else:
            answer.set_result(result)
        if (took_s := self._clock.now_s - began_s) > deadline_s:
            return _late(service_name, method, took_s, deadline_s)
        return answer

    def methods(self, service_name: str) -> frozenset[str]:
        """Return the public methods of a service, scripted ones included.

        A lenient desk returns a set that holds every name, for services that it does not know.

        Raises:
            ServiceNotFoundError: No such service.
        """
        known = self._scripts.methods(service_name)
        host = self._host_of(service_name)
        if host is not None:
            known |= public_methods(host.instance_of(service_name))
        if known:
            return known
        if not self._options.strict:
            return _EveryName()
        raise self._unknown(service_name)

    def _perform(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...],
        kwargs: Mapping[str, Payload],
    ) -> Any:
        with _waiting_for(service_name):
            if self._scripts.has(service_name, method):
                return self._scripts.perform(service_name, method, args, kwargs)
            host = self._host_of(service_name)
            if host is not None:
                return self._perform_real(host, service_name, method, args, kwargs)
            if self._options.strict:
                raise self._unknown(service_name, method)
            return Placeholder(service_name, method)

    def _perform_real(
        self,
        host: ServiceHost,
        service_name: str,
        method: str,
        args: tuple[Payload, ...],
        kwargs: Mapping[str, Payload],
    ) -> Any:
        instance = host.instance_of(service_name)
        if method not in (known := public_methods(instance)):
            raise ServiceNotFoundError(
                f"Service {service_name!r} has no public method {method!r}; it has "
                f"{', '.join(sorted(known)) or '(none)'}."
            )
        return getattr(instance, method)(*args, **kwargs)

    def _host_of(self, service_name: str) -> ServiceHost | None:
        return next((host for host in self._hosts if host.has(service_name)), None)

    def _unknown(self, service_name: str, method: str = "METHOD") -> ServiceNotFoundError:
        names = [name for host in self._hosts for name in host.names]
        return ServiceNotFoundError(
            f"No service is named {service_name!r}. Registered: {', '.join(names) or '(none)'}. "
            f"Register it, script it with kernel.services.answer('{service_name}.{method}', ...), "
            "or take a lenient kernel: MockKernelFacade(MockOptions(strict=False))."
        )


class _EveryName(frozenset[str]):
    """The methods of a service that answers everything."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and not name.startswith("_")


def _late(service_name: str, method: str, took_s: float, deadline_s: float) -> Future[Any]:
    answer: Future[Any] = Future()
    answer.set_exception(
        ServiceTimeoutError(
            f"{service_name}.{method} took {took_s:g} s on the manual clock; its deadline was "
            f"{deadline_s:g} s. The late answer was dropped."
        )
    )
    return answer


@contextmanager
def _waiting_for(service_name: str) -> Iterator[None]:
    """Mark a service as busy. Inline, an asynchronous call waits as well: so it counts too."""
    busy = _busy.get()
    if service_name in busy:
        raise ServiceCycleError(
            f"Services wait for each other in a circle: {' -> '.join((*busy, service_name))}. "
            "The last call was refused."
        )
    token = _busy.set((*busy, service_name))
    try:
        yield
    finally:
        _busy.reset(token)
