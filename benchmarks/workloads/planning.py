"""`plan`: from 10,000 described steps to the default kernel's physical graph; nothing runs.

The hand-written side makes a dictionary per step, the least that describing them could cost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks import sage
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_default.graph import PhysicalGraph
from sage_kernel_default.plan import LogicalPlan

__all__ = ["cases"]

_STEPS_PER_TASK = 10


def cases(kernel: str) -> Sequence[Case]:
    """Return the only form; the stages are those of the default kernel, whatever *kernel* says."""
    sides = (LocalSide(HAND, _hand), LocalSide(SAGE, _sage))
    return (
        Case(
            "plan",
            "chain",
            sides,
            10_000,
            200,
            unit="steps",
            measure="time",
            repetitions=1,
            aims=(Aim(against=None, detail="plan_s", at_most=2.0),),
            scales=False,
        ),
    )


def _hand(size: int) -> Sample:
    start = time.perf_counter()
    steps = [{"id": number, "upstreams": [number - 1]} for number in range(size)]
    return Sample(time.perf_counter() - start, len(steps), str(size))


def _sage(size: int) -> Sample:
    with sage.environment("default") as environment:
        start = time.perf_counter()
        stream = environment.from_collection([0])
        for number in range(size):
            # Every tenth step is wider: chains break there, so there is a graph to plan.
            parallelism = 1 + number // _STEPS_PER_TASK % 2
            stream = stream.map(sage.AddOne, parallelism=parallelism)
        stream.sink(print)
        built = time.perf_counter()
        plan = LogicalPlan.from_config(environment.build_pipeline_config())
        PhysicalGraph.from_plan(plan, "job")
        planned = time.perf_counter()
    details = {"build_s": built - start, "plan_s": planned - built}
    return Sample(planned - start, size, str(len(plan.steps) - 2), details)
