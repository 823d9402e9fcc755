"""Calls that meet: one after another, in circles, from many threads.

Layer: testing. Promises of `ServiceClient`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.context import RuntimeContext
from sage_kernel_api.errors import (
    ServiceCycleError,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
)
from sage_kernel_api.testing.promises.service_calls import echo_context
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class Circle:
    """Calls another service, and answers with the exception of that call."""

    def __init__(self, other: str) -> None:
        self.other = other

    def set_context(self, context: RuntimeContext) -> None:
        """Take the context."""
        self.context = context

    def ask(self, depth: int = 0) -> Any:
        """Ask the other one."""
        if depth > 5:
            return "too deep"
        return self.context.call_service(self.other, "ask", depth + 1)


CIRCLES: dict[str, Callable[[Any], None]] = {
    "itself": lambda manager: manager.register_service("a", Circle, "a"),
    "two services": lambda manager: (
        manager.register_service("a", Circle, "b"),
        manager.register_service("b", Circle, "a"),
    ),  # type: ignore[dict-item]
}


@promise(Capability.SERVICES)
def services_may_call_each_other(bench: Workbench) -> None:
    """A service calls another one through its context."""

    class Asks:
        def set_context(self, context: RuntimeContext) -> None:
            self.context = context

        def twice(self, value: int) -> Any:
            return [self.context.call_service("echo", "give", value) for _ in range(2)]

    context = echo_context(bench)
    bench.kernel.service_manager.register_service("asks", Asks)

    expect_equal(context.call_service("asks", "twice", 3), [3, 3], "the answer")


@promise(Capability.SERVICES, variants=CIRCLES)
def a_circle_of_calls_is_refused(bench: Workbench, register: Callable[[Any], None]) -> None:
    """A call that would wait for itself ends with `ServiceCycleError`, and never hangs."""
    register(bench.kernel.service_manager)
    context = bench.kernel.create_runtime_context({})

    expect_error(ServiceCycleError, context.call_service, "a", "ask")


@promise(Capability.SERVICES)
def calls_of_one_service_come_one_after_another(bench: Workbench) -> None:
    """A service without `workers` is never called within another call of it."""

    class Counts:
        def __init__(self) -> None:
            self.inside = 0
            self.most = 0

        def work(self) -> None:
            self.inside += 1
            self.most = max(self.most, self.inside)
            bench.pass_time(0.001)
            self.inside -= 1

        def highest(self) -> int:
            return self.most

    bench.kernel.service_manager.register_service("counts", Counts)
    context = bench.kernel.create_runtime_context({})
    for answer in [context.call_service_async("counts", "work") for _ in range(10)]:
        answer.result(bench.wait_s)

    expect_equal(context.call_service("counts", "highest"), 1, "most calls at once")


@promise(Capability.SERVICES)
def answers_come_in_the_order_of_the_calls(bench: Workbench) -> None:
    """Calls of one caller are answered in the order in which they were made."""
    order: list[int] = []

    class Notes:
        def note(self, number: int) -> int:
            order.append(number)
            return number

    bench.kernel.service_manager.register_service("notes", Notes)
    context = bench.kernel.create_runtime_context({})
    answers = [context.call_service_async("notes", "note", n) for n in range(50)]

    expect_equal([a.result(bench.wait_s) for a in answers], list(range(50)), "the answers")
    expect_equal(order, list(range(50)), "the order of the calls")


@promise(Capability.SERVICES)
def any_thread_may_call(bench: Workbench) -> None:
    """`services` may be used from threads of the user."""
    context = echo_context(bench)

    with bench.beside(lambda: context.call_service("echo", "give", 7)) as answers:
        pass

    expect_equal(answers, [7], "the answer on another thread")


@promise(Capability.SERVICES)
def a_stopping_service_lets_its_calls_end(bench: Workbench) -> None:
    """`stop_service` returns after the calls that were made before it."""
    done: list[int] = []

    class Works:
        def work(self, number: int) -> None:
            bench.pass_time(0.002)
            done.append(number)

        def stop(self) -> None:
            done.append(-1)

    manager = bench.kernel.service_manager
    manager.register_service("works", Works)
    manager.start_service("works")
    context = bench.kernel.create_runtime_context({})
    answers = [context.call_service_async("works", "work", n) for n in range(5)]
    manager.stop_service("works")

    expect_equal(done, [0, 1, 2, 3, 4, -1], "calls and the end")
    expect(all(answer.done() for answer in answers), "a future is still open")
