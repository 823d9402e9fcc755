"""What a job has counted: its steps, its edges, and whether the sums are right (promise R5).

Layer: jobs. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sage_kernel_api.values import EdgeStatus, StepStatus
from sage_kernel_default.engine import TaskTimes, edge_status, step_status
from sage_kernel_default.engine.tally import EdgeCounters, StepCounters
from sage_kernel_default.graph import ChannelSpec, PhysicalGraph
from sage_kernel_default.lanes import TaskView

__all__ = ["depths_of", "edges_of", "imbalance", "steps_of"]


def steps_of(graph: PhysicalGraph, tasks: Sequence[TaskView]) -> dict[str, StepStatus]:
    """Sum up the counters of every step over its instances."""
    instances: dict[str, list[StepCounters]] = {}
    times: dict[str, list[TaskTimes]] = {}
    for task in tasks:
        report = task.report
        for step in task.spec.group.steps:
            times.setdefault(step, []).append(report.times)
        for step, counters in report.steps.items():
            instances.setdefault(step, []).append(counters)
    waiting: Counter[str] = Counter()
    for channel, depth in depths_of(graph, tasks).items():
        waiting[channel.edge.downstream] += depth
    steps = {step: step_status(instances.get(step, ())) for step in times}
    for step, status in steps.items():
        status["busy_s"] = sum(one.busy_s for one in times[step])
        status["idle_s"] = sum(one.idle_s for one in times[step])
        status["blocked_s"] = sum(one.blocked_s for one in times[step])
        status["queue_depth"] = waiting[step]
    return steps


def depths_of(graph: PhysicalGraph, tasks: Sequence[TaskView]) -> dict[ChannelSpec, int]:
    """Tell how many records each channel holds: sent by one end, not yet finished at the other.

    The ends may be in different processes, each of which has told its own side only.
    """
    consumed: dict[int, int] = {}
    sent: dict[int, int] = {}
    for task in tasks:
        consumed.update(task.report.consumed)
    for task in tasks:
        sent.update(task.report.sent)
    return {
        channel: max(0, sent.get(channel.number, 0) - consumed.get(channel.number, 0))
        for channel in graph.channels
    }


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
