"""Models of services and queues, and random calls that compare a kernel with them.

Layer: testing. Needs hypothesis.
"""

from __future__ import annotations

from itertools import count
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sage_kernel_api.errors import (
    ChannelClosedError,
    ChannelTimeoutError,
    ConfigurationError,
    ServiceNotFoundError,
    ServiceStateError,
)
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.machines import NAMES, run, so_many
from sage_kernel_api.testing.workbench import Workbench

__all__ = ["run_queue_machine", "run_service_machine"]

_NUMBERS = count()


class _Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, value: int) -> int:
        self.count += value
        return self.count


class _ServiceMachine(RuleBasedStateMachine):
    """Services are names; those that run have a sum, which a new start sets to 0."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.manager = bench.kernel.service_manager
        # Names cannot be given back, so that each sequence has names of its own.
        self.prefix = f"{next(_NUMBERS)}-"
        self.known: set[str] = set()
        self.sums: dict[str, int] = {}

    @rule(name=NAMES)
    def register(self, name: str) -> None:
        if name in self.known:
            expect_error(ServiceStateError, self.manager.register_service, self.prefix + name, dict)
        else:
            self.manager.register_service(self.prefix + name, _Counter)
            self.known.add(name)

    @rule(name=NAMES)
    def start(self, name: str) -> None:
        if name not in self.known:
            expect_error(ServiceNotFoundError, self.manager.start_service, self.prefix + name)
            return
        expect_equal(
            self.manager.start_service(self.prefix + name), name not in self.sums, "start_service"
        )
        self.sums.setdefault(name, 0)

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        if name not in self.known:
            expect_error(ServiceNotFoundError, self.manager.stop_service, self.prefix + name)
            return
        expect_equal(
            self.manager.stop_service(self.prefix + name), name in self.sums, "stop_service"
        )
        self.sums.pop(name, None)

    @rule(name=NAMES, value=st.integers(-5, 5))
    def call(self, name: str, value: int) -> None:
        if name not in self.known:
            expect_error(
                ServiceNotFoundError, self.manager.call_service, self.prefix + name, "add", value
            )
            return
        self.sums[name] = self.sums.get(name, 0) + value
        answer = self.manager.call_service(self.prefix + name, "add", value)
        expect_equal(answer, self.sums[name], "the answer")

    def teardown(self) -> None:
        for name in self.sums:
            self.manager.stop_service(self.prefix + name)


_CAPACITY: Final = 2


class _QueueMachine(RuleBasedStateMachine):
    """Queues are bounded lists with a flag."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self.queues = bench.queues
        for status in self.queues.list_queues():
            self.queues.delete_queue(status["name"])
        self.items: dict[str, list[int]] = {}
        self.closed: set[str] = set()

    @rule(name=NAMES)
    def create(self, name: str) -> None:
        if name in self.items:
            expect_error(ConfigurationError, self.queues.create_queue, name, 1)
        else:
            self.queues.create_queue(name, _CAPACITY)
            self.items[name] = []

    @precondition(lambda self: self.items)
    @rule(data=st.data(), item=st.integers())
    def put(self, data: st.DataObject, item: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        queue = self.queues.get_queue(name)
        if name in self.closed:
            expect_error(ChannelClosedError, queue.put, item, timeout_s=0)
        elif len(self.items[name]) == _CAPACITY:
            expect_error(ChannelTimeoutError, queue.put, item, timeout_s=0)
        else:
            queue.put(item, timeout_s=0)
            self.items[name].append(item)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        queue = self.queues.get_queue(name)
        if self.items[name]:
            expect_equal(queue.get(timeout_s=0), self.items[name].pop(0), "the item")
        elif name in self.closed:
            expect_error(ChannelClosedError, queue.get, timeout_s=0)
        else:
            expect_error(ChannelTimeoutError, queue.get, timeout_s=0)

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.items)))
        self.queues.get_queue(name).close()
        self.closed.add(name)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        expect_equal(self.queues.delete_queue(name), name in self.items, "delete_queue")
        self.items.pop(name, None)
        self.closed.discard(name)

    @rule()
    def compare(self) -> None:
        listed = [(s["name"], s["size"], s["is_closed"]) for s in self.queues.list_queues()]
        expected = [(n, len(i), n in self.closed) for n, i in sorted(self.items.items())]
        expect_equal(listed, expected, "list_queues()")


def run_service_machine(bench: Workbench) -> None:
    """Compare the services of a kernel with their model."""
    run(_ServiceMachine, bench, so_many(15))


def run_queue_machine(bench: Workbench) -> None:
    """Compare the queues of a kernel with their model."""
    run(_QueueMachine, bench, so_many(30))
