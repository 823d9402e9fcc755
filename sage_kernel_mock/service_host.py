"""Real services: made, started, called and stopped on the caller's thread.

One host holds the services that a whole kernel shares; each job has one for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sage_kernel_api.errors import ServiceNotFoundError, ServiceStateError
from sage_kernel_api.values import Payload
from sage_kernel_mock.journal import Journal

__all__ = ["ServiceHost", "public_methods"]

_LIFE = frozenset({"setup", "start", "stop", "cleanup", "set_context"})


@dataclass(slots=True)
class _Service:
    factory: Callable[..., Any]
    args: tuple[Payload, ...]
    kwargs: Mapping[str, Payload]
    instance: Any = None
    is_running: bool = False


class ServiceHost:
    """Keep services by name.

    Args:
        journal: Gets ``setup``, ``start``, ``stop`` and ``cleanup`` of each.
        make_context: Makes the context that ``set_context`` of a service is given.
    """

    def __init__(self, journal: Journal, make_context: Callable[[str], object]) -> None:
        self._journal = journal
        self._make_context = make_context
        self._services: dict[str, _Service] = {}

    @property
    def names(self) -> list[str]:
        """Return the registered names, in the order of registration."""
        return list(self._services)

    def add(
        self,
        name: str,
        factory: Callable[..., Any],
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
    ) -> None:
        """Remember how to make a service.

        Raises:
            ServiceStateError: The name is taken; the earlier service stays.
        """
        if name in self._services:
            raise ServiceStateError(
                f"A service {name!r} is registered already; choose another name."
            )
        self._services[name] = _Service(factory, args, dict(kwargs or {}))

    def start(self, name: str) -> bool:
        """Make and start a service; False if it ran already. What it raises passes through.

        Raises:
            ServiceNotFoundError: No service of that name.
        """
        service = self._find(name)
        if service.is_running:
            return False
        instance = service.factory(*service.args, **service.kwargs)
        try:
            if hasattr(instance, "set_context"):
                instance.set_context(self._make_context(name))
            self._call_if_there(name, instance, ("setup", "start"))
        except BaseException as error:
            try:
                self._call_if_there(name, instance, ("cleanup",))
            except Exception as second:  # noqa: BLE001 - told with the first, which goes on
                error.add_note(f"its cleanup() then raised {second!r}")
            raise
        service.instance, service.is_running = instance, True
        return True

    def stop(self, name: str) -> bool:
        """Stop a service; False if it did not run. What it raises passes through, at the end.

        Raises:
            ServiceNotFoundError: No service of that name.
        """
        service = self._find(name)
        if not service.is_running:
            return False
        instance, service.instance, service.is_running = service.instance, None, False
        try:
            self._call_if_there(name, instance, ("stop",))
        finally:
            self._call_if_there(name, instance, ("cleanup",))
        return True

    def stop_all(self) -> list[tuple[str, Exception]]:
        """Stop all that run, last started first; return what they raised, with their names."""
        failures: list[tuple[str, Exception]] = []
        for name in reversed(self._services):
            try:
                self.stop(name)
            except Exception as error:  # noqa: BLE001 - the others must be stopped too; returned
                failures.append((name, error))
        return failures

    def instance_of(self, name: str) -> Any:
        """Return the running service of that name; it is started if it is not running.

        Raises:
            ServiceNotFoundError: No service of that name.
        """
        self.start(name)
        return self._services[name].instance

    def has(self, name: str) -> bool:
        """Tell whether a service of that name is registered."""
        return name in self._services

    def _find(self, name: str) -> _Service:
        if name not in self._services:
            raise ServiceNotFoundError(
                f"No service is named {name!r}. Registered: {', '.join(self.names) or '(none)'}."
            )
        return self._services[name]

    def _call_if_there(self, name: str, instance: Any, methods: Iterable[str]) -> None:
        for method in methods:
            if callable(function := getattr(instance, method, None)):
                self._journal.write(name, method)
                function()


def public_methods(instance: object) -> frozenset[str]:
    """Return the names that callers of a service may use: no ``_names``, no life-cycle methods."""
    return frozenset(
        name
        for name in dir(type(instance))
        if not name.startswith("_")
        and name not in _LIFE
        and callable(getattr(type(instance), name))
    )
