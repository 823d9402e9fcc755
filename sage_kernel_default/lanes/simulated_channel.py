"""A channel of a simulated world in which things take time to arrive.

Layer: lanes. Frames and marks arrive in order, and so do credits; but those of different channels
overtake each other, as between machines.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from sage_kernel_default.engine import Bell, Channel, Frame, Mark
from sage_kernel_default.lanes.virtual import Actor, Turn, World

__all__ = ["DelayedChannel"]


class Wire(Actor):
    """One direction of a channel: does in order, later, what it is given."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.due_s = math.inf
        self.held_until_s = 0.0
        self.is_lane = False
        self._world = world
        self._under_way: deque[tuple[float, Callable[[], None]]] = deque()

    @property
    def is_ready(self) -> bool:
        """False: nobody can hurry it."""
        return False

    def send(self, arrive: Callable[[], None]) -> None:
        """Do *arrive* after all that was sent before, when it has travelled."""
        now_s = self._world.time.now_s()
        arrival_s = now_s + self._world.mishaps.travel_s()
        if not self._under_way:
            if arrival_s <= now_s:
                arrive()
                return
            self.due_s = arrival_s
            self._world.add(self)
        else:
            arrival_s = max(arrival_s, self._under_way[-1][0])
        self._under_way.append((arrival_s, arrive))

    def take_turn(self, now_s: float) -> Turn:
        """Deliver what has arrived."""
        count = 0
        while self._under_way and self._under_way[0][0] <= now_s:
            self._under_way.popleft()[1]()
            count += 1
        if self._under_way:
            self.due_s = self._under_way[0][0]
        else:
            self.due_s = math.inf
            self._world.remove(self)
        return Turn(now_s, self.name, f"delivered {count}")


class DelayedChannel(Channel):
    """Carry frames in order under a credit of *capacity* records, over two wires."""

    def __init__(
        self, name: str, capacity: int | None, writer: Bell, reader: Bell, world: World
    ) -> None:
        """Args: capacity: Credit in records; None: without bound, for edges that close a loop."""
        self.fitting: int | None = None
        self.sent = 0
        self.consumed = 0
        self._capacity = capacity
        self._credited = 0
        self._arrived: deque[Frame | Mark] = deque()
        self._has_writer_ended = False
        self._writer = writer
        self._reader = reader
        self._there = Wire(f"wire {name}", world)
        self._back = Wire(f"wire {name} back", world)

    @property
    def is_full(self) -> bool:
        """True if the writer has used up the credit that it knows of."""
        return self._capacity is not None and self.sent - self._credited >= self._capacity

    def put(self, frame: Frame) -> None:
        """Hand over a frame."""
        self.sent += len(frame.values)
        self._there.send(lambda: self._arrive(frame))

    def put_mark(self, mark: Mark) -> None:
        """Hand over a mark."""
        self._there.send(lambda: self._arrive(mark))

    def end(self) -> None:
        """Say that no frame will follow."""
        self._there.send(self._arrive_end)

    def _arrive(self, item: Frame | Mark) -> None:
        self._arrived.append(item)
        self._reader.ring()

    def _arrive_end(self) -> None:
        self._has_writer_ended = True
        self._reader.ring()

    def take(self) -> Frame | Mark | None:
        """Return the oldest frame or mark that has arrived, or None."""
        return self._arrived.popleft() if self._arrived else None

    def consume(self, count: int) -> None:
        """Give back the credit of *count* records."""
        self.consumed += count
        self._back.send(lambda: self._credit(count))

    def _credit(self, count: int) -> None:
        was_full = self.is_full
        self._credited += count
        if was_full:
            self._writer.ring()

    @property
    def has_ended(self) -> bool:
        """True once the end has arrived and all was taken."""
        return self._has_writer_ended and not self._arrived

    @property
    def is_silent(self) -> bool:
        """True if nothing is here, and no word of an end."""
        return not (self._arrived or self._has_writer_ended)
