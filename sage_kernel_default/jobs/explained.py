"""How a job would run, in the words of the contract.

Layer: jobs. Pure.
"""

from __future__ import annotations

from collections import Counter

from sage_kernel_api.values import PhysicalChain, PhysicalDescription, PhysicalEdge
from sage_kernel_default.graph import PhysicalGraph, TaskSpec
from sage_kernel_default.lanes import KERNEL, Assignment, lane_name
from sage_kernel_default.plan import Group

__all__ = ["describe_layout"]


def describe_layout(
    kernel: str, home: str, graph: PhysicalGraph, assignment: Assignment
) -> PhysicalDescription:
    """Describe a laid out job.

    Args:
        kernel: Name of the kernel.
        home: What the lanes of its own process are called.
        graph: Of the job.
        assignment: Of the tasks to processes.
    """
    tasks: dict[Group, list[TaskSpec]] = {}
    for spec in graph.tasks:
        tasks.setdefault(spec.group, []).append(spec)
    chains = tuple(
        PhysicalChain(
            group.name,
            tuple(group.steps),
            tuple(_lane(home, assignment.lane_of[spec]) for spec in specs),
            group.loop,
        )
        for group, specs in tasks.items()
    )
    channels = Counter(channel.edge for channel in graph.channels)
    breaks = graph.grouping.breaks
    edges = tuple(
        PhysicalEdge(
            edge.upstream,
            edge.downstream,
            edge.index,
            edge.strategy,
            edge.output,
            edge.is_feedback,
            breaks.get(edge),
            channels[edge],
        )
        for edge in graph.plan.edges
    )
    return PhysicalDescription(graph.plan.name, kernel, chains, edges)


def _lane(home: str, process: int) -> str:
    return home if process == KERNEL else lane_name(process)
