"""Named bounded queues of the contract, and a look at the channels of running jobs.

Layer: channels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NoReturn

from sage_kernel_api.communication import Queue, QueueManager, QueueStatus
from sage_kernel_api.errors import ChannelClosedError, ChannelTimeoutError, ConfigurationError
from sage_kernel_api.values import Payload
from sage_kernel_default.channels.local import LocalChannel
from sage_kernel_default.engine.ports import Bell, Frame

__all__ = ["BoundedQueue", "ChannelView", "LocalQueueManager"]


class _Silent(Bell):
    def ring(self) -> None:
        """Do nothing: the queue's condition wakes both sides."""


class BoundedQueue(Queue):
    """A channel that any thread may use: one lock around it, and waiting on both sides."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.is_closed = False
        self._changed = threading.Condition()
        self._channel = LocalChannel(capacity, _Silent(), _Silent())

    def put(self, item: Payload, *, timeout_s: float | None = None) -> None:
        """Append *item*, waiting for room."""
        with self._changed:
            # Closing wakes a waiting writer: it must not hang behind a full queue.
            if not self._changed.wait_for(self._can_put, timeout_s):
                raise ChannelTimeoutError(
                    f"Queue {self.name!r} stayed full ({self.capacity} items) for {timeout_s} s. "
                    "Read it faster, or make it larger."
                )
            if self.is_closed:
                raise ChannelClosedError(f"Queue {self.name!r} is closed; the item was not stored.")
            self._channel.put(Frame([item], None))
            self._changed.notify_all()

    def get(self, *, timeout_s: float | None = None) -> Payload:
        """Take the oldest item, waiting for one."""
        with self._changed:
            if not self._changed.wait_for(self._can_get, timeout_s):
                raise ChannelTimeoutError(f"Queue {self.name!r} stayed empty for {timeout_s} s.")
            frame = self._channel.take()
            if not isinstance(frame, Frame):  # nobody puts marks into a queue
                raise ChannelClosedError(f"Queue {self.name!r} is closed and empty.")
            self._channel.consume(1)
            self._changed.notify_all()
            return frame.values[0]

    def close(self) -> None:
        """Refuse further items and wake all who wait."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def size(self) -> int:
        """Return the number of items stored at this moment."""
        return self._channel.sent - self._channel.consumed

    def _can_put(self) -> bool:
        return self.is_closed or not self._channel.is_full

    def _can_get(self) -> bool:
        return self.is_closed or self.size() > 0


class ChannelView(Queue):
    """A channel of a running job: to be looked at only, or its ledger would not balance."""

    is_closed = False

    def __init__(self, name: str, size: int, capacity: int) -> None:
        """Args: capacity: In records; 0 for without bound."""
        self.name = name
        self.capacity = capacity
        self._size = size

    def put(self, item: Payload, *, timeout_s: float | None = None) -> NoReturn:
        """Refuse."""
        raise self._refusal()

    def get(self, *, timeout_s: float | None = None) -> NoReturn:
        """Refuse."""
        raise self._refusal()

    def close(self) -> None:
        """Do nothing: its job closes it."""

    def size(self) -> int:
        """Return how many records it held when it was looked for."""
        return self._size

    def _refusal(self) -> ChannelClosedError:
        return ChannelClosedError(
            f"{self.name!r} is a channel of a running job, and carries only what its tasks send. "
            "Make a queue of your own with create_queue()."
        )


class LocalQueueManager(QueueManager):
    """The named queues of one kernel, and the channels of its running jobs."""

    def __init__(
        self,
        check_open: Callable[[], None],
        channels: Callable[[], Mapping[str, ChannelView]],
    ) -> None:
        """Take what the kernel has.

        Args:
            check_open: Raises `KernelClosedError` once the kernel was shut down.
            channels: Looks at the channels of the running jobs.
        """
        self._check_open = check_open
        self._channels = channels
        self._lock = threading.Lock()
        self._queues: dict[str, BoundedQueue] = {}

    def create_queue(self, name: str, capacity: int) -> BoundedQueue:
        """Make a queue for at most *capacity* items."""
        self._check_open()
        if capacity < 1:
            raise ConfigurationError(
                f"Queue {name!r}: capacity is a whole number from 1, not {capacity!r}."
            )
        with self._lock:
            if name in self._queues:
                raise ConfigurationError(f"There is a queue named {name!r} already.")
            queue = self._queues[name] = BoundedQueue(name, capacity)
            return queue

    def get_queue(self, name: str) -> BoundedQueue | ChannelView:
        """Return the queue of that name."""
        with self._lock:
            if name in self._queues:
                return self._queues[name]
        channels = self._channels()
        if name in channels:
            return channels[name]
        known = [*self._queues, *channels]
        near = get_close_matches(str(name), known) or sorted(known)[:5]
        raise ConfigurationError(
            f"There is no queue named {name!r}. Nearest: {', '.join(near) or 'there are none'}."
        )

    def delete_queue(self, name: str) -> bool:
        """Close and forget a queue."""
        with self._lock:
            queue = self._queues.pop(name, None)
        if queue is None and name in self._channels():
            raise ConfigurationError(
                f"{name!r} is a channel of a running job; cancel the job instead."
            )
        if queue is not None:
            queue.close()
        return queue is not None

    def list_queues(self) -> list[QueueStatus]:
        """Return one entry per queue, sorted by name."""
        with self._lock:
            queues: list[BoundedQueue | ChannelView] = list(self._queues.values())
        queues.extend(self._channels().values())
        return [
            QueueStatus(name=q.name, size=q.size(), capacity=q.capacity, is_closed=q.is_closed)
            for q in sorted(queues, key=lambda queue: queue.name)
        ]

    def close(self) -> None:
        """Close and forget all queues."""
        with self._lock:
            own = list(self._queues)
        for name in own:
            self.delete_queue(name)
