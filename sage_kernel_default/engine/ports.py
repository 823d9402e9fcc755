"""What the engine asks of its driver: channels, a doorbell, a clock, a supervisor.

Layer: engine. Protocols only. Thread lanes, process lanes and the simulated lane bring
their own; the engine itself imports no clock, no thread and no file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from sage_kernel_api.values import Payload
from sage_kernel_default.checkpoint.values import StepSnapshot
from sage_kernel_default.engine.marks import Mark

if TYPE_CHECKING:  # brought by those who have one: lanes of a job without checkpoints start sooner
    from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = [
    "DONE",
    "PROGRESSED",
    "Bell",
    "Channel",
    "Clock",
    "Frame",
    "NamedValues",
    "Outcome",
    "Patience",
    "SnapshotDesk",
    "Supervisor",
    "Verdict",
]


class Frame(NamedTuple):
    """Some hundred records on their way; nobody changes the lists any more.

    Attributes:
        values: The records, in order.
        keys: Their keys, as a parallel list; None where the edge needs none.
        times: Their event times in microseconds, as a parallel list; None where they have none.
    """

    values: list[Payload]
    keys: list[Payload] | None
    times: list[int | None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call of ``step()`` came to.

    Attributes:
        kind: ``progressed``: call again; ``idle``: call when the bell rang or *wait_s* is over;
            ``done``: never call again.
        waiting_on: What an idle task waits for, in words.
        wait_s: Longest time to wait; None for without end.
    """

    kind: str
    waiting_on: str = ""
    wait_s: float | None = None


PROGRESSED: Final = Outcome("progressed")
DONE: Final = Outcome("done")


class Bell(Protocol):
    """Wakes one lane. Any thread may ring it."""

    @abstractmethod
    def ring(self) -> None:
        """Make the lane look at its tasks again; a ring before the wait is not lost."""


class Clock(Protocol):
    """Tells the time since some fixed moment."""

    @abstractmethod
    def now_s(self) -> float:
        """Return seconds; never goes backwards."""

    @abstractmethod
    def wall_us(self) -> int:
        """Return microseconds since 1970; may jump, as clocks on walls do."""


class Patience(Bell, Protocol):
    """The bell of a task's own lane, and how the task may wait for it in the middle of a step."""

    @abstractmethod
    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the bell rang; False if this driver cannot wait inside a step."""


class Supervisor(Protocol):
    """The job, as its tasks see it. The flags change at any time, the calls come from lanes."""

    is_released: bool
    """All tasks are open: records may flow."""
    is_paused: bool
    is_stopping: bool
    """The job was cancelled or failed: close and end."""

    @abstractmethod
    def task_opened(self) -> None:
        """Tell that all steps of one more task are open."""

    @abstractmethod
    def task_failed(self, error: BaseException) -> None:
        """Tell why a task failed; may come several times from one task."""


class Channel(Protocol):
    """Frames from one writer task to one reader task, in order.

    Attributes:
        sent: Records ever put.
        consumed: Records that the reader has finished with.
        fitting: How many records a frame should have by the size of the last ones; None for any.
    """

    sent: int
    consumed: int
    fitting: int | None

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """True if the writer has used up its credit; it may still put, and should not."""

    @abstractmethod
    def put(self, frame: Frame) -> None:
        """Hand over a frame. Never waits and never refuses: credit is the writer's duty."""

    @abstractmethod
    def end(self) -> None:
        """Say that no frame will follow."""

    @abstractmethod
    def put_mark(self, mark: Mark) -> None:
        """Hand over a mark, behind all frames so far. It uses no credit and is not counted."""

    @abstractmethod
    def take(self) -> Frame | Mark | None:
        """Return the oldest frame or mark, or None if there is none now."""

    @abstractmethod
    def consume(self, count: int) -> None:
        """Give back the credit of *count* records."""

    @property
    @abstractmethod
    def has_ended(self) -> bool:
        """True once the writer has ended and all was taken."""

    @property
    @abstractmethod
    def is_silent(self) -> bool:
        """True if there is nothing to take and no word of an end; the bell rings when there is."""


@runtime_checkable
class NamedValues(Protocol):
    """A `StateManager` whose values can go into a snapshot."""

    @abstractmethod
    def export_values(self) -> Mapping[str, Payload]:
        """Return all values; to be encoded at once."""

    @abstractmethod
    def import_values(self, values: Mapping[str, Payload]) -> None:
        """Set all values."""


class Verdict(NamedTuple):
    """What the job says of its checkpoints.

    Attributes:
        epoch: The last one that is durable.
        finished: Ids of the tasks whose last snapshot is in it.
        given_up: The last one that the job gave up; 0 for none.
    """

    epoch: int
    finished: frozenset[str]
    given_up: int = 0


class SnapshotDesk(Protocol):
    """The job's checkpoints, as its tasks see them. The attributes change at any time.

    Attributes:
        requested: The latest epoch that the job wants a snapshot for.
        verdict: The latest word on what is durable; a new object each time.
        codec: For users' values.
    """

    requested: int
    verdict: Verdict
    codec: ValueCodec

    @abstractmethod
    def taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Hand in a task's snapshot; from the task's own thread, in order.

        Args:
            task: Its id.
            epoch: Whose snapshot it is; for the final one, what its transactions were told.
            snapshots: One for each step of the task.
            is_final: The task has ended: it is the snapshot of all later epochs, too.
        """
