"""Lanes: what runs the tasks of a job, on threads of this process and in processes of their own.

The fleet is imported when it is first asked for: a lane starts sooner without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sage_kernel_default.lanes.assignment import KERNEL, Assignment, assign, lane_name
from sage_kernel_default.lanes.counters import LocalTask, RemoteTask, Stillness, TaskView
from sage_kernel_default.lanes.driver import Driver, Flow, Pacing, TaskLane, Until
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

if TYPE_CHECKING:
    from sage_kernel_default.lanes.fleet import Fleet

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

if not TYPE_CHECKING:  # a type checker knows the name from above, and must miss all others

    def __getattr__(name: str) -> object:
        """Import what only the kernel's process needs (PEP 562)."""
        if name != "Fleet":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"{__name__}.fleet").Fleet
