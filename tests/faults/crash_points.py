"""Places in a checkpoint at which a process may be told to kill itself."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.faults.progress import TRACE
from tests.faults.system_calls import die_at

__all__ = ["PLACES", "arm", "arm_call", "crash_point", "watch_store"]

PLACES = (
    "sink-write",
    "sink-pre-commit",
    "store-commit",
    "store-committed",
    "sink-commit",
    "sink-committed",
)

_armed: dict[str, int] = {}
_armed_calls: dict[str, int] = {}


def arm(place: str, count: int) -> None:
    """Kill this process when it comes to *place* for the *count*-th time."""
    _armed[place] = count


def arm_call(call: str, count: int) -> None:
    """Kill this process at its next system call *call*, once it has passed *count* places."""
    if count == 0:
        die_at(call)
    else:
        _armed_calls[call] = count


def crash_point(place: str) -> None:
    """Count one visit."""
    if place in _armed:
        _armed[place] -= 1
        if _armed[place] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    for call in _armed_calls:
        _armed_calls[call] -= 1
        if _armed_calls[call] == 0:
            die_at(call)


def watch_store(kind: Any) -> None:
    """Have the stores of class *kind* tell the trace what they hold, and pass the crash points."""
    open_, load, commit = kind.open, kind.load, kind.commit

    def opened(self: Any, job_name: str) -> Any:
        job = open_(self, job_name)
        TRACE.write("opened", 0 if job.latest is None else job.latest.epoch)
        return job

    def loaded(self: Any, epoch: int | None = None) -> Any:
        job = load(self, epoch)
        TRACE.write("loaded", job.info.epoch)
        return job

    def committed(self: Any, record: Any) -> Any:
        crash_point("store-commit")
        info = commit(self, record)
        crash_point("store-committed")
        return info

    kind.open, kind.load, kind.commit = opened, loaded, committed
