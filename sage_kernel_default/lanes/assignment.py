"""Which task runs in which process.

Layer: lanes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sage_kernel_default.graph import PhysicalGraph, TaskSpec

__all__ = ["KERNEL", "Assignment", "assign", "lane_name"]

KERNEL = 0
"""Number of the kernel's own process; lanes count from 1."""


def lane_name(process: int) -> str:
    """Return how status and descriptions call where a task runs."""
    return "thread" if process == KERNEL else f"process {process}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """The process of every task.

    Attributes:
        lane_of: Number of the process by task.
        lanes: How many process lanes there are.
    """

    lane_of: Mapping[TaskSpec, int]
    lanes: int

    def tasks_of(self, process: int) -> list[TaskSpec]:
        """Return the tasks of one process, in the order of the graph."""
        return [spec for spec, lane in self.lane_of.items() if lane == process]


def assign(graph: PhysicalGraph, processes: int) -> Assignment:
    """Spread the tasks that belong in processes over at most *processes* lanes.

    Instances with the same parallel index share a lane, so that a forward edge stays in it.
    Single tasks take turns.
    """
    lane_of: dict[TaskSpec, int] = {}
    singles = used = 0
    for spec in graph.tasks:
        if spec.group.placement != "process":
            lane_of[spec] = KERNEL
            continue
        place = spec.index
        if spec.group.parallelism == 1:
            place, singles = singles, singles + 1
        lane_of[spec] = place % processes + 1
        used = max(used, lane_of[spec])
    return Assignment(lane_of, used)
