"""Services that all jobs of a kernel share: registered, started, stopped.

Layer: testing. Promises of `ServiceManager`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.errors import KernelClosedError, ServiceNotFoundError, ServiceStateError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_error,
    expect_same,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class Noting:
    """A service that notes its life."""

    def __init__(
        self, calls: list[str], fails_in: str = "", cause: Exception | None = None
    ) -> None:
        self.calls = calls
        self.fails_in = fails_in
        self.cause = cause
        self._note("made")

    def set_context(self, context: Any) -> None:
        """Take the context."""
        self._note("set_context")

    def setup(self) -> None:
        """Get ready."""
        self._note("setup")

    def start(self) -> None:
        """Begin."""
        self._note("start")

    def stop(self) -> None:
        """End."""
        self._note("stop")

    def cleanup(self) -> None:
        """Let go."""
        self._note("cleanup")

    def answer(self, value: Any) -> Any:
        """Return what it was given."""
        self._note("answer")
        return value

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fails_in and self.cause is not None:
            raise self.cause


_BORN = ["made", "set_context", "setup", "start"]


_GONE = ["stop", "cleanup"]


ASKS: dict[str, Callable[[Workbench], object]] = {
    "start_service": lambda bench: bench.kernel.service_manager.start_service("nobody"),
    "stop_service": lambda bench: bench.kernel.service_manager.stop_service("nobody"),
    "call_service": lambda bench: bench.kernel.service_manager.call_service("nobody", "get"),
}


STARTS: dict[str, Callable[[Workbench], object]] = {
    "register_service": lambda bench: bench.kernel.service_manager.register_service("b", dict),
    "start_service": lambda bench: bench.kernel.service_manager.start_service("a"),
    "call_service": lambda bench: bench.kernel.service_manager.call_service("a", "answer", 1),
}


@promise(Capability.SERVICES)
def a_service_lives_in_order(bench: Workbench) -> None:
    """Made, `set_context`, `setup`, `start`, calls, `stop`, `cleanup`: once, in this order."""
    calls: list[str] = []
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, calls)

    expect_equal(calls, [], "calls before it is started")
    manager.start_service("a")
    manager.call_service("a", "answer", 1)
    manager.stop_service("a")

    expect_equal(calls, [*_BORN, "answer", *_GONE], "the calls")


@promise(Capability.SERVICES)
def starting_and_stopping_tell_whether_something_changed(bench: Workbench) -> None:
    """`start_service` and `stop_service` return True once, then False."""
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, [])

    told = [manager.stop_service("a"), manager.start_service("a"), manager.start_service("a")]
    told += [manager.stop_service("a"), manager.stop_service("a")]

    expect_equal(told, [False, True, False, True, False], "what they returned")


@promise(Capability.SERVICES)
def a_call_starts_its_service(bench: Workbench) -> None:
    """A registered service that does not run yet is started by the first call, once."""
    calls: list[str] = []
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, calls)

    answers = [manager.call_service("a", "answer", n) for n in (1, 2)]

    expect_equal(answers, [1, 2], "the answers")
    expect_equal(calls, [*_BORN, "answer", "answer"], "the calls")


@promise(Capability.SERVICES)
def a_taken_name_keeps_the_earlier_service(bench: Workbench) -> None:
    """Registering a name again raises `ServiceStateError`; the earlier service stays."""
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, [])

    expect_error(ServiceStateError, manager.register_service, "a", dict)

    expect_equal(manager.call_service("a", "answer", 5), 5, "the answer")


@promise(Capability.SERVICES, variants=ASKS)
def an_unknown_service_is_not_found(bench: Workbench, ask: Callable[[Workbench], object]) -> None:
    """Every use of a name that nobody registered raises `ServiceNotFoundError`."""
    expect_error(ServiceNotFoundError, ask, bench)


@promise(Capability.SERVICES, variants={"setup": "setup", "start": "start"})
def a_service_that_cannot_start_is_cleaned_up(bench: Workbench, fails_in: str) -> None:
    """`start_service` raises what the service raised; it has been cleaned up and does not run."""
    calls: list[str] = []
    cause = ValueError("no")
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, calls, fails_in, cause)

    error = expect_error(ValueError, manager.start_service, "a")

    expect_same(error, cause, "the exception")
    expect_equal(calls[-2:], [fails_in, "cleanup"], "the last calls")
    expect_equal(manager.stop_service("a"), False, "stop_service")


@promise(Capability.SERVICES)
def a_constructor_that_fails_is_raised(bench: Workbench) -> None:
    """What the class raises when it is made comes out of `start_service`."""
    cause = ValueError("no")
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, [], "made", cause)

    expect_same(expect_error(ValueError, manager.start_service, "a"), cause, "the exception")


@promise(Capability.SERVICES, variants={"stop": "stop", "cleanup": "cleanup"})
def a_service_that_fails_to_stop_does_not_run(bench: Workbench, fails_in: str) -> None:
    """`stop_service` raises what the service raised, after both were called; it is stopped."""
    calls: list[str] = []
    cause = ValueError("no")
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, calls, fails_in, cause)
    manager.start_service("a")

    expect_same(expect_error(ValueError, manager.stop_service, "a"), cause, "the exception")

    expect_equal(calls, [*_BORN, *_GONE], "the calls")
    expect_equal(manager.stop_service("a"), False, "stop_service again")


@promise(Capability.SERVICES)
def a_stopped_service_may_be_started_anew(bench: Workbench) -> None:
    """Started again, it is a new instance, with its whole life."""
    calls: list[str] = []
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, calls)

    for _ in range(2):
        expect_equal(manager.start_service("a"), True, "start_service")
        manager.stop_service("a")

    expect_equal(calls, [*_BORN, *_GONE] * 2, "the calls")


@promise(Capability.SERVICES)
def shutdown_stops_every_service(bench: Workbench) -> None:
    """`shutdown` stops and cleans up all services that run, and only those."""
    running: list[str] = []
    idle: list[str] = []
    manager = bench.kernel.service_manager
    manager.register_service("a", Noting, running)
    manager.register_service("b", Noting, idle)
    manager.start_service("a")

    bench.kernel.shutdown()

    expect_equal((running, idle), ([*_BORN, *_GONE], []), "the calls of both services")


@promise(Capability.SERVICES, variants=STARTS)
def after_shutdown_no_service_starts(
    bench: Workbench, start: Callable[[Workbench], object]
) -> None:
    """After `shutdown`, all that would start a service raises `KernelClosedError`."""
    bench.kernel.service_manager.register_service("a", Noting, [])
    bench.kernel.shutdown()

    expect_error(KernelClosedError, start, bench)
