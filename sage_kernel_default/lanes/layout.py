"""What a process lane is told of its job, and the refusal of what cannot travel.

Layer: lanes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.errors import LaneError, PipelineError, ValueEncodingError
from sage_kernel_api.runnable import Runnable
from sage_kernel_api.storage.state_classes import StateClass, registered_state_classes
from sage_kernel_default.engine import Beginning
from sage_kernel_default.lanes.driver import Pacing
from sage_kernel_default.plan import LogicalPlan
from sage_kernel_default.processes import Encoded, encode

__all__ = ["Layout", "pack_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """All that a lane needs to lay out its share as the kernel did.

    Attributes:
        plan: Of the whole job; steps that stay in the kernel's process cannot be made from it.
        job_id: Of the job.
        processes: As given to `assign`.
        pacing: From the kernel's options.
        log_level: From which the lane's log records travel to the kernel's process.
        beginning: What a job with checkpoints begins with; None for jobs without.
        pickle_key: Of a job with checkpoints, if it has one.
        state_classes: Classes that the program allows in state. A lane may not have run the module
            that registers them, or got them by value.
    """

    plan: LogicalPlan
    job_id: str
    processes: int
    pacing: Pacing
    log_level: int
    beginning: Beginning | None = None
    pickle_key: bytes | None = None
    state_classes: tuple[StateClass, ...] = ()


def pack_layout(
    plan: LogicalPlan,
    job_id: str,
    processes: int,
    pacing: Pacing,
    beginning: Beginning | None = None,
    pickle_key: bytes | None = None,
) -> Encoded:
    """Encode what every lane of a job is told.

    Raises:
        PipelineError: A step or setting cannot travel; all of them are listed.
    """
    steps = {
        step.id: step if step.placement == "process" else replace(step, make=_elsewhere)
        for step in plan.steps.values()
    }
    config = {
        name: value
        for name, value in plan.config.items()
        # A kernel object there chose this kernel; no step reads it.
        if name != "kernel" or isinstance(value, str)
    }
    level = logging.getLogger("sage_kernel").getEffectiveLevel()
    if beginning is not None:
        there = {step.state_id for step in plan.steps.values() if step.placement == "process"}
        mine = {name: saved for name, saved in beginning.steps.items() if name in there}
        beginning = replace(beginning, steps=mine)
    # One that cannot travel is missed only where its objects are kept, and named there.
    classes = [] if beginning is None else registered_state_classes()
    allowed = tuple(entry for entry in classes if _problem(entry) is None)
    told = Layout(
        replace(plan, steps=steps, config=config),
        job_id,
        processes,
        pacing,
        level,
        beginning,
        pickle_key,
        allowed,
    )
    try:
        return encode(told)
    except ValueEncodingError as error:
        problems = list(_problems(told.plan)) or [str(error)]
        raise PipelineError.listing(
            f"The pipeline {plan.name!r} cannot be spread over processes. Keep what is listed "
            'in the kernel\'s process (set_placement("kernel"), or lanes=thread), or make it '
            "picklable:",
            problems,
        ) from error


def _problems(plan: LogicalPlan) -> Iterator[str]:
    for step in plan.steps.values():
        if problem := _problem(step.make):
            function = f" ({step.function})" if step.function else ""
            yield f"step {step.id!r}{function}: {problem}"
    for edge in plan.edges:
        if problem := _problem(edge.partitioner):
            yield f"partitioner of the edge {edge}: {problem}"
    for name, value in plan.config.items():
        if problem := _problem(value):
            yield f"setting {name!r} of the environment: {problem}"


def _problem(value: object) -> str | None:
    try:
        encode(value)
    except ValueEncodingError as error:
        cause = error.__cause__
        return f"{type(cause).__name__}: {cause}"
    return None


def _elsewhere(context: ExecutionContext, /) -> Runnable:
    """Stand in for the factory of a step that another process runs."""
    raise LaneError(f"Step {context.name!r} belongs to another process.")
