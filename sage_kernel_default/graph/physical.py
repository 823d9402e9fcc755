"""The physical graph: groups times parallel instances, joined by channels.

Layer: graph. Pure; a channel is only described here, and made by whoever runs the job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from sage_kernel_api.values import TaskId
from sage_kernel_default.plan import Edge, Group, Grouping, LogicalPlan, group_steps

__all__ = ["ChannelSpec", "PhysicalGraph", "TaskSpec"]


@dataclass(frozen=True, slots=True, eq=False)
class TaskSpec:
    """One task: one parallel instance of one group."""

    id: TaskId
    group: Group
    index: int
    inputs: list[ChannelSpec] = field(default_factory=list)
    outputs: list[ChannelSpec] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSpec:
    """One writer task, one reader task, one edge.

    Attributes:
        number: Position among the channels of the job.
        edge: Whose records it carries.
        writer: The task upstream.
        reader: The task downstream.
        is_loop: Both ends are part of one loop, so its end is found by termination detection.
        is_reserved: It closes the loop: it always takes what it is given, so that a loop
            cannot block itself.
    """

    number: int
    edge: Edge
    writer: TaskSpec
    reader: TaskSpec
    is_loop: bool
    is_reserved: bool


@dataclass(frozen=True, slots=True, eq=False)
class PhysicalGraph:
    """All tasks of a job, upstream first, then by parallel index."""

    plan: LogicalPlan
    grouping: Grouping
    tasks: list[TaskSpec]
    channels: list[ChannelSpec]

    @classmethod
    def from_plan(cls, plan: LogicalPlan, job_id: str) -> PhysicalGraph:
        """Lay *plan* out; task ids begin with *job_id*."""
        grouping = group_steps(plan)
        rows = [
            [
                TaskSpec(TaskId(f"{job_id}/{group.number}.{group.name}/{index}"), group, index)
                for index in range(group.parallelism)
            ]
            for group in grouping.groups
        ]
        channels = list(_channels(grouping, rows))
        for channel in channels:
            channel.writer.outputs.append(channel)
            channel.reader.inputs.append(channel)
        return cls(plan, grouping, [task for row in rows for task in row], channels)


def _channels(grouping: Grouping, rows: list[list[TaskSpec]]) -> Iterator[ChannelSpec]:
    numbers = count()
    for edge in grouping.breaks:
        writers, readers = (
            rows[grouping.group_of[edge.upstream]],
            rows[grouping.group_of[edge.downstream]],
        )
        loop = writers[0].group.loop
        is_loop = loop is not None and loop == readers[0].group.loop
        for writer in writers:
            targets = [readers[writer.index]] if edge.strategy == "forward" else readers
            for reader in targets:
                is_reserved = is_loop and edge.is_feedback
                yield ChannelSpec(next(numbers), edge, writer, reader, is_loop, is_reserved)
