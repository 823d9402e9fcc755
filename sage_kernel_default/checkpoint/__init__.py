"""Epochs of a job: what they consist of, and where they are kept."""

from sage_kernel_default.checkpoint.ports import CheckpointStore
from sage_kernel_default.checkpoint.values import (
    EpochInfo,
    EpochRecord,
    JsonObject,
    KeyedChanges,
    OpenedJob,
    RestoredJob,
    StepSnapshot,
)

__all__ = [
    "CheckpointStore",
    "EpochInfo",
    "EpochRecord",
    "JsonObject",
    "KeyedChanges",
    "OpenedJob",
    "RestoredJob",
    "StepSnapshot",
]
