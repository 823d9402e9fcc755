"""Scripted answers: what services say without being there.

Knows the clock; nothing of real services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sage_kernel_api.errors import ServiceCallError, ServiceStateError
from sage_kernel_api.values import Payload
from sage_kernel_mock.clock import ManualClock

__all__ = ["Placeholder", "ServiceScripts"]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a lenient mock answers for a service that nobody registered or scripted.

    It is not None and is true; it says what was called, so that it is recognised where it
    turns up.
    """

    service_name: str
    method: str

    def __repr__(self) -> str:
        return f"<unscripted answer of {self.service_name}.{self.method}>"


class ServiceScripts:
    """Say in advance what services answer. A script comes before a real service of that name.

    Example:
        >>> scripts = ServiceScripts(ManualClock())
        >>> scripts.answer("cache.get", 42)
        >>> scripts.perform("cache", "get", ("k",), {})
        42
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._scripts: dict[tuple[str, str], _Script] = {}

    def answer(self, target: str, *answers: Payload, delay_s: float = 0.0) -> None:
        """Script one method, in place of its earlier script.

        Args:
            target: ``"service.method"``.
            answers: One: given to every call. Several: given one after another, after which
                a call raises `ServiceStateError`. An exception is raised, a callable is called
                with the arguments of the call; everything else is returned as it is.
            delay_s: How long each answer takes, on the kernel's clock.

        Raises:
            ServiceCallError: *target* is no ``"service.method"``, or there is no answer.
        """
        service_name, dot, method = target.rpartition(".")
        if not (dot and service_name and method) or not answers:
            raise ServiceCallError(
                f"Cannot script {target!r}: write answer('cache.get', 42), with the service, a "
                "dot, its method, and at least one answer."
            )
        self._scripts[service_name, method] = _Script(target, answers, delay_s)

    def has(self, service_name: str, method: str) -> bool:
        """Tell whether that method is scripted."""
        return (service_name, method) in self._scripts

    def methods(self, service_name: str) -> frozenset[str]:
        """Return the scripted methods of a service; empty if there are none."""
        return frozenset(method for name, method in self._scripts if name == service_name)

    def perform(
        self,
        service_name: str,
        method: str,
        args: tuple[Payload, ...],
        kwargs: Mapping[str, Payload],
    ) -> Any:
        """Give the next answer of a scripted method. The delay passes first.

        Raises:
            ServiceStateError: All its answers were given.
            Exception: The scripted one.
        """
        script = self._scripts[service_name, method]
        self._clock.advance(script.delay_s)
        answer = script.next_answer()
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            return answer(*args, **kwargs)
        return answer


@dataclass(slots=True)
class _Script:
    target: str
    answers: tuple[Payload, ...]
    delay_s: float
    given: int = 0

    def next_answer(self) -> Payload:
        if len(self.answers) == 1:
            return self.answers[0]
        if self.given == len(self.answers):
            raise ServiceStateError(
                f"The script of {self.target!r} is used up: it had {self.given} answers. Give it "
                "more, or a single one, which is given to every call."
            )
        self.given += 1
        return self.answers[self.given - 1]
