"""What drives tasks and jobs: their turns, their time, and the sizes of their frames.

Layer: lanes. Protocols only. Threads are one driver (`lanes.threads`), the seeded simulation
another (`lanes.simulated`); the tasks, channels and jobs are the same under both.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition
from typing import Protocol, TypeVar

from sage_kernel_default.engine import Bell, Channel, Clock, Pacer, Patience, Task
from sage_kernel_default.lanes.lane import Lane

__all__ = ["Driver", "Flow", "Pacing", "TaskLane", "Until", "nothing"]

T = TypeVar("T")


def nothing() -> None:
    """Do nothing: for those who need not know."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How much is taken and kept at once; from the kernel's options."""

    frame_size: int
    flush_s: float
    channel_capacity: int
    patient_s: float = 0.0
    """See `Pace`."""
    local_capacity: int | None = None
    """The same between two tasks of one process; None for `channel_capacity` there, too."""


@dataclass(frozen=True, slots=True)
class Until:
    """What a flow waits for: *is_over*, or *timeout_s* seconds if that is shorter."""

    is_over: Callable[[], bool]
    timeout_s: float | None = None


class Flow(Protocol):
    """A course of events that runs no user code and waits now and then: the life of a job."""

    @property
    @abstractmethod
    def is_current(self) -> bool:
        """True if the caller is part of it: such a one must not wait for it."""

    @property
    @abstractmethod
    def has_ended(self) -> bool:
        """True once it has come to its end; `wait` then does not wait for long."""

    @abstractmethod
    def start(self) -> None:
        """Begin; does not wait."""

    @abstractmethod
    def wait(self, timeout_s: float | None) -> bool:
        """Wait until it has ended and nothing of it is left.

        Returns:
            False if it still goes on after *timeout_s*.
        """


class TaskLane(Lane, Protocol):
    """A lane of one task.

    Attributes:
        bell: Wakes the lane.
        task: Set before `start`.
    """

    bell: Patience
    task: Task | None

    @property
    @abstractmethod
    def turns(self) -> int:
        """Return a number that grows whenever the lane begins to wait."""

    @property
    @abstractmethod
    def is_resting(self) -> bool:
        """True if it waits for its bell, which nobody has rung, and for no moment in time."""


class Driver(Protocol):
    """Makes what gives tasks and jobs their turns.

    Attributes:
        clock: Of all that it drives.
        lane_name: What status shows as the lane of its tasks.
        look_every_s: How often a job should look whether it is stuck.
    """

    clock: Clock
    lane_name: str
    look_every_s: float

    @abstractmethod
    def make_lane(self, name: str, ended: Callable[[], None]) -> TaskLane:
        """Make a lane for one task; *ended* is called once, when the task has ended."""

    @abstractmethod
    def make_pace(self, name: str, pacing: Pacing) -> Pacer:
        """Make what decides how many records the task of that name takes at once."""

    @abstractmethod
    def make_channel(self, name: str, capacity: int | None, writer: Bell, reader: Bell) -> Channel:
        """Make a channel between two tasks of this process.

        Args:
            name: For people.
            capacity: Credit in records; None: without bound, for edges that close a loop.
            writer: Rung when there is room again.
            reader: Rung when something has come.
        """

    @abstractmethod
    def result(self, future: Future[T], timeout_s: float | None) -> T:
        """Wait for a future that a flow or task will end; for callers outside of them.

        Raises:
            TimeoutError: It had not ended after *timeout_s*.
            Exception: What it ended with.
        """

    @abstractmethod
    def make_flow(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        changed: Condition,
        ended: Callable[[], None] = nothing,
    ) -> Flow:
        """Make a flow.

        Args:
            name: For people.
            life: Runs to its end; yields what to wait for. Must not raise.
            changed: Notified whenever something of what it waits for may have changed.
            ended: Called once, after its end.
        """
