"""Named bounded queues.

Layer: communication. The seed names this module and leaves it empty; the interface is ours.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, TypedDict

from sage_kernel_api.values import Payload

__all__ = ["Queue", "QueueManager", "QueueStatus"]


class QueueStatus(TypedDict):
    """One look at a queue; sizes in items, capacity 0 for one without bound."""

    name: str
    size: int
    capacity: int
    is_closed: bool


class Queue(Protocol):
    """A bounded first-in-first-out queue. Any thread may use it."""

    @abstractmethod
    def put(self, item: Payload, *, timeout_s: float | None = None) -> None:
        """Append *item*, waiting for room (without end if *timeout_s* is None).

        Raises:
            ChannelClosedError: The queue is or gets closed. *item* was not stored.
            ChannelTimeoutError: Still full after *timeout_s*. *item* was not stored.
        """

    @abstractmethod
    def get(self, *, timeout_s: float | None = None) -> Payload:
        """Take the oldest item, waiting for one (without end if *timeout_s* is None).

        Raises:
            ChannelClosedError: The queue is closed and empty.
            ChannelTimeoutError: Still empty after *timeout_s*.
        """

    @abstractmethod
    def close(self) -> None:
        """Refuse further items and wake all who wait; what is stored stays readable. Idempotent."""

    @abstractmethod
    def size(self) -> int:
        """Return the number of items stored at this moment."""


class QueueManager(Protocol):
    """Make, find and remove named queues. Any thread may use it.

    A kernel may show the channels of its running jobs beside them, under names of its own. Such
    a queue tells its size; it belongs to its job, so ``put`` and ``get`` raise
    `ChannelClosedError`, ``close`` does nothing, and it cannot be deleted.
    """

    @abstractmethod
    def create_queue(self, name: str, capacity: int) -> Queue:
        """Make a queue for at most *capacity* (at least 1) items.

        Raises:
            ConfigurationError: The name is taken or the capacity is below 1; nothing changed.
        """

    @abstractmethod
    def get_queue(self, name: str) -> Queue:
        """Return the queue of that name.

        Raises:
            ConfigurationError: There is none; the message shows the nearest names.
        """

    @abstractmethod
    def delete_queue(self, name: str) -> bool:
        """Close and forget a queue. Returns False if there was none.

        Raises:
            ConfigurationError: It is a channel of a running job; nothing changed.
        """

    @abstractmethod
    def list_queues(self) -> list[QueueStatus]:
        """Return one entry per queue, sorted by name."""
