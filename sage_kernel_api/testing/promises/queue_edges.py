"""A context outside of jobs that sends to named queues.

Layer: testing. Promises of `DataTransport` and `ConnectionInfo`, seen at the receivers.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.errors import KeyEncodingError, PipelineError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import NONE_KEY, Capability, ConnectionInfo, PartitionStrategy

_NAMES = ("q0", "q1", "q2")


@promise(Capability.QUEUES)
def a_connected_context_sends_to_its_queue(bench: Workbench) -> None:
    """`send_data` is True once a queue is connected, and the record is in it."""
    context = _connected(bench, "forward", names=("q0",))

    expect_equal(context.send_data([1]), True, "send_data")

    expect_equal(_contents(bench), [[[1]], [], []], "the queues")


@promise(Capability.QUEUES)
def records_take_turns(bench: Workbench) -> None:
    """`round_robin` begins with the first receiver and goes on in their order."""
    context = _connected(bench, "round_robin")
    for number in range(7):
        context.send_data(number)

    expect_equal(_contents(bench), [[0, 3, 6], [1, 4], [2, 5]], "the queues")


@promise(Capability.QUEUES)
def a_key_chooses_its_queue(bench: Workbench) -> None:
    """`hash` sends to the owner of the key group, for every key that a sender gives."""
    context = _connected(bench, "hash")
    keys: list[Any] = ["a", 1, ("b", 2), b"c", 0, ""]
    expected: list[list[Any]] = [[], [], []]
    for key in keys:
        context.send_data(key, partition_key=key)
        expected[owner_of(key_group(key), 3)].append(key)
    context.send_data("none", partition_key=NONE_KEY)
    expected[owner_of(key_group(None), 3)].append("none")

    expect_equal(_contents(bench), expected, "the queues")


@promise(Capability.QUEUES)
def the_key_of_the_context_is_kept(bench: Workbench) -> None:
    """Without `partition_key`, the record goes by the key that is being processed."""
    context = _connected(bench, "hash", key="k")
    context.send_data(1)

    expected: list[list[Any]] = [[], [], []]
    expected[owner_of(key_group("k"), 3)].append(1)
    expect_equal(_contents(bench), expected, "the queues")


@promise(Capability.QUEUES)
def a_broadcast_reaches_every_queue(bench: Workbench) -> None:
    """The strategy `broadcast` and the method of that name reach all receivers."""
    context = _connected(bench, "broadcast")
    context.send_data(1)
    expect_equal(context.transport.broadcast(2), True, "broadcast")

    expect_equal(_contents(bench), [[1, 2]] * 3, "the queues")


@promise(Capability.QUEUES)
def a_user_chooses_the_queue(bench: Workbench) -> None:
    """The strategy `custom` asks the partitioner of the edge."""
    context = _connected(bench, "custom", partitioner=lambda record, n: record % n)
    for number in (4, 3, 5, 2):
        context.send_data(number)

    expect_equal(_contents(bench), [[3], [4], [5, 2]], "the queues")


@promise(Capability.QUEUES)
def forward_goes_to_the_queue_of_the_same_index(bench: Workbench) -> None:
    """Instance *i* sends to the receiver *i*."""
    context = _connected(bench, "forward", parallel_index=1, parallelism=3)
    context.send_data(1)

    expect_equal(_contents(bench), [[], [1], []], "the queues")


@promise(Capability.QUEUES)
def a_strategy_for_one_record_replaces_the_edges(bench: Workbench) -> None:
    """`partition_strategy` of `send` holds for that record only."""
    context = _connected(bench, "round_robin")
    context.transport.send("all", partition_strategy="broadcast")
    context.transport.send("one")

    contents = _contents(bench)
    expect_equal([queue[0] for queue in contents], ["all"] * 3, "the first records")
    expect_equal(sum(map(len, contents)), 4, "the number of records")


@promise(Capability.QUEUES)
def every_edge_of_an_output_gets_the_record(bench: Workbench) -> None:
    """Two edges of the main output both have it; an edge of a side output has not."""
    context = _context(bench)
    context.transport.set_downstream_connections(
        [
            ConnectionInfo(("q0",)),
            ConnectionInfo(("q1",)),
            ConnectionInfo(("q2",), output="late"),
        ]
    )

    context.send_data(1)
    context.send_data(2, "late")

    expect_equal(_contents(bench), [[1], [1], [2]], "the queues")


@promise(Capability.QUEUES)
def connecting_again_replaces_all_edges(bench: Workbench) -> None:
    """`set_downstream_connections` replaces what was there."""
    context = _connected(bench, "forward", names=("q0",))
    context.transport.set_downstream_connections([ConnectionInfo(("q1",))])

    context.send_data(1)

    expect_equal(_contents(bench), [[], [1], []], "the queues")


@promise(Capability.QUEUES)
def a_refused_connection_leaves_the_old_edges(bench: Workbench) -> None:
    """With an unknown receiver, `PipelineError` is raised and the edges are what they were."""
    context = _connected(bench, "forward", names=("q0",))

    expect_error(
        PipelineError,
        context.transport.set_downstream_connections,
        [ConnectionInfo(("q1",)), ConnectionInfo(("nobody",))],
    )

    context.send_data(1)
    expect_equal(_contents(bench), [[1], [], []], "the queues")


@promise(Capability.QUEUES)
def a_key_without_encoding_reaches_nobody(bench: Workbench) -> None:
    """`send_data` raises `KeyEncodingError`, and no edge has the record."""
    context = _context(bench)
    context.transport.set_downstream_connections(
        [ConnectionInfo(("q0",)), ConnectionInfo(("q1", "q2"), partition_strategy="hash")]
    )

    expect_error(KeyEncodingError, context.send_data, 1, partition_key=[1])

    expect_equal(_contents(bench), [[], [], []], "the queues")


def _context(bench: Workbench, **facts: Any) -> ExecutionContext:
    for name in _NAMES:
        bench.queues.create_queue(name, 100)
    config: Any = facts
    return bench.kernel.create_execution_context(config)


def _connected(
    bench: Workbench,
    strategy: PartitionStrategy,
    *,
    names: tuple[str, ...] = _NAMES,
    partitioner: Any = None,
    **facts: Any,
) -> ExecutionContext:
    context = _context(bench, **facts)
    edge = ConnectionInfo(names, partition_strategy=strategy, partitioner=partitioner)
    context.transport.set_downstream_connections([edge])
    return context


def _contents(bench: Workbench) -> list[list[Any]]:
    queues = [bench.queues.get_queue(name) for name in _NAMES]
    return [[queue.get() for _ in range(queue.size())] for queue in queues]
