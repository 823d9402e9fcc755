"""Services: scripted, real, unknown."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import BaseService, LocalEnvironment
from sage_kernel_api.errors import (
    JobFailedError,
    ServiceCallError,
    ServiceCycleError,
    ServiceNotFoundError,
    ServiceStateError,
    ServiceTimeoutError,
)
from sage_kernel_mock import MockKernelFacade, MockOptions


class Cache(BaseService):
    def __init__(self, start: int = 0) -> None:
        super().__init__()
        self.value = start

    def get(self) -> int:
        return self.value

    def _secret(self) -> None: ...


class Relay(BaseService):
    def __init__(self, other: str) -> None:
        super().__init__()
        self.other = other

    def ask(self) -> Any:
        return self.ctx.call_service(self.other, "ask")


def test_a_script_answers_with_values_sequences_exceptions_and_calls(
    kernel: MockKernelFacade,
) -> None:
    """Whoever tests a function scripts what its services say, failures included."""
    kernel.services.answer("cache.get", 42)
    kernel.services.answer("cache.pop", 1, KeyError("empty"))
    kernel.services.answer("cache.add", lambda a, b: a + b)
    call = kernel.create_runtime_context({}).call_service

    assert [call("cache", "get"), call("cache", "get"), call("cache", "pop")] == [42, 42, 1]
    assert call("cache", "add", 2, b=3) == 5
    with pytest.raises(KeyError, match="empty"):
        call("cache", "pop")
    with pytest.raises(ServiceStateError, match="used up: it had 2 answers"):
        call("cache", "pop")


@pytest.mark.parametrize("target", ["cache", "", ".get", "cache."])
def test_a_script_needs_service_and_method(kernel: MockKernelFacade, target: str) -> None:
    """A script that can never match would fail far from its cause."""
    with pytest.raises(ServiceCallError, match="Cannot script"):
        kernel.services.answer(target, 1)


def test_a_delay_beyond_the_deadline_is_a_timeout_and_takes_no_time(
    kernel: MockKernelFacade,
) -> None:
    """Deadlines are tested without sleeping."""
    kernel.services.answer("slow.get", 1, delay_s=5)
    client = kernel.create_runtime_context({}).services

    answer = client.call("slow", "get", timeout_s=1)

    assert isinstance(answer.exception(), ServiceTimeoutError)
    assert client.call("slow", "get", timeout_s=6).result() == 1
    assert kernel.clock.now_s == 10


def test_a_strict_mock_refuses_an_unknown_service(kernel: MockKernelFacade) -> None:
    """A misspelt service must not pass a test."""
    context = kernel.create_runtime_context({})

    with pytest.raises(ServiceNotFoundError, match=r"answer\('cach\.get'"):
        context.call_service("cach", "get")
    with pytest.raises(ServiceNotFoundError):
        context.services.methods("cach")


def test_a_lenient_mock_answers_all_three_forms_of_a_call() -> None:
    """Old tests call services in every way there is."""
    context = MockKernelFacade(MockOptions(strict=False)).create_runtime_context({})

    assert "anything" in context.services.methods("x")
    assert context.call_service_async("x", "y").result().method == "y"


def test_real_services_live_their_whole_life(kernel: MockKernelFacade) -> None:
    """A service that is never stopped leaks what it holds."""
    kernel.service_manager.register_service("cache", Cache, 7)

    assert kernel.service_manager.call_service("cache", "get") == 7
    assert kernel.service_manager.start_service("cache") is False
    assert kernel.service_manager.stop_service("cache") is True
    assert kernel.service_manager.stop_service("cache") is False

    life = [e.action for e in kernel.journal.entries(actor="cache")]
    assert life == ["setup", "start", "stop", "cleanup"]
    with pytest.raises(ServiceStateError, match="registered already"):
        kernel.service_manager.register_service("cache", Cache)
    with pytest.raises(ServiceNotFoundError, match="no public method '_secret'"):
        kernel.service_manager.call_service("cache", "_secret")


def test_a_circle_of_services_is_refused(kernel: MockKernelFacade) -> None:
    """On a real kernel this call would hang."""
    kernel.service_manager.register_service("a", Relay, "b")
    kernel.service_manager.register_service("b", Relay, "a")

    with pytest.raises(ServiceCycleError, match="a -> b -> a"):
        kernel.service_manager.call_service("a", "ask")


def test_a_service_that_fails_to_start_is_cleaned_up_and_fails_the_job() -> None:
    """A job must not run without the service that it asked for."""
    did: list[object] = []

    class Broken:
        def start(self) -> None:
            raise OSError("no port")

        def cleanup(self) -> None:
            did.append("cleanup")

    env = LocalEnvironment("x", kernel="mock")
    env.register_service("port", Broken)
    env.from_collection([1]).sink(did.append)

    with pytest.raises(JobFailedError, match=r"service port.*no port") as caught:
        env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, OSError)
    assert did == ["cleanup"]


def test_shutdown_stops_every_service_and_tells_what_failed(kernel: MockKernelFacade) -> None:
    """One bad stop() must not keep the others alive."""
    stopped = []

    class Bad:
        def ask(self) -> int:
            return 1

        def stop(self) -> None:
            stopped.append(self)
            raise ValueError("bad stop")

    for name in ("one", "two"):
        kernel.service_manager.register_service(name, Bad)
        kernel.service_manager.call_service(name, "ask")

    with pytest.raises(ServiceStateError, match="bad stop") as caught:
        kernel.shutdown()

    assert (len(stopped), len(caught.value.problems)) == (2, 2)
