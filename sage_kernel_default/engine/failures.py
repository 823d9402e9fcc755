"""From an exception in a compiled loop to an error that names step, record and line.

Layer: engine. Runs after the failure only: the happy path pays nothing for it.
"""

from __future__ import annotations

import traceback
from types import CodeType, FrameType

from sage_kernel_api.errors import StepError
from sage_kernel_api.lifecycle import NO_RECORD, step_failure
from sage_kernel_api.values import Payload
from sage_kernel_default.plan import Step

__all__ = ["position_in", "step_error"]


def step_error(
    step: Step, error: BaseException, record: Payload = NO_RECORD, doing: str = "process"
) -> StepError:
    """Build the error of a failed step; its cause is *error*. See `step_failure`."""
    return step_failure(step.id, error, doing=doing, record=record, function=step.function)


def position_in(error: BaseException, code: CodeType) -> tuple[int, FrameType] | None:
    """Return the line and frame of a generated loop that *error* passed through."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code is code:
            return line, frame
    return None
