"""Names of things, as types of their own, so that mypy keeps them apart.

Layer: values. Ids are keys, never paths: any text is legal, nothing is derived from it.
"""

from __future__ import annotations

from typing import NewType

__all__ = ["CheckpointId", "JobId", "StepId", "TaskId"]

JobId = NewType("JobId", str)
"""One submission of one pipeline."""

StepId = NewType("StepId", str)
"""One described step (transformation), unique in its pipeline."""

TaskId = NewType("TaskId", str)
"""One running chain of operators on one lane."""

CheckpointId = NewType("CheckpointId", str)
"""One consistent snapshot of a job's state."""
