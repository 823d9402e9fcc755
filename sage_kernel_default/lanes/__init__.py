"""Lanes: what runs the tasks of a job, on threads of this process and in processes of their own."""

from sage_kernel_default.lanes.assignment import KERNEL, Assignment, assign, lane_name
from sage_kernel_default.lanes.counters import LocalTask, RemoteTask, Stillness, TaskView
from sage_kernel_default.lanes.driver import Driver, Flow, Pacing, TaskLane, Until
from sage_kernel_default.lanes.fleet import Fleet
from sage_kernel_default.lanes.lane import Lane
from sage_kernel_default.lanes.layout import pack_layout
from sage_kernel_default.lanes.site import (
    Durable,
    LoopReporter,
    Site,
    lay_out,
    spread_loops,
)
from sage_kernel_default.lanes.threads import ThreadDriver

__all__ = [
    "KERNEL",
    "Assignment",
    "Driver",
    "Durable",
    "Fleet",
    "Flow",
    "Lane",
    "LocalTask",
    "LoopReporter",
    "Pacing",
    "RemoteTask",
    "Site",
    "Stillness",
    "TaskLane",
    "TaskView",
    "ThreadDriver",
    "Until",
    "assign",
    "lane_name",
    "lay_out",
    "pack_layout",
    "spread_loops",
]
