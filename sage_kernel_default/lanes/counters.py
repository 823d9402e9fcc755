"""The counters of tasks in other processes: what travels, and what stands for the task here.

Layer: lanes. Pure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

from sage_kernel_default.engine import Task, TaskTimes
from sage_kernel_default.engine.tally import EdgeCounters, Place, StepCounters, total
from sage_kernel_default.graph import TaskSpec
from sage_kernel_default.lanes.assignment import lane_name
from sage_kernel_default.lanes.channel import RemoteChannel
from sage_kernel_default.lanes.driver import TaskLane
from sage_kernel_default.plan import Edge

__all__ = [
    "LocalTask",
    "RemoteTask",
    "Stillness",
    "TaskReport",
    "TaskState",
    "TaskView",
    "report_of",
]

TaskState: TypeAlias = Literal["created", "running", "done", "failed"]


class TaskView(Protocol):
    """A running task as the job's status shows it, wherever it runs."""

    @property
    @abstractmethod
    def spec(self) -> TaskSpec:
        """Return which task it is."""

    @property
    @abstractmethod
    def lane(self) -> str:
        """Return ``thread``, or ``process N``."""

    @property
    @abstractmethod
    def is_local(self) -> bool:
        """Tell whether it runs in the kernel's process, so that a look is up to date."""

    @property
    @abstractmethod
    def report(self) -> TaskReport:
        """Return a look at the task."""


@dataclass(frozen=True, slots=True)
class Stillness:
    """Whether a task can move by itself, and what must not have changed while it could not.

    Attributes:
        is_still: It has ended, or only the ring of another task can wake it.
        turns: As `TaskLane.turns`.
        waiting_on: What it waits for, in words; empty if it does not wait so.
        waits_for: Ids of the tasks that could wake it.
        posted, arrived: Messages of its channels to and from other processes.
    """

    is_still: bool = False
    turns: int = 0
    waiting_on: str = ""
    waits_for: tuple[str, ...] = ()
    posted: int = 0
    arrived: int = 0


@dataclass(slots=True)
class TaskReport:
    """One look at one task.

    Attributes:
        state: As `Task.state`.
        times: As `Task.times`.
        steps: Counters by step id.
        edges: Counters by position of the edge in the plan.
        sent: Records ever put into its output channels, by their numbers.
        consumed: Records it has finished with, by the numbers of its input channels.
        stillness: Whether it can move by itself.
    """

    state: TaskState = "created"
    times: TaskTimes = field(default_factory=TaskTimes)
    records_in: int = 0
    records_out: int = 0
    steps: Mapping[str, StepCounters] = field(default_factory=dict)
    edges: Mapping[int, EdgeCounters] = field(default_factory=dict)
    sent: Mapping[int, int] = field(default_factory=dict)
    consumed: Mapping[int, int] = field(default_factory=dict)
    stillness: Stillness = field(default_factory=Stillness)


class LocalTask:
    """A task of this process."""

    is_local = True

    def __init__(self, task: Task, edges: Sequence[Edge], driven: TaskLane, lane: str) -> None:
        """Args: lane: As status shows *driven*."""
        self.spec = task.assembly.spec
        self.lane = lane
        self._task = task
        self._edges = edges
        self._driven = driven

    @property
    def report(self) -> TaskReport:
        """Return the live counters."""
        return report_of(self._task, self._edges, self._driven)


class RemoteTask:
    """What the task's lane has last reported."""

    is_local = False

    def __init__(self, spec: TaskSpec, lane: int) -> None:
        self.spec = spec
        self.lane = lane_name(lane)
        self.report = TaskReport()


def report_of(task: Task, edges: Sequence[Edge], lane: TaskLane) -> TaskReport:
    """Look at a task of this process; the counters in it are live."""
    assembly, channels = task.assembly, task.assembly.channels
    # What was consumed is read first: a channel must never seem to hold less than nothing.
    consumed = {spec.number: channels[spec].consumed for spec in assembly.spec.inputs}
    return TaskReport(
        task.state,
        task.times,
        assembly.records_in,
        assembly.records_out,
        assembly.steps,
        {
            number: assembly.edges[edge]
            for number, edge in enumerate(edges)
            if edge in assembly.edges
        },
        {spec.number: channels[spec].sent for spec in assembly.spec.outputs},
        consumed,
        _stillness(task, lane),
    )


def _stillness(task: Task, lane: TaskLane) -> Stillness:
    turns = lane.turns  # first: a turn that ends during this look must not be missed
    assembly = task.assembly
    inputs, outputs = assembly.spec.inputs, assembly.spec.outputs
    ends = [assembly.channels[spec] for spec in (*inputs, *outputs)]
    remote = [end for end in ends if isinstance(end, RemoteChannel)]
    posted, arrived = sum(end.posts for end in remote), sum(end.arrivals for end in remote)
    if lane.has_ended:
        return Stillness(is_still=True, turns=turns, posted=posted, arrived=arrived)
    waiting_on = task.waiting_on
    is_served = task.has_open_calls or task.waits_for_commit
    if not lane.is_resting or not waiting_on or is_served:
        return Stillness(turns=turns, posted=posted, arrived=arrived)
    channels = assembly.channels
    writers = [spec.writer.id for spec in inputs if not channels[spec].has_ended]
    readers = [spec.reader.id for spec in outputs if channels[spec].is_full]
    waits_for = tuple(readers or writers)
    return Stillness(True, turns, waiting_on, waits_for, posted, arrived)


def frozen(report: TaskReport) -> TaskReport:
    """Return the same counts as plain numbers that can travel."""
    steps = {
        step: replace(
            one, ins=_sum(one.ins), outs=_sum(one.outs), late=_sum(one.late) if one.late else []
        )
        for step, one in report.steps.items()
    }
    edges = {number: _frozen_edge(one) for number, one in report.edges.items()}
    return replace(report, times=replace(report.times), steps=steps, edges=edges)


def _frozen_edge(one: EdgeCounters) -> EdgeCounters:
    consumed = _sum(one.consumed)
    sent = sum(channel.sent for channel in one.channels)
    produced: list[Place] = [([total(one.produced) + sent], 0)]
    return replace(one, consumed=consumed, produced=produced, channels=[])


def _sum(places: list[Place]) -> list[Place]:
    return [([total(places)], 0)]
