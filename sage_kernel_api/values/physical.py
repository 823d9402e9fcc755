"""How a kernel would run a job: chains of steps, the lanes of their instances, the edges.

Layer: values.
"""

from __future__ import annotations

from dataclasses import dataclass

from sage_kernel_api.values.connections import PartitionStrategy

__all__ = ["PhysicalChain", "PhysicalDescription", "PhysicalEdge"]


@dataclass(frozen=True, slots=True)
class PhysicalChain:
    """Steps that run together: one task for each parallel instance.

    Attributes:
        name: In the kernel's words; unique in the job.
        steps: Ids of the steps, upstream first.
        lanes: Where each instance runs, in the order of the parallel index, in the words of
            `TaskStatus.lane`.
        loop: Number of the feedback loop that it is part of; None for none.
    """

    name: str
    steps: tuple[str, ...]
    lanes: tuple[str, ...]
    loop: int | None = None


@dataclass(frozen=True, slots=True)
class PhysicalEdge:
    """One edge of the pipeline, and how its records travel.

    Attributes:
        upstream: Id of the step that feeds it.
        downstream: Id of the step that it feeds.
        input_index: Which input of *downstream* it feeds, from 0.
        partitioning: How records spread over the instances of *downstream*.
        output: Side output of *upstream*; None for the main one.
        is_feedback: It closes a loop.
        break_reason: Why both steps are not in one chain, as a clause such as
            ``parallelism changes from 1 to 2``; None if they are.
        channels: Between how many pairs of tasks it runs; 0 inside of a chain.
    """

    upstream: str
    downstream: str
    input_index: int
    partitioning: PartitionStrategy
    output: str | None
    is_feedback: bool
    break_reason: str | None
    channels: int


@dataclass(frozen=True, slots=True)
class PhysicalDescription:
    """What a kernel would make of a job; nothing of it runs.

    Attributes:
        name: The pipeline's name.
        kernel: The kernel's name.
        chains: Upstream first, but for loops.
        edges: All edges of the pipeline, by their downstream step.
    """

    name: str
    kernel: str
    chains: tuple[PhysicalChain, ...]
    edges: tuple[PhysicalEdge, ...]
