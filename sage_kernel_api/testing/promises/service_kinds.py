"""What may be a service, and what it is given.

Layer: testing. Promises of `ServiceManager`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
)
from sage_kernel_api.testing.promises.services import Noting
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class Bare:
    """A service without any method of the life cycle."""

    def double(self, value: int) -> int:
        """Return twice the value."""
        return 2 * value


@promise(Capability.SERVICES)
def any_object_is_a_service(bench: Workbench) -> None:
    """A class without the methods of the life cycle will do."""
    manager = bench.kernel.service_manager
    manager.register_service("a", Bare)

    expect_equal(manager.call_service("a", "double", 4), 8, "the answer")
    expect_equal(manager.stop_service("a"), True, "stop_service")


@promise(Capability.SERVICES)
def a_service_may_be_made_by_a_function(bench: Workbench) -> None:
    """`register_service` takes any callable that returns the service, with its arguments."""
    made: list[tuple[int, int]] = []

    def make(first: int, *, second: int) -> Bare:
        made.append((first, second))
        return Bare()

    manager = bench.kernel.service_manager
    maker: Any = make
    manager.register_service("a", maker, 1, second=2)
    manager.start_service("a")

    expect_equal(made, [(1, 2)], "the arguments")


@promise(Capability.SERVICES)
def a_service_has_a_context(bench: Workbench) -> None:
    """It tells the service's name, drops records, and says that nothing is stopping."""
    found: list[Any] = []

    class Looks:
        def set_context(self, context: Any) -> None:
            found.append((context.service_name, context.name, context.should_stop()))
            found.append((context.transport.send(1), context.get_config("missing", 3)))

    manager = bench.kernel.service_manager
    manager.register_service("looks", Looks)
    manager.start_service("looks")

    expect_equal(found, [("looks", "looks", False), (False, 3)], "what the context says")


@promise(Capability.SERVICES)
def services_do_not_share_their_instances(bench: Workbench) -> None:
    """Two names of one class are two services."""
    manager = bench.kernel.service_manager
    first: list[str] = []
    second: list[str] = []
    manager.register_service("a", Noting, first)
    manager.register_service("b", Noting, second)

    manager.call_service("a", "answer", 1)

    expect("answer" in first, "the service was not called")
    expect_equal(second, [], "calls of the other service")
