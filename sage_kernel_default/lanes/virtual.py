"""What the simulated world and its actors know of each other.

Layer: lanes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, Protocol

from sage_kernel_default.engine import Clock
from sage_kernel_default.lanes.mishaps import Mishaps

__all__ = ["Actor", "Turn", "VirtualClock", "World"]


class VirtualClock(Clock):
    """Stands still while tasks work, and jumps when all are idle."""

    def __init__(self, start_s: float = 0.0) -> None:
        """Args: start_s: Where it begins; 0 is 1970 on the wall."""
        self._now_s = start_s

    def now_s(self) -> float:
        """Return the virtual seconds that have passed."""
        return self._now_s

    def wall_us(self) -> int:
        """Return the virtual time as microseconds since 1970."""
        return round(self._now_s * 1_000_000)

    def move_to(self, moment_s: float) -> None:
        """Jump ahead; a moment that is over changes nothing."""
        self._now_s = max(self._now_s, moment_s)


class Turn(NamedTuple):
    """One turn of the simulation, as its trace keeps it.

    Attributes:
        now_s: When, in virtual seconds.
        actor: Who: a task or a job.
        outcome: What it came to.
        records_in, records_out: Counters of the task after it; 0 for others.
    """

    now_s: float
    actor: str
    outcome: str
    records_in: int = 0
    records_out: int = 0


class Actor(Protocol):
    """Somebody who gets turns.

    Attributes:
        name: For people.
        due_s: When it wants a turn without being woken: infinity for never.
        held_until_s: It has no turn before: infinity while it is in the middle of one.
        is_lane: It is the lane of a task.
    """

    name: str
    due_s: float
    held_until_s: float
    is_lane: bool

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """True if it was woken, or never slept."""

    @abstractmethod
    def take_turn(self, now_s: float) -> Turn:
        """Do a bounded piece of work; set `due_s` for the next one."""


class World(Protocol):
    """The simulated world, as its actors see it.

    Attributes:
        time: Of the world.
        mishaps: What may go wrong in it.
    """

    time: VirtualClock
    mishaps: Mishaps

    @abstractmethod
    def add(self, actor: Actor) -> None:
        """Give *actor* turns from now on."""

    @abstractmethod
    def remove(self, actor: Actor) -> None:
        """Give it no further turn; nothing happens if it has none."""
