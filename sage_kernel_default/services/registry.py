"""The services of one kernel or one job, by name.

Layer: services.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sage_kernel_api.errors import ServiceNotFoundError, ServiceStateError, ServiceTimeoutError
from sage_kernel_api.lifecycle import (
    Placement,
    ServiceConfig,
    service_placement,
    service_workers,
)
from sage_kernel_api.values import Payload
from sage_kernel_default.engine.ports import Clock
from sage_kernel_default.services.calls import Call
from sage_kernel_default.services.deadlines import Deadlines, timeout_of
from sage_kernel_default.services.host import ServiceHost

__all__ = ["ServiceRecipe", "ServiceRegistry"]


@dataclass(frozen=True, slots=True)
class ServiceRecipe:
    """How to make a service."""

    make: Callable[..., Any]
    args: tuple[Payload, ...] = ()
    kwargs: Mapping[str, Payload] = field(default_factory=dict)
    workers: int = 1
    placement: Placement = "kernel"

    @classmethod
    def of(cls, config: ServiceConfig) -> ServiceRecipe:
        """Read a service of the contract."""
        make = config["factory"]
        workers = service_workers(make, config.get("workers"))
        placement = service_placement(make, config.get("placement"))
        return cls(make, config.get("args", ()), config.get("kwargs", {}), workers, placement)

    def __call__(self) -> Any:
        """Return a new instance."""
        return self.make(*self.args, **self.kwargs)


class ServiceRegistry:
    """Recipes and running hosts; a fallback registry answers for names that are unknown here.

    Any thread may use it. No lock is held while user code runs.

    Attributes:
        timeout_s: Deadline of calls that name none.
        deadlines: Of the calls that are open.
    """

    def __init__(
        self,
        clock: Clock,
        timeout_s: float,
        make_context: Callable[[str, ServiceRegistry, ServiceHost], object],
        fallback: ServiceRegistry | None = None,
        make_host: Callable[[str, ServiceRecipe], ServiceHost] | None = None,
    ) -> None:
        """Take what services need.

        Args:
            clock: For deadlines.
            timeout_s: See the attribute.
            make_context: Makes the context that a service gets.
            fallback: Has the services that are shared with others.
            make_host: Makes what runs a service; None for worker threads.
        """
        self.timeout_s = timeout_s
        self._make_context = make_context
        self._fallback = fallback
        self._make_host = make_host or _on_threads
        self._clock = clock
        self.deadlines = Deadlines(clock)
        self._lock = threading.RLock()
        self._recipes: dict[str, ServiceRecipe] = {}
        self._hosts: dict[str, tuple[ServiceHost, Call]] = {}
        self._is_closed = False

    @property
    def names(self) -> list[str]:
        """Return the names of all services that can be called from here."""
        return sorted({*self._recipes, *(self._fallback.names if self._fallback else ())})

    def register(self, name: str, recipe: ServiceRecipe) -> None:
        """Remember how to make a service."""
        with self._lock:
            if name in self._recipes:
                raise ServiceStateError(f"There is a service named {name!r} already; it stays.")
            self._recipes[name] = recipe

    def start_all(self) -> list[Call]:
        """Begin to start every service; each call ends when its service runs."""
        return [self._start(name)[1] for name in list(self._recipes)]

    def start(self, name: str) -> bool:
        """Start a service and wait for it."""
        self._recipe(name)
        with self._lock:
            is_new = name not in self._hosts
            _, started = self._start(name)
        try:
            started.result()
        except BaseException:
            self._discard(name)
            raise
        return is_new

    def stop(self, name: str) -> bool:
        """Stop a service and wait, at most for the default deadline."""
        self._recipe(name)
        with self._lock:
            host, _ = self._hosts.pop(name, (None, None))
        if host is None:
            return False
        self._stop(host, self.timeout_s)
        return True

    def stop_all(self, timeout_s: float) -> list[BaseException]:
        """Stop every service, the last one first; return what went wrong.

        Afterwards no thread is left, but for those of services that do not return.
        """
        with self._lock:
            self._is_closed = True
            hosts = [host for host, _ in reversed(self._hosts.values())]
            self._hosts.clear()
        problems: list[BaseException] = []
        for host in hosts:
            try:
                self._stop(host, timeout_s)
            except BaseException as error:  # noqa: BLE001 - the others must be stopped too
                problems.append(error)
        self.deadlines.close()
        return problems

    def call(
        self,
        name: str,
        method: str,
        args: tuple[Payload, ...],
        kwargs: Mapping[str, Payload],
        timeout_s: float | None,
    ) -> Call:
        """Start a call; errors come through the future."""
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        host: ServiceHost | None = None
        try:
            host = self.host(name)
            began_s = self._clock.now_s()
            call = host.submit(method, args, dict(kwargs))
        except BaseException as error:  # noqa: BLE001 - the contract: through the future
            call = Call(host or _nobody(name), lambda: None, f"{name}.{method}()")
            call.fail(error)
            return call
        if not call.done():
            self.deadlines.watch(call, limit_s)
        elif host.answers_at_once and self._clock.now_s() - began_s > limit_s:
            return _too_late(call, limit_s)
        return call

    def host(self, name: str) -> ServiceHost:
        """Return the running host of a service, starting it if need be."""
        running = self._hosts.get(name)
        if running is not None and running[1].done():
            running[1].result()
            return running[0]
        if name not in self._recipes:
            if self._fallback is not None and name in self._fallback.names:
                return self._fallback.host(name)
            raise self._unknown(name)
        self.start(name)
        with self._lock:
            if name not in self._hosts:
                raise ServiceStateError(f"Service {name!r} has stopped.")
            return self._hosts[name][0]

    def _start(self, name: str) -> tuple[ServiceHost, Call]:
        with self._lock:
            if self._is_closed:
                raise ServiceStateError(f"Service {name!r} cannot start: all have been stopped.")
            if name not in self._hosts:
                recipe = self._recipes[name]
                host = self._make_host(name, recipe)
                started = host.start(self._make_context(name, self, host))
                self._hosts[name] = (host, started)
                # One that hangs in setup() must not hang those who wait for it.
                if not started.done():
                    self.deadlines.watch(started, self.timeout_s)
            return self._hosts[name]

    def _discard(self, name: str) -> None:
        with self._lock:
            host, _ = self._hosts.pop(name, (None, None))
        if host is not None:
            host.stop()
            if not host.join(0.1):
                host.abandon()

    def _stop(self, host: ServiceHost, timeout_s: float) -> None:
        stopped = host.stop()
        try:
            stopped.result(timeout_s)
        except TimeoutError:
            if not stopped.done():
                host.abandon()
                raise ServiceTimeoutError(
                    f"Service {host.name!r} did not stop within {timeout_s:g} s and was "
                    "abandoned. Look at context.should_stop() in long calls."
                ) from None
            raise
        finally:
            host.join(1.0 if stopped.done() else 0.0)

    def _recipe(self, name: str) -> ServiceRecipe:
        if name not in self._recipes:
            raise self._unknown(name)
        return self._recipes[name]

    def _unknown(self, name: str) -> ServiceNotFoundError:
        near = get_close_matches(str(name), self.names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return ServiceNotFoundError(
            f"There is no service named {name!r}. "
            f"Registered: {', '.join(self.names) or 'none'}.{hint}"
        )


def _on_threads(name: str, recipe: ServiceRecipe) -> ServiceHost:
    return ServiceHost(name, recipe, recipe.workers)


def _too_late(answered: Call, timeout_s: float) -> Call:
    """Return a call that failed, in place of one whose answer came after its deadline."""
    answered.host.note_late(answered.label, answered.exception())
    call = Call(answered.host, lambda: None, answered.label)
    call.fail(timeout_of(answered.label, timeout_s))
    return call


def _nobody(name: str) -> ServiceHost:
    return ServiceHost(name, lambda: None)
