"""Named bounded queues.

Layer: testing. Promises of `QueueManager` and `Queue`.
"""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.communication import Queue, QueueManager, QueueStatus
from sage_kernel_api.errors import ChannelClosedError, ChannelTimeoutError, ConfigurationError
from sage_kernel_api.kernel_facade import SupportsQueues
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.QUEUES)
def the_queue_manager_has_its_signatures(bench: Workbench) -> None:
    """`queue_manager` and its queues have the members of their Protocols."""
    expect_equal(list(compare_members(bench.kernel, SupportsQueues)), [], "the face")
    expect_equal(list(compare_members(bench.queues, QueueManager)), [], "the manager")
    queue = bench.queues.create_queue("q", 1)
    expect_equal(list(compare_members(queue, Queue)), [], "the queue")
    expect_same(bench.queues, bench.queues, "the manager at a second look")


@promise(Capability.QUEUES)
def items_come_out_in_the_order_in_which_they_went_in(bench: Workbench) -> None:
    """First in, first out, None among them; `size` counts what is stored."""
    queue = bench.queues.create_queue("q", 10)
    items: list[Any] = [1, None, 0, "", [2]]
    for item in items:
        queue.put(item)

    expect_equal(queue.size(), 5, "the size")
    expect_equal([queue.get() for _ in items], items, "the items")
    expect_equal(queue.size(), 0, "the size at the end")


@promise(Capability.QUEUES)
def an_item_is_handed_over_by_reference(bench: Workbench) -> None:
    """What comes out is the object that went in."""
    queue = bench.queues.create_queue("q", 1)
    item = [1]
    queue.put(item)

    expect_same(queue.get(), item, "the item")


@promise(Capability.QUEUES, variants={"1": 1, "3": 3})
def a_full_queue_refuses_after_the_timeout(bench: Workbench, capacity: int) -> None:
    """`put` raises `ChannelTimeoutError` when there is no room; the item was not stored."""
    queue = bench.queues.create_queue("q", capacity)
    for number in range(capacity):
        queue.put(number)

    expect_error(ChannelTimeoutError, queue.put, "too many", timeout_s=0.01)

    expect_equal(queue.size(), capacity, "the size")
    expect_equal([queue.get() for _ in range(capacity)], list(range(capacity)), "the items")


@promise(Capability.QUEUES)
def an_empty_queue_refuses_after_the_timeout(bench: Workbench) -> None:
    """`get` raises `ChannelTimeoutError` when nothing comes."""
    queue = bench.queues.create_queue("q", 1)

    expect_error(ChannelTimeoutError, queue.get, timeout_s=0.01)


@promise(Capability.QUEUES)
def a_waiting_reader_gets_the_next_item(bench: Workbench) -> None:
    """`get` waits for an item of another thread."""
    queue = bench.queues.create_queue("q", 1)

    with bench.beside(lambda: queue.get(timeout_s=bench.wait_s)) as got:
        queue.put(5)

    expect_equal(got, [5], "the item")


@promise(Capability.QUEUES)
def a_waiting_writer_gets_the_next_room(bench: Workbench) -> None:
    """`put` waits until another thread has taken an item."""
    queue = bench.queues.create_queue("q", 1)
    queue.put(1)

    with bench.beside(lambda: queue.put(2, timeout_s=bench.wait_s)):
        expect_equal(queue.get(), 1, "the first item")

    expect_equal(queue.get(timeout_s=1.0), 2, "the second item")


@promise(Capability.QUEUES)
def a_closed_queue_takes_nothing_and_keeps_what_it_has(bench: Workbench) -> None:
    """After `close`: `put` raises, stored items are readable, then `get` raises."""
    queue = bench.queues.create_queue("q", 5)
    queue.put(1)
    queue.put(2)
    queue.close()
    queue.close()

    expect_error(ChannelClosedError, queue.put, 3)
    expect_equal([queue.get(), queue.get()], [1, 2], "the stored items")
    expect_error(ChannelClosedError, queue.get)


@promise(Capability.QUEUES, variants={"a reader": True, "a writer": False})
def closing_wakes_who_waits(bench: Workbench, is_reader: bool) -> None:
    """`close` ends the waiting of readers and writers with `ChannelClosedError`."""
    queue = bench.queues.create_queue("q", 1)
    if not is_reader:
        queue.put(1)
    began = threading.Event()

    def wait() -> object:
        began.set()
        return (
            expect_error(ChannelClosedError, queue.get)
            if is_reader
            else expect_error(ChannelClosedError, queue.put, 2)
        )

    with bench.beside(wait) as got:
        bench.await_event(began, "the other thread has begun")
        queue.close()

    expect(len(got) == 1, "the waiting call did not return")


