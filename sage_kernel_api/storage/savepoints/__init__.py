"""Savepoints: the state of a job in one portable file. Every kernel writes and reads the same.

The format is specified, with test vectors, in ``docs/formats/savepoints.md``.
"""

from sage_kernel_api.communication import owned_groups
from sage_kernel_api.storage.savepoints.plan import (
    OldStep,
    RestorePlan,
    StateSharing,
    StepRestore,
    WantedStep,
    plan_restore,
)
from sage_kernel_api.storage.savepoints.reader import Savepoint, open_savepoint
from sage_kernel_api.storage.savepoints.values import (
    InstanceState,
    KeyedRows,
    SavepointHeader,
    SavepointStep,
    TableSummary,
)
from sage_kernel_api.storage.savepoints.writer import write_savepoint_file

__all__ = [
    "InstanceState",
    "KeyedRows",
    "OldStep",
    "RestorePlan",
    "Savepoint",
    "SavepointHeader",
    "SavepointStep",
    "StateSharing",
    "StepRestore",
    "TableSummary",
    "WantedStep",
    "open_savepoint",
    "owned_groups",
    "plan_restore",
    "write_savepoint_file",
]
