"""Lanes: what runs the tasks of a job, on threads of this process and in processes of their own."""

from sage_kernel_default.lanes.assignment import KERNEL, Assignment, assign
from sage_kernel_default.lanes.counters import LocalTask, RemoteTask, TaskView
from sage_kernel_default.lanes.fleet import Fleet
from sage_kernel_default.lanes.lane import Lane
from sage_kernel_default.lanes.layout import pack_layout
from sage_kernel_default.lanes.site import (
    Durable,
    LoopReporter,
    Pacing,
    Site,
    lay_out,
    spread_loops,
)
from sage_kernel_default.lanes.threads import MonotonicClock, ThreadBell, ThreadLane

__all__ = [
    "KERNEL",
    "Assignment",
    "Durable",
    "Fleet",
    "Lane",
    "LocalTask",
    "LoopReporter",
    "MonotonicClock",
    "Pacing",
    "RemoteTask",
    "Site",
    "TaskView",
    "ThreadBell",
    "ThreadLane",
    "assign",
    "lay_out",
    "pack_layout",
    "spread_loops",
]