@promise(Capability.QUEUES)
def a_queue_is_found_by_its_name(bench: Workbench) -> None:
    """`get_queue` returns the queue that was made under that name."""
    queue = bench.queues.create_queue("q", 1)
    bench.queues.create_queue("other", 1)

    expect_same(bench.queues.get_queue("q"), queue, "the queue")


@promise(Capability.QUEUES)
def an_unknown_queue_is_not_found(bench: Workbench) -> None:
    """`get_queue` raises `ConfigurationError`, and shows the nearest names."""
    bench.queues.create_queue("orders", 1)

    error = expect_error(ConfigurationError, bench.queues.get_queue, "ordres")

    expect("orders" in str(error), f"the message is {str(error)!r}")


@promise(Capability.QUEUES)
def a_taken_name_is_refused(bench: Workbench) -> None:
    """`create_queue` raises `ConfigurationError` for a taken name; the queue stays."""
    queue = bench.queues.create_queue("q", 1)
    queue.put(1)

    expect_error(ConfigurationError, bench.queues.create_queue, "q", 5)

    expect_same(bench.queues.get_queue("q"), queue, "the queue")
    expect_equal(queue.size(), 1, "its size")


@promise(Capability.QUEUES, variants={"zero": 0, "negative": -1})
def a_capacity_below_1_is_refused(bench: Workbench, capacity: int) -> None:
    """`create_queue` raises `ConfigurationError`; there is no such queue then."""
    expect_error(ConfigurationError, bench.queues.create_queue, "q", capacity)

    expect_equal(bench.queues.list_queues(), [], "list_queues()")


@promise(Capability.QUEUES)
def queues_are_listed_by_name(bench: Workbench) -> None:
    """`list_queues` has one entry per queue, sorted by name, with size, capacity and state."""
    for name, capacity in (("b", 2), ("a", 1), ("c", 3)):
        bench.queues.create_queue(name, capacity)
    bench.queues.get_queue("b").put(1)
    bench.queues.get_queue("c").close()

    expected: list[QueueStatus] = [
        {"name": "a", "size": 0, "capacity": 1, "is_closed": False},
        {"name": "b", "size": 1, "capacity": 2, "is_closed": False},
        {"name": "c", "size": 0, "capacity": 3, "is_closed": True},
    ]
    expect_equal(bench.queues.list_queues(), expected, "list_queues()")


@promise(Capability.QUEUES)
def a_deleted_queue_is_closed_and_forgotten(bench: Workbench) -> None:
    """`delete_queue` returns True, then False; the name is free again."""
    queue = bench.queues.create_queue("q", 1)

    told = [bench.queues.delete_queue("q"), bench.queues.delete_queue("q")]

    expect_equal(told, [True, False], "delete_queue")
    expect_error(ChannelClosedError, queue.put, 1)
    expect_error(ConfigurationError, bench.queues.get_queue, "q")
    expect(bench.queues.create_queue("q", 1) is not queue, "the old queue came back")


@promise(Capability.QUEUES)
def many_threads_lose_and_double_nothing(bench: Workbench) -> None:
    """Writers and readers of several threads pass every item once."""
    queue = bench.queues.create_queue("q", 3)
    got: list[list[int]] = [[], []]

    def write(begin: int) -> None:
        for number in range(begin, 400, 2):
            queue.put(number, timeout_s=bench.wait_s)

    def read(items: list[int]) -> None:
        items.extend(queue.get(timeout_s=bench.wait_s) for _ in range(200))

    with (
        bench.beside(lambda: write(0)),
        bench.beside(lambda: write(1)),
        bench.beside(lambda: read(got[0])),
        bench.beside(lambda: read(got[1])),
    ):
        pass

    expect_equal(sorted(got[0] + got[1]), list(range(400)), "the items")


@promise(Capability.QUEUES)
def shutdown_wakes_who_waits_at_a_queue(bench: Workbench) -> None:
    """`shutdown` closes the queues: nobody hangs at one afterwards."""
    queue = bench.queues.create_queue("q", 1)
    began = threading.Event()

    def wait() -> object:
        began.set()
        return expect_error(ChannelClosedError, queue.get)

    with bench.beside(wait) as got:
        bench.await_event(began, "the other thread has begun")
        bench.kernel.shutdown()

    expect(len(got) == 1, "the waiting call did not return")
