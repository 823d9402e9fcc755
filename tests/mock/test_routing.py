"""Where records go that a context sends, strategy by strategy; received by queues."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.errors import InterfaceError, KeyEncodingError, PipelineError
from sage_kernel_api.values import NONE_KEY, ConnectionInfo, PartitionStrategy
from sage_kernel_mock import MockKernelFacade, SentRecord
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.happenings import Broadcast, Sent
from sage_kernel_mock.transport import MockRouter

NAMES = ("a", "b", "c")


class Receivers:
    """Three queues downstream of one context."""

    def __init__(self, kernel: MockKernelFacade, parallel_index: int = 0) -> None:
        self.queues = {name: kernel.queue_manager.create_queue(name, 100) for name in NAMES}
        self.context: MockExecutionContext = kernel.create_execution_context(
            {"name": "sender", "parallelism": 5, "parallel_index": parallel_index}
        )

    def connect(self, *connections: ConnectionInfo) -> None:
        self.context.transport.set_downstream_connections(list(connections))

    def got(self) -> dict[str, list[Any]]:
        """Take all that has arrived; only of those that got something."""
        taken = {
            name: [queue.get() for _ in range(queue.size())] for name, queue in self.queues.items()
        }
        return {name: items for name, items in taken.items() if items}


@pytest.fixture
def receivers(kernel: MockKernelFacade) -> Receivers:
    return Receivers(kernel)


def test_by_key_each_record_goes_to_the_owner_of_its_group(receivers: Receivers) -> None:
    """State of a key is at its owner only."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="hash"))
    keys = ["x", "y", "z", 0, "", None, 7, ("x", 1)]

    for key in keys:
        assert receivers.context.transport.send(key, partition_key=NONE_KEY if key is None else key)

    wanted: dict[str, list[Any]] = {}
    for key in keys:
        wanted.setdefault(NAMES[owner_of(key_group(key), 3)], []).append(key)
    assert receivers.got() == wanted
    assert len(wanted) == 3


def test_without_a_key_of_its_own_a_record_has_the_current_one(receivers: Receivers) -> None:
    """A keyed function that sends on stays with its key."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="hash"))
    receivers.context.facts.key = "y"

    receivers.context.transport.send(1)
    receivers.context.transport.send(2, partition_key=NONE_KEY)

    assert receivers.got() == {
        NAMES[owner_of(key_group("y"), 3)]: [1],
        NAMES[owner_of(key_group(None), 3)]: [2],
    }


def test_round_robin_begins_with_the_first_and_goes_round(receivers: Receivers) -> None:
    """The load is even from the first record on."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="round_robin"))

    for number in range(7):
        receivers.context.transport.send(number)

    assert receivers.got() == {"a": [0, 3, 6], "b": [1, 4], "c": [2, 5]}


def test_broadcast_reaches_all(receivers: Receivers) -> None:
    """Rules that one instance lacks give answers that depend on chance."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="broadcast"))

    receivers.context.transport.send(1)

    assert receivers.got() == {key: [1] for key in NAMES}


@pytest.mark.parametrize(("index", "name"), [(0, "a"), (1, "b"), (2, "c")])
def test_forward_goes_to_the_receiver_of_the_same_number(
    kernel: MockKernelFacade, index: int, name: str
) -> None:
    """Neighbours keep the order of their records only if they stay together."""
    receivers = Receivers(kernel, index)
    receivers.connect(ConnectionInfo(NAMES))

    receivers.context.transport.send(1)
    receivers.context.transport.send(2)

    assert receivers.got() == {name: [1, 2]}


def test_forward_among_fewer_receivers_goes_round(kernel: MockKernelFacade) -> None:
    """A call may ask for it on an edge of any width."""
    receivers = Receivers(kernel, 4)
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="hash"))

    receivers.context.transport.send(1, partition_strategy="forward")

    assert receivers.got() == {"b": [1]}


@pytest.mark.parametrize(("chosen", "name"), [(0, "a"), (2, "c")])
def test_a_function_of_the_user_may_choose(receivers: Receivers, chosen: int, name: str) -> None:
    """It sees the record and the number of receivers."""
    seen: list[object] = []

    def choose(record: object, of: int) -> int:
        seen.append((record, of))
        return chosen

    connection = ConnectionInfo(NAMES, partition_strategy="custom", partitioner=choose)
    receivers.connect(connection)

    receivers.context.transport.send("r")

    assert seen == [("r", 3)]
    assert receivers.got() == {name: ["r"]}


@pytest.mark.parametrize("answer", [-1, 3, "1", None, 1.0])
def test_a_choice_that_is_no_receiver_reaches_nobody(receivers: Receivers, answer: Any) -> None:
    """Half a delivery would be worse than none."""
    wrong = ConnectionInfo(NAMES, partition_strategy="custom", partitioner=lambda r, n: answer)
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="broadcast"), wrong)

    with pytest.raises(InterfaceError) as caught:
        receivers.context.transport.send("r")

    assert str(caught.value) == (
        f"A partitioner returned {answer!r}; with 3 instances it must return a whole number from "
        "0 to 2."
    )
    assert receivers.got() == {}


def test_custom_without_a_function_says_how_to_describe_one(receivers: Receivers) -> None:
    """Edges written by hand lack it easily."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="custom"))

    with pytest.raises(PipelineError) as caught:
        receivers.context.transport.send("r")

    assert str(caught.value) == (
        "The strategy 'custom' needs an edge with a partitioner; describe it with "
        "partition_custom()."
    )


