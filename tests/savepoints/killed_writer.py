"""Write savepoints and be killed on the way; look at what is left.

A program of its own, ``python killed_writer.py FOLDER``: it has one thread, so it may fork. Each
fork writes one savepoint and is killed, by SIGKILL, before or after its n-th call to the disk; n
counts up until a fork comes through untouched. Prints as JSON, for each kill, what the folder then
holds: under the final name, and beside it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.storage.savepoints import (
    InstanceState,
    SavepointHeader,
    open_savepoint,
    write_savepoint_file,
)
from sage_kernel_api.storage.savepoints.files import PosixSavepointFiles

_HEADER = SavepointHeader("job", "test", 7, 0.0, {"step": 1})
_MOST_CALLS = 100


class Killer:
    """Ends the process before or after its n-th call to the disk."""

    def __init__(self, at: int, *, is_after: bool) -> None:
        self._left = at
        self._is_after = is_after

    def watch(self) -> None:
        """Watch every call from which on the disk holds something else."""
        for name in ("link", "unlink", "fsync", "open", "close"):
            setattr(os, name, self._watched(getattr(os, name)))
        for name in ("create", "write", "close"):
            setattr(PosixSavepointFiles, name, self._watched(getattr(PosixSavepointFiles, name)))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            is_due = self._left == 0
            if is_due and not self._is_after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args, **kwargs)
            if is_due:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return watched


def write(path: Path, value: bytes) -> None:
    """Write a savepoint that says *value*."""
    write_savepoint_file(path, _HEADER, [InstanceState("step", 0, {"x": value})])


def read(path: Path) -> str:
    """Return what the savepoint says; ``none``, or ``damaged``."""
    if not path.exists():
        return "none"
    try:
        return open_savepoint(path).steps["step"].instances[0].operator["x"].decode()
    except CheckpointError:
        return "damaged"


def main(folder: Path) -> None:
    """Kill one fork after the other."""
    report = []
    for is_after in (False, True):
        for at in range(1, _MOST_CALLS):
            place = folder / f"{at}-{is_after}"
            place.mkdir()
            write(place / "old", b"old")
            if _write_and_die(place / "new", at, is_after=is_after):
                break
            beside = sorted(path.name for path in place.iterdir() if path.name.startswith("."))
            entry = {"new": read(place / "new"), "old": read(place / "old"), "beside": beside}
            # Whoever finds none tries again, whatever was left.
            if entry["new"] == "none":
                write(place / "new", b"new")
            entry["again"] = read(place / "new")
            report.append(entry)
    print(json.dumps(report))


def _write_and_die(path: Path, at: int, *, is_after: bool) -> bool:
    """Return True if the fork came through."""
    child = os.fork()
    if child == 0:
        Killer(at, is_after=is_after).watch()
        write(path, b"new")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
