"""Values that travel between users, contracts and kernels: ids, records, capabilities, status.

Layer: values. Depends on nothing but the errors.
"""

from sage_kernel_api.values.capability import API_VERSION, Capability
from sage_kernel_api.values.connections import (
    PARTITION_STRATEGIES,
    ConnectionInfo,
    Partitioner,
    PartitionStrategy,
)
from sage_kernel_api.values.ids import CheckpointId, JobId, StepId, TaskId
from sage_kernel_api.values.physical import PhysicalChain, PhysicalDescription, PhysicalEdge
from sage_kernel_api.values.records import (
    DEAD_LETTER_OUTPUT,
    NONE_KEY,
    DeadLetter,
    NoneKey,
    Packet,
    Payload,
    StopSignal,
)
from sage_kernel_api.values.simulation import SimulationReport
from sage_kernel_api.values.status import (
    TERMINAL_STATES,
    EdgeStatus,
    JobCheckpoints,
    JobState,
    JobStatus,
    StepStatus,
)

__all__ = [
    "API_VERSION",
    "DEAD_LETTER_OUTPUT",
    "NONE_KEY",
    "PARTITION_STRATEGIES",
    "TERMINAL_STATES",
    "Capability",
    "CheckpointId",
    "ConnectionInfo",
    "DeadLetter",
    "EdgeStatus",
    "JobId",
    "JobCheckpoints",
    "JobState",
    "JobStatus",
    "NoneKey",
    "Packet",
    "PartitionStrategy",
    "Partitioner",
    "Payload",
    "PhysicalChain",
    "PhysicalDescription",
    "PhysicalEdge",
    "SimulationReport",
    "StepId",
    "StepStatus",
    "StopSignal",
    "TaskId",
]