def test_a_key_that_cannot_be_encoded_reaches_nobody(receivers: Receivers) -> None:
    """R5: not even those whose edge does not ask for the key."""
    receivers.connect(
        ConnectionInfo(NAMES, partition_strategy="broadcast"),
        ConnectionInfo(NAMES, partition_strategy="hash"),
    )

    with pytest.raises(KeyEncodingError):
        receivers.context.transport.send("r", partition_key=[1])

    assert receivers.got() == {}


@pytest.mark.parametrize(
    ("strategy", "names"), [("round_robin", "a"), ("broadcast", "abc"), ("forward", "a")]
)
def test_one_call_may_ask_for_another_strategy(
    receivers: Receivers, strategy: PartitionStrategy, names: str
) -> None:
    """The edge says what is usual; the sender may know better."""
    receivers.connect(ConnectionInfo(NAMES, partition_strategy="hash"))

    receivers.context.transport.send(1, partition_strategy=strategy)

    assert receivers.got() == {name: [1] for name in names}


def test_a_broadcast_call_reaches_all_behind_the_main_output_only(
    kernel: MockKernelFacade, receivers: Receivers
) -> None:
    """Side outputs carry other types."""
    receivers.context.facts.key = "k"
    receivers.connect(ConnectionInfo(("a", "b")), ConnectionInfo(("c",), output="side"))

    assert receivers.context.transport.broadcast(1) is True
    assert receivers.got() == {"a": [1], "b": [1]}

    assert receivers.context.transport.send(2, "side") is True
    assert receivers.got() == {"c": [2]}

    assert receivers.context.transport.send(3, "nowhere") is False
    assert receivers.got() == {}
    assert receivers.context.sent == [SentRecord(3, "nowhere", "k")]
    assert receivers.context.transport.sent_count == 3
    told = [entry.details for entry in kernel.journal]
    assert told == [Broadcast(1), Sent(2, "side", "k"), Sent(3, "nowhere", "k")]


def test_an_unconnected_broadcast_is_kept_for_the_test(kernel: MockKernelFacade) -> None:
    """A unit test reads what its function would have sent."""
    context = kernel.create_execution_context({"name": "sender", "key": "k"})

    assert context.transport.broadcast(1) is False

    assert context.sent == [SentRecord(1, None, context.facts.key)]


def test_several_edges_of_one_output_all_get_the_record(receivers: Receivers) -> None:
    """A stream that is used twice is no stream of half the records."""
    receivers.connect(ConnectionInfo(("a",)), ConnectionInfo(("b",)), ConnectionInfo(("c",)))

    receivers.context.transport.send(1)

    assert receivers.got() == {"a": [1], "b": [1], "c": [1]}


def test_unknown_receivers_leave_the_edges_as_they_were(receivers: Receivers) -> None:
    """A failed change must not cut the stream."""
    receivers.connect(ConnectionInfo(("a",)))

    with pytest.raises(PipelineError):
        receivers.connect(ConnectionInfo(("b",)), ConnectionInfo(("unknown",)))
    receivers.context.transport.send(1)

    assert receivers.got() == {"a": [1]}


def test_the_router_alone_answers_with_names() -> None:
    """It is what the contract calls a `MessageRouter`."""
    router = MockRouter(NAMES)

    assert [router.route_round_robin(None) for _ in range(4)] == ["a", "b", "c", "a"]
    assert router.route_broadcast(None) == ["a", "b", "c"]
    assert router.route_by_key("data", "key") == NAMES[owner_of(key_group("key"), 3)]
    router.route_broadcast(None).clear()
    assert router.route_broadcast(None) == ["a", "b", "c"]
