"""Services with several workers: calls side by side, the life cycle never beside a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction
from sage_kernel_api.context import ServiceContext
from sage_kernel_api.errors import (
    ConfigurationError,
    PipelineError,
    ServiceCycleError,
    ServiceStateError,
)
from sage_kernel_api.lifecycle import service_workers
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import in_thread


class Meeting:
    """Answers once all of its workers have been called."""

    workers = 3

    def __init__(self) -> None:
        self.barrier = threading.Barrier(self.workers)

    def meet(self) -> int:
        return self.barrier.wait(10)


def test_as_many_calls_run_at_once_as_the_class_has_workers(kernel: DefaultKernelFacade) -> None:
    """A model that takes a second must not make all instances of a step wait in one queue."""
    kernel.service_manager.register_service("meeting", Meeting)
    context = kernel.create_runtime_context({"name": "caller"})

    calls = [context.services.call("meeting", "meet") for _ in range(3)]

    assert sorted(call.result() for call in calls) == [0, 1, 2]


def test_a_factory_can_be_given_workers(env: LocalEnvironment) -> None:
    """The class may belong to somebody else."""

    class Ask(MapFunction[int, int]):
        def execute(self, data: int) -> int:
            first = self.call_service_async["meeting"].meet()
            second = self.call_service_async["meeting"].meet()
            return int(first.result()) + int(second.result())

    class Two(Meeting):
        workers = 2

    env.register_service_factory("meeting", lambda: Two(), workers=2)

    assert env.from_collection([0]).map(Ask).execute_and_collect() == [1]


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_impossible_numbers_of_workers_are_refused(env: LocalEnvironment, workers: Any) -> None:
    """A service without workers would let every call run into its deadline."""
    with pytest.raises(ConfigurationError, match="whole number from 1"):
        env.register_service_factory("cache", dict, workers=workers)
    assert env.service_factories == {}

    env.register_service_factory("cache", dict)
    env.service_factories["cache"]["workers"] = workers
    with pytest.raises(PipelineError, match="workers is a whole number"):
        env.from_collection([1]).execute_and_collect()


def test_an_attribute_that_means_something_else_is_left_alone() -> None:
    """A pool that keeps its staff in ``workers`` is not asked how many threads it wants."""

    class Pool:
        workers = ("ann", "bob")

    class Nobody(BaseService):
        workers = 0

    assert service_workers(Pool) == 1
    with pytest.raises(ConfigurationError, match="workers=0"):
        service_workers(Nobody)


class Careful:
    """Notes when a life-cycle method runs beside a call."""

    workers = 2

    def __init__(self, gate: threading.Event, entered: threading.Event) -> None:
        self.gate, self.entered, self.running = gate, entered, 0
        self.log: list[str] = []

    def work(self) -> list[str]:
        self.running += 1
        self.entered.set()
        self.gate.wait(10)
        self.running -= 1
        return self.log

    def stop(self) -> None:
        self.log.append(f"stop beside {self.running}")

    def cleanup(self) -> None:
        self.log.append(f"cleanup beside {self.running}")


def test_stop_waits_for_the_calls_of_all_workers(kernel: DefaultKernelFacade) -> None:
    """A connection that is closed under a running call fails that call for no reason."""
    gate, entered = threading.Event(), threading.Event()
    kernel.service_manager.register_service("careful", Careful, gate, entered)
    context = kernel.create_runtime_context({"name": "caller"})
    call = context.services.call("careful", "work")
    assert entered.wait(10)

    with in_thread(kernel.service_manager.stop_service, "careful") as stopping:
        gate.set()

    assert stopping.result is True
    assert call.result() == ["stop beside 0", "cleanup beside 0"]


class Relay:
    """Calls another service, synchronously."""

    workers = 3

    def __init__(self, target: str) -> None:
        self.target = target

    def set_context(self, context: ServiceContext) -> None:
        self.ctx = context

    def ask(self) -> Any:
        return self.ctx.call_service(self.target, "ask")


@pytest.mark.parametrize("circle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_circle_is_reported_when_all_workers_are_in_it(
    kernel: DefaultKernelFacade, circle: list[str]
) -> None:
    """More workers only make the circle longer, until the last one waits for the first."""
    for name, target in zip(circle, [*circle[1:], circle[0]], strict=True):
        kernel.service_manager.register_service(name, Relay, target)

    with pytest.raises(ServiceCycleError, match="circle"):
        kernel.service_manager.call_service("a", "ask")


class Slow:
    """Answers, or raises, when the gate opens."""

    gate = threading.Event()
    entered = threading.Event()

    def answer(self, argument: object) -> object:
        self.entered.set()
        self.gate.wait(10)
        return argument

    def fail(self) -> None:
        self.entered.set()
        self.gate.wait(10)
        raise KeyError("late")

    def ping(self) -> None:
        """Do nothing."""


@pytest.fixture
def slow(kernel: DefaultKernelFacade) -> Iterator[DefaultKernelFacade]:
    Slow.gate.clear()
    Slow.entered.clear()
    kernel.service_manager.register_service("slow", Slow)
    yield kernel
    Slow.gate.set()


def test_calls_that_wait_behind_a_hanging_one_fail_when_the_kernel_shuts_down() -> None:
    """Whoever waits for a service that was abandoned must not wait for the whole deadline."""
    Slow.gate.clear()
    Slow.entered.clear()
    kernel = DefaultKernelFacade(DefaultOptions(stop_timeout=0.05))
    kernel.service_manager.register_service("slow", Slow)
    context = kernel.create_runtime_context({"name": "caller"})
    hanging = context.services.call("slow", "answer", (1,))
    waiting = context.services.call("slow", "answer", (2,))
    assert Slow.entered.wait(10)

    kernel.shutdown()

    with pytest.raises(ServiceStateError):
        waiting.result(0)
    with pytest.raises(ServiceStateError):
        hanging.result(0)
    Slow.gate.set()
