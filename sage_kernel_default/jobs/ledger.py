"""What a job has counted: its steps, its edges, and whether the sums are right (promise R5).

Layer: jobs. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sage_kernel_api.values import EdgeStatus, StepStatus
from sage_kernel_default.engine import edge_status, step_status
from sage_kernel_default.engine.tally import EdgeCounters, StepCounters
from sage_kernel_default.graph import PhysicalGraph
from sage_kernel_default.lanes import TaskView

__all__ = ["edges_of", "imbalance", "steps_of"]


def steps_of(tasks: Sequence[TaskView]) -> dict[str, StepStatus]:
    """Sum up the counters of every step over its instances."""
    instances: dict[str, list[StepCounters]] = {}
    for task in tasks:
        for step, counters in task.report.steps.items():
            instances.setdefault(step, []).append(counters)
    return {step: step_status(counters) for step, counters in instances.items()}


def edges_of(graph: PhysicalGraph, tasks: Sequence[TaskView], *, is_live: bool) -> list[EdgeStatus]:
    """Sum up the ledger of every edge over its instances.

    Args:
        graph: Of the job.
        tasks: Of the job.
        is_live: Whether the tasks still run. Processes are then looked at one after the other,
            and what one has consumed was produced, even if the other has not told so yet.
    """
    parts: list[list[EdgeCounters]] = [[] for _ in graph.plan.edges]
    for task in tasks:
        for number, counters in task.report.edges.items():
            parts[number].append(counters)
    edges = [
        edge_status(edge.upstream, edge.downstream, counters)
        for edge, counters in zip(graph.plan.edges, parts, strict=True)
    ]
    for status in edges if is_live else ():
        missing = max(0, -status["in_flight"])
        status["produced"] += missing
        status["in_flight"] += missing
    return edges


def imbalance(edges: Iterable[EdgeStatus]) -> list[str]:
    """Name the edges on which records are left after a normal end."""
    return [
        f"{edge['upstream']} -> {edge['downstream']}: produced {edge['produced']}, "
        f"consumed {edge['consumed']}, dropped {edge['dropped']}, "
        f"dead-lettered {edge['dead_lettered']}"
        for edge in edges
        if edge["in_flight"]
    ]
