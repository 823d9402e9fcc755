"""How a job would run, in the words of the contract.

Layer: jobs. Pure.
"""

from __future__ import annotations

from collections import Counter

from sage_kernel_api.values import PhysicalChain, PhysicalDescription, PhysicalEdge
from sage_kernel_default.graph import PhysicalGraph, TaskSpec
from sage_kernel_default.lanes import Assignment, lane_name
from sage_kernel_default.plan import Group

__all__ = ["describe_layout"]


def describe_layout(
    kernel: str, graph: PhysicalGraph, assignment: Assignment
) -> PhysicalDescription:
    """Describe a laid out job, on the kernel of that name."""
    tasks: dict[Group, list[TaskSpec]] = {}
    for spec in graph.tasks:
        tasks.setdefault(spec.group, []).append(spec)
    chains = tuple(
        PhysicalChain(
            group.name,
            tuple(group.steps),
            tuple(lane_name(assignment.lane_of[spec]) for spec in specs),
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
