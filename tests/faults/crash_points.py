"""Places in a checkpoint at which a process may be told to kill itself."""

from __future__ import annotations

import os
import signal
from typing import Any

__all__ = ["PLACES", "arm", "crash_point", "watch_store"]

PLACES = (
    "sink-write",
    "sink-pre-commit",
    "store-commit",
    "store-committed",
    "sink-commit",
    "sink-committed",
)

_armed: dict[str, int] = {}


def arm(place: str, count: int) -> None:
    """Kill this process when it comes to *place* for the *count*-th time."""
    _armed[place] = count


def crash_point(place: str) -> None:
    """Count one visit."""
    if place in _armed:
        _armed[place] -= 1
        if _armed[place] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def watch_store(kind: Any) -> None:
    """Have the stores of class *kind* pass the crash points around their commit."""
    commit = kind.commit

    def watched(self: Any, record: Any) -> Any:
        crash_point("store-commit")
        info = commit(self, record)
        crash_point("store-committed")
        return info

    kind.commit = watched
