"""Services in a simulation: every call runs at once, on the one thread."""

from __future__ import annotations

import pytest

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction
from sage_kernel_api.errors import JobFailedError, ServiceCycleError, ServiceNotFoundError
from sage_kernel_default import DefaultKernelFacade


class Cache(BaseService):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def setup(self) -> None:
        self.log.append("setup")

    def start(self) -> None:
        self.log.append("start")

    def get(self, key: int) -> str:
        if key < 0:
            raise KeyError(key)
        return f"v{key}"

    def stop(self) -> None:
        self.log.append("stop")

    def cleanup(self) -> None:
        self.log.append("cleanup")


class Ask(MapFunction[int, str]):
    def execute(self, data: int) -> str:
        answer: str = self.call_service("cache", "get", data)
        return answer


def test_calls_are_answered_and_the_life_cycle_is_kept(kernel: DefaultKernelFacade) -> None:
    """A simulated job must see the services that the real one sees."""
    log: list[str] = []
    env = LocalEnvironment("ask", kernel=kernel)
    env.register_service("cache", Cache, log)
    env.from_collection([1, 2]).map(Ask).sink(log.append)
    env.submit()
    env.wait()

    assert log == ["setup", "start", "v1", "v2", "stop", "cleanup"]


def test_the_original_exception_comes_back(kernel: DefaultKernelFacade) -> None:
    """Programs catch what their services raise."""
    log: list[str] = []
    env = LocalEnvironment("ask", kernel=kernel)
    env.register_service("cache", Cache, log)
    env.from_collection([-1]).map(Ask).sink(print)
    env.submit()

    with pytest.raises(JobFailedError) as caught:
        env.wait()

    assert isinstance(caught.value.__cause__, KeyError)
    assert log[-1] == "cleanup"


class Partner(BaseService):
    other = ""

    def ping(self, left: int) -> int:
        if not left:
            return 0
        answer: int = self.call_service(self.other, "ping", left - 1)
        return answer + 1


class Ping(Partner):
    other = "pong"


class Pong(Partner):
    other = "ping"


def test_a_circle_is_reported_as_on_threads(kernel: DefaultKernelFacade) -> None:
    """What would hang in production must not pass in a test."""
    services = kernel.service_manager
    services.register_service("ping", Ping)
    services.register_service("pong", Pong)

    assert services.call_service("ping", "ping", 1) == 1
    with pytest.raises(ServiceCycleError, match="circle"):
        services.call_service("ping", "ping", 2)
    assert services.call_service("ping", "ping", 0) == 0


def test_a_stopped_service_refuses_calls_and_starts_anew(kernel: DefaultKernelFacade) -> None:
    """Stopping must hold without threads too."""
    log: list[str] = []
    services = kernel.service_manager
    services.register_service("cache", Cache, log)

    assert services.start_service("cache")
    assert services.call_service("cache", "get", 1) == "v1"
    assert services.stop_service("cache")
    assert services.call_service("cache", "get", 2) == "v2"
    with pytest.raises(ServiceNotFoundError):
        services.call_service("cache", "stop")

    assert log == ["setup", "start", "stop", "cleanup", "setup", "start"]
