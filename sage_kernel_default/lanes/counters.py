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
from sage_kernel_default.plan import Edge

__all__ = ["LocalTask", "RemoteTask", "TaskReport", "TaskState", "TaskView", "report_of"]

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
    def report(self) -> TaskReport:
        """Return a look at the task."""


@dataclass(slots=True)
class TaskReport:
    """One look at one task.

    Attributes:
        state: As `Task.state`.
        times: As `Task.times`.
        steps: Counters by step id.
        edges: Counters by position of the edge in the plan.
    """

    state: TaskState = "created"
    times: TaskTimes = field(default_factory=TaskTimes)
    records_in: int = 0
    records_out: int = 0
    queue_depth: int = 0
    steps: Mapping[str, StepCounters] = field(default_factory=dict)
    edges: Mapping[int, EdgeCounters] = field(default_factory=dict)


class LocalTask:
    """A task of this process."""

    def __init__(self, task: Task, edges: Sequence[Edge], lane: str) -> None:
        self.spec = task.assembly.spec
        self.lane = lane
        self._task = task
        self._edges = edges

    @property
    def report(self) -> TaskReport:
        """Return the live counters."""
        return report_of(self._task, self._edges)


class RemoteTask:
    """What the task's lane has last reported."""

    def __init__(self, spec: TaskSpec, lane: int) -> None:
        self.spec = spec
        self.lane = lane_name(lane)
        self.report = TaskReport()


def report_of(task: Task, edges: Sequence[Edge]) -> TaskReport:
    """Look at a task of this process; the counters in it are live."""
    assembly = task.assembly
    return TaskReport(
        task.state,
        task.times,
        assembly.records_in,
        assembly.records_out,
        assembly.queue_depth,
        assembly.steps,
        {
            number: assembly.edges[edge]
            for number, edge in enumerate(edges)
            if edge in assembly.edges
        },
    )


def frozen(report: TaskReport) -> TaskReport:
    """Return the same counts as plain numbers that can travel."""
    steps = {
        step: replace(one, ins=_sum(one.ins), outs=_sum(one.outs))
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
