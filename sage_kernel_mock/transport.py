"""The way out of a step: which instances of which steps get a record.

Knows key groups, routers and receivers; nothing of what a receiver does with a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sage_kernel_api.communication import choose_receiver, key_group, owner_of
from sage_kernel_api.values import NONE_KEY, ConnectionInfo, Partitioner, PartitionStrategy, Payload
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.happenings import Broadcast, Sent
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.ledger import EdgeLedger

__all__ = ["MockRouter", "MockTransport", "Outlet", "Receiver", "SentRecord"]


class Receiver(Protocol):
    """An instance of a step, as its upstreams see it."""

    def accept(
        self,
        data: Payload,
        key: Payload,
        input_index: int,
        edge: EdgeLedger,
        time_us: int | None = None,
    ) -> None:
        """Queue one record; it is processed later, never within this call."""

    def accept_mark(self, sender: Outlet, mark: TimeMark) -> None:
        """Queue a mark behind all records so far."""


class MockRouter:
    """Choose among the receivers of one edge."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = list(targets)
        self._next = 0

    def route_by_key(self, data: Payload, key: Payload) -> str:
        """Return the owner of the key group of *key*."""
        return self._targets[owner_of(key_group(key), len(self._targets))]

    def route_by_choice(self, data: Payload, partitioner: Partitioner | None) -> str:
        """Return the receiver that the user's function chooses."""
        return self._targets[choose_receiver(partitioner, data, len(self._targets))]

    def route_round_robin(self, data: Payload) -> str:
        """Return each receiver in turn."""
        target = self._targets[self._next]
        self._next = (self._next + 1) % len(self._targets)
        return target

    def route_broadcast(self, data: Payload) -> list[str]:
        """Return all receivers."""
        return list(self._targets)


class Outlet:
    """One edge, as one instance of the sending step sees it."""

    def __init__(
        self,
        connection: ConnectionInfo,
        receivers: Mapping[str, Receiver],
        ledger: EdgeLedger,
        sender_index: int,
    ) -> None:
        self.connection: Final = connection
        self._receivers = receivers
        self._ledger = ledger
        self._router = MockRouter(connection.targets)
        self._forward_to = connection.targets[sender_index % len(connection.targets)]

    @property
    def reached(self) -> list[Receiver]:
        """Return all receivers that this instance may send to."""
        is_straight = self.connection.partition_strategy == "forward"
        targets = [self._forward_to] if is_straight else self.connection.targets
        return [self._receivers[target] for target in targets]

    def route(self, data: Payload, key: Payload, strategy: PartitionStrategy | None) -> list[str]:
        """Return who gets a record; *strategy* None means the edge's own.

        Raises:
            KeyEncodingError: It goes by key, and the key has no stable encoding.
        """
        return self._route(data, key, strategy or self.connection.partition_strategy)

    def deliver(
        self, data: Payload, key: Payload, targets: list[str], time_us: int | None = None
    ) -> None:
        """Hand one record to the receivers that `route` chose."""
        for target in targets:
            self._ledger.produced += 1
            receiver = self._receivers[target]
            receiver.accept(data, key, self.connection.input_index, self._ledger, time_us)

    def _route(self, data: Payload, key: Payload, strategy: PartitionStrategy) -> list[str]:
        match strategy:
            case "hash":
                return [self._router.route_by_key(data, key)]
            case "round_robin":
                return [self._router.route_round_robin(data)]
            case "broadcast":
                return self._router.route_broadcast(data)
            case "custom":
                return [self._router.route_by_choice(data, self.connection.partitioner)]
            case "forward":
                return [self._forward_to]


@dataclass(frozen=True, slots=True)
class SentRecord:
    """One record that was sent from a context outside of any job."""

    data: Payload
    target: str | None
    key: Payload


class MockTransport:
    """Hand records to the edges of one output.

    Args:
        facts: Of the context that it belongs to: name and current key.
        journal: Gets ``send`` and ``broadcast``.
        connect: Makes the outlet of a connection; raises `PipelineError` for unknown targets.
        keeps_unconnected: Whether to keep what is sent to an output without edges.

    Attributes:
        sent: What was sent outside of a job, oldest first.
        sent_count: How many records were sent, connected or not.
    """

    def __init__(
        self,
        facts: MockFacts,
        journal: Journal,
        connect: Callable[[ConnectionInfo], Outlet],
        *,
        keeps_unconnected: bool = True,
    ) -> None:
        self._facts = facts
        self._journal = journal
        self._connect = connect
        self._outlets: dict[str | None, list[Outlet]] = {}
        # Inside a job nobody reads them, and they would pile up.
        self._keeps_unconnected = keeps_unconnected
        self.sent: list[SentRecord] = []
        self.sent_count = 0

    def send(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
        partition_strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand *data* to every edge of one output; False if it has none.

        Raises:
            KeyEncodingError: It goes by key, and the key has no stable encoding.
        """
        key = self._key_for(partition_key)
        self._journal.write(self._facts.label, Sent(data, target, key))
        self.sent_count += 1
        return self.deliver(data, target, key, partition_strategy)

    def broadcast(self, data: Payload) -> bool:
        """Hand *data* to every instance of every step downstream of the main output."""
        self._journal.write(self._facts.label, Broadcast(data))
        self.sent_count += 1
        return self.deliver(data, None, self._facts.key, "broadcast")

    def set_downstream_connections(self, connections: list[ConnectionInfo]) -> None:
        """Replace all edges.

        Raises:
            PipelineError: A target is unknown; the edges are what they were.
        """
        outlets: dict[str | None, list[Outlet]] = {}
        for connection in connections:
            outlets.setdefault(connection.output, []).append(self._connect(connection))
        self._outlets = outlets

    def deliver(
        self,
        data: Payload,
        target: str | None,
        key: Payload,
        strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand on a record that the function did not send itself: it is not counted."""
        outlets = self._outlets.get(target, ())
        # Chosen before the first one gets it: a record that cannot be routed must reach nobody.
        chosen = [(outlet, outlet.route(data, key, strategy)) for outlet in outlets]
        for outlet, targets in chosen:
            outlet.deliver(data, key, targets, self._facts.event_time_us)
        if not outlets and self._keeps_unconnected:
            self.sent.append(SentRecord(data, target, key))
        return bool(outlets)

    def send_mark(self, mark: TimeMark) -> None:
        """Tell every receiver of every output how far event time is."""
        for outlets in self._outlets.values():
            for outlet in outlets:
                for receiver in outlet.reached:
                    receiver.accept_mark(outlet, mark)

    def _key_for(self, partition_key: Payload | None) -> Payload:
        if partition_key is None:
            return self._facts.key
        return None if partition_key is NONE_KEY else partition_key
