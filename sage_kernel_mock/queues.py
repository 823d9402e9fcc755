"""Named bounded queues. The one part of this kernel that waits in real time.

Queues are for other threads: with none of them about, no clock would bring an item.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from difflib import get_close_matches

from sage_kernel_api.communication import QueueStatus
from sage_kernel_api.errors import (
    ChannelClosedError,
    ChannelTimeoutError,
    ConfigurationError,
    PipelineError,
)
from sage_kernel_api.values import PARTITION_STRATEGIES, ConnectionInfo, Payload
from sage_kernel_mock.ledger import EdgeLedger
from sage_kernel_mock.transport import Outlet

__all__ = ["MockQueue", "MockQueueManager"]


class MockQueue:
    """A first-in-first-out queue for at most *capacity* items. Any thread may use it."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self._items: deque[Payload] = deque()
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: Payload, *, timeout_s: float | None = None) -> None:
        """Append *item*, waiting for room.

        Raises:
            ChannelClosedError: The queue is or gets closed. *item* was not stored.
            ChannelTimeoutError: Still full after *timeout_s*. *item* was not stored.
        """
        with self._changed:
            if not self._changed.wait_for(self._can_put, timeout_s):
                raise ChannelTimeoutError(
                    f"Queue {self.name!r} stayed full ({self.capacity} items) for {timeout_s} s. "
                    "Read it faster, or make it larger."
                )
            if self._is_closed:
                raise ChannelClosedError(f"Queue {self.name!r} is closed; the item was not stored.")
            self._items.append(item)
            self._changed.notify_all()

    def get(self, *, timeout_s: float | None = None) -> Payload:
        """Take the oldest item, waiting for one.

        Raises:
            ChannelClosedError: The queue is closed and empty.
            ChannelTimeoutError: Still empty after *timeout_s*.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._is_closed, timeout_s):
                raise ChannelTimeoutError(f"Queue {self.name!r} stayed empty for {timeout_s} s.")
            if not self._items:
                raise ChannelClosedError(f"Queue {self.name!r} is closed and empty.")
            self._changed.notify_all()
            return self._items.popleft()

    def close(self) -> None:
        """Refuse further items and wake all who wait; what is stored stays readable. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def size(self) -> int:
        """Return the number of items stored at this moment."""
        return len(self._items)

    def accept(
        self,
        data: Payload,
        key: Payload,
        input_index: int,
        edge: EdgeLedger,
        time_us: int | None = None,
    ) -> None:
        """Take a record from a transport, as an instance of a step does."""
        self.put(data)
        edge.consumed += 1

    def accept_mark(self, sender: object, mark: object) -> None:
        """Let a mark go: a queue keeps records only."""

    def status(self) -> QueueStatus:
        """Return a look at it."""
        return QueueStatus(
            name=self.name, size=self.size(), capacity=self.capacity, is_closed=self._is_closed
        )

    def _can_put(self) -> bool:
        return self._is_closed or len(self._items) < self.capacity


class MockQueueManager:
    """The `QueueManager` of this kernel.

    Args:
        check_open: Raises `KernelClosedError` after the kernel's shutdown.
    """

    def __init__(self, check_open: Callable[[], None]) -> None:
        self._check_open = check_open
        self._lock = threading.Lock()
        self._queues: dict[str, MockQueue] = {}

    def create_queue(self, name: str, capacity: int) -> MockQueue:
        """Make a queue for at most *capacity* (at least 1) items.

        Raises:
            ConfigurationError: The name is taken or the capacity is below 1; nothing changed.
            KernelClosedError: The kernel was shut down.
        """
        self._check_open()
        if capacity < 1:
            raise ConfigurationError(
                f"Queue {name!r}: capacity is a whole number from 1, not {capacity!r}."
            )
        with self._lock:
            if name in self._queues:
                raise ConfigurationError(f"There is a queue named {name!r} already.")
            queue = self._queues[name] = MockQueue(name, capacity)
        return queue

    def get_queue(self, name: str) -> MockQueue:
        """Return the queue of that name.

        Raises:
            ConfigurationError: There is none; the message shows the nearest names.
        """
        with self._lock:
            if name in self._queues:
                return self._queues[name]
            near = get_close_matches(name, self._queues) or sorted(self._queues)
        raise ConfigurationError(
            f"There is no queue named {name!r}. Nearest: {', '.join(near[:5]) or '(none)'}."
        )

    def delete_queue(self, name: str) -> bool:
        """Close and forget a queue. Returns False if there was none."""
        with self._lock:
            queue = self._queues.pop(name, None)
        if queue is not None:
            queue.close()
        return queue is not None

    def list_queues(self) -> list[QueueStatus]:
        """Return one entry per queue, sorted by name."""
        with self._lock:
            return [self._queues[name].status() for name in sorted(self._queues)]

    def close_all(self) -> None:
        """Close and forget all queues; for ``shutdown``."""
        for status in self.list_queues():
            self.delete_queue(status["name"])

    def connect(self, connection: ConnectionInfo, sender_index: int) -> Outlet:
        """Make the way from a context outside of any job to its queues.

        Raises:
            PipelineError: A target is no queue, or cannot be reached that way; all problems are
                listed.
        """
        if problems := self._problems(connection, sender_index):
            raise PipelineError.listing("This connection cannot be made:", problems)
        queues = {name: self.get_queue(name) for name in connection.targets}
        ledger = EdgeLedger("context", ", ".join(connection.targets))
        return Outlet(connection, queues, ledger, sender_index)

    def _problems(self, connection: ConnectionInfo, sender_index: int) -> list[str]:
        strategy, targets = connection.partition_strategy, connection.targets
        problems = [
            f"nothing is called {name!r}: outside of a job records go to queues of the kernel, or "
            "are read from `context.sent`"
            for name in targets
            if name not in self._queues
        ]
        if not targets:
            problems.append("it has no targets")
        if strategy not in PARTITION_STRATEGIES:
            problems.append(f"unknown partition strategy {strategy!r}")
        if strategy == "forward" and targets and sender_index >= len(targets):
            problems.append(f"forward from instance {sender_index} to {len(targets)} targets")
        return problems
