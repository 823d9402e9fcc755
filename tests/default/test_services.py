"""Services answer in time, with their own exceptions, and never wait for themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sage_kernel_api.context import ServiceContext
from sage_kernel_api.errors import (
    KernelClosedError,
    ServiceCycleError,
    ServiceNotFoundError,
    ServiceStateError,
    ServiceTimeoutError,
)
from sage_kernel_default import DefaultKernelFacade, DefaultOptions


class Cache:
    """A service with the whole life cycle."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.log: list[str] = []

    def set_context(self, context: ServiceContext) -> None:
        self.ctx = context
        self.log.append(f"context {context.service_name}")

    def setup(self) -> None:
        self.log.append("setup")

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")

    def cleanup(self) -> None:
        self.log.append("cleanup")

    def get(self, key: str, default: Any = None) -> Any:
        return key, default, self.size

    def history(self) -> list[str]:
        return self.log

    def fail(self) -> None:
        raise KeyError("missing")

    def thread(self) -> str:
        return threading.current_thread().name

    def _secret(self) -> int:
        return 1


def test_the_life_cycle_runs_in_order(kernel: DefaultKernelFacade) -> None:
    """A service that is used before its setup would work by chance."""
    services = kernel.service_manager
    services.register_service("cache", Cache, 3)

    assert services.start_service("cache")
    assert not services.start_service("cache")
    log = services.call_service("cache", "history")
    assert services.stop_service("cache")
    assert not services.stop_service("cache")

    assert log == ["context cache", "setup", "start", "stop", "cleanup"]


def test_a_call_starts_a_registered_service(kernel: DefaultKernelFacade) -> None:
    """Nobody needs to start services by hand."""
    kernel.service_manager.register_service("cache", Cache, 3)

    assert kernel.service_manager.call_service("cache", "get", "k", default=1) == ("k", 1, 3)


def test_the_original_exception_comes_back(kernel: DefaultKernelFacade) -> None:
    """Callers catch KeyError, not a wrapper."""
    kernel.service_manager.register_service("cache", Cache, 3)

    with pytest.raises(KeyError, match="missing"):
        kernel.service_manager.call_service("cache", "fail")


@pytest.mark.parametrize("method", ["_secret", "nothing", "setup", "size"])
def test_only_public_methods_can_be_called(kernel: DefaultKernelFacade, method: str) -> None:
    """A misspelt name is answered with the names that exist."""
    kernel.service_manager.register_service("cache", Cache, 3)

    with pytest.raises(ServiceNotFoundError, match="fail, get, history, thread"):
        kernel.service_manager.call_service("cache", method)


def test_an_unknown_service_suggests_the_nearest(kernel: DefaultKernelFacade) -> None:
    """Typing errors are the most common ones."""
    kernel.service_manager.register_service("cache", Cache, 3)

    with pytest.raises(ServiceNotFoundError, match="Did you mean 'cache'"):
        kernel.service_manager.call_service("cahce", "get")
    with pytest.raises(ServiceStateError):
        kernel.service_manager.register_service("cache", Cache, 4)


class Slow:
    gate = threading.Event()

    def wait(self) -> str:
        self.gate.wait(30)
        return "late"


def test_a_deadline_ends_the_call_and_the_late_answer_is_dropped(
    kernel: DefaultKernelFacade,
) -> None:
    """No call may wait for ever, and none may get the answer of another."""
    kernel.service_manager.register_service("slow", Slow)
    context = kernel.create_runtime_context({"name": "caller"})
    Slow.gate.clear()

    call = context.services.call("slow", "wait", timeout_s=0.05)
    with pytest.raises(ServiceTimeoutError, match=r"slow\.wait"):
        call.result()
    Slow.gate.set()

    assert context.call_service("slow", "wait") == "late"
    with pytest.raises(ServiceTimeoutError):
        call.result()


class Relay:
    """Calls another service, synchronously."""

    def __init__(self, target: str) -> None:
        self.target = target

    def set_context(self, context: ServiceContext) -> None:
        self.ctx = context

    def ask(self) -> Any:
        return self.ctx.call_service(self.target, "ask")


class End:
    def ask(self) -> str:
        return "end"


def test_services_call_services(kernel: DefaultKernelFacade) -> None:
    """A chain of services is not a circle."""
    kernel.service_manager.register_service("a", Relay, "b")
    kernel.service_manager.register_service("b", Relay, "c")
    kernel.service_manager.register_service("c", End)

    assert kernel.service_manager.call_service("a", "ask") == "end"


@pytest.mark.parametrize("circle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_circle_is_reported_at_once(kernel: DefaultKernelFacade, circle: list[str]) -> None:
    """Without the report, each of them would wait for its whole deadline."""
    for name, target in zip(circle, [*circle[1:], circle[0]], strict=True):
        kernel.service_manager.register_service(name, Relay, target)

    with pytest.raises(ServiceCycleError, match="circle"):
        kernel.service_manager.call_service("a", "ask")


class BadStart:
    cleaned = False

    def start(self) -> None:
        raise ValueError("no")

    def cleanup(self) -> None:
        type(self).cleaned = True


def test_a_failed_start_is_cleaned_up_and_can_be_tried_again(kernel: DefaultKernelFacade) -> None:
    """What setup() took must be let go; a later try is a new instance."""
    kernel.service_manager.register_service("bad", BadStart)

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            kernel.service_manager.start_service("bad")

    assert BadStart.cleaned


def test_after_shutdown_nothing_starts() -> None:
    """A closed kernel must not come back to life."""
    kernel = DefaultKernelFacade(DefaultOptions())
    kernel.service_manager.register_service("cache", Cache, 3)
    kernel.service_manager.start_service("cache")

    kernel.shutdown()
    kernel.shutdown()

    with pytest.raises(KernelClosedError):
        kernel.service_manager.call_service("cache", "get", "k")
