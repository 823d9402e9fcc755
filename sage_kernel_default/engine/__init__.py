"""The engine: compiled chains, frames, tasks as step functions. Public for other kernels.

It gets clock, spawner and channels passed in, and imports no thread, time or file module.
"""

from sage_kernel_default.engine.assembly import Assembly
from sage_kernel_default.engine.context import StepContext, Surroundings
from sage_kernel_default.engine.marks import MAX_WATERMARK, Barrier, Mark, Watermark
from sage_kernel_default.engine.pacing import Pace, Pacer
from sage_kernel_default.engine.ports import (
    DONE,
    PROGRESSED,
    Bell,
    Channel,
    Clock,
    Frame,
    Outcome,
    Patience,
    SnapshotDesk,
    Supervisor,
    Verdict,
)
from sage_kernel_default.engine.snapshots import Beginning
from sage_kernel_default.engine.tally import edge_status, step_status
from sage_kernel_default.engine.task import Task, TaskTimes
from sage_kernel_default.engine.termination import LoopMonitor

__all__ = [
    "DONE",
    "MAX_WATERMARK",
    "PROGRESSED",
    "Assembly",
    "Barrier",
    "Beginning",
    "Bell",
    "Channel",
    "Clock",
    "Frame",
    "LoopMonitor",
    "Mark",
    "Outcome",
    "Pace",
    "Pacer",
    "Patience",
    "SnapshotDesk",
    "StepContext",
    "Supervisor",
    "Surroundings",
    "Task",
    "TaskTimes",
    "Verdict",
    "Watermark",
    "edge_status",
    "step_status",
]
