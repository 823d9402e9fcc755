"""The process that is killed: forked by a template that has all imports done, or by itself.

``python -m tests.faults.program`` reads one JSON command a line from standard input. Each is the
run of one job in a fork of its own, which has one thread until then; the answers are its process
id, and how it ended. The hash seed of a run is that of the template it was forked from.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from sage_kernel_api import FixedDelay, LocalEnvironment
from sage_kernel_api.plugins import add_observer, hookimpl
from sage_kernel_api.plugins.resolve import resolve_kernel
from sage_kernel_default import facade, plugin
from sage_kernel_default.checkpoint import real_disk
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore
from tests.faults.crash_points import arm, arm_call, watch_store
from tests.faults.progress import TRACE
from tests.faults.workloads import WORKLOADS

__all__ = ["main", "run"]

# What a run would import: done once, before the forks.
_PRELOADED = (facade, plugin, real_disk, resolve_kernel)


class _Note:
    """Writes down, outside of the kernel, what the kernel has promised."""

    @hookimpl
    def sage_checkpoint_completed(self, kernel_name: str, checkpoint: Any) -> None:
        TRACE.write("complete", checkpoint["epoch"])


def run(command: dict[str, Any]) -> None:
    """Run one workload to its end; raises what the job raises."""
    folder = Path(command["folder"])
    TRACE.write_to(os.open(folder / "trace", os.O_WRONLY | os.O_APPEND | os.O_CREAT))
    watch_store(SqliteCheckpointStore)
    if "place" in command:
        arm(command["place"], command["count"])
    if "call" in command:
        arm_call(command["call"], command["count"])
    add_observer(_Note())
    with LocalEnvironment(command["workload"], kernel="default") as env:
        env.enable_checkpointing(command["interval_s"], folder / "state")
        env.set_restart_strategy(FixedDelay(3, 0.0))
        WORKLOADS[command["workload"]].build(env, str(folder / "out"))
        TRACE.write("start", 0)
        env.submit()
        status: Any = env.status()
        TRACE.write("restored", status["checkpoints"]["restored_epoch"] or 0)
        status = env.wait(60)
        TRACE.write("attempts", status["attempt"])


def main() -> None:
    """Serve commands until standard input ends."""
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_the_child(command)
        print(json.dumps({"pid": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(status)}), flush=True)


def _be_the_child(command: dict[str, Any]) -> None:
    os.setpgid(0, 0)
    # A driver that was started in the background of a shell has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        with open(Path(command["folder"]) / "errors", "a") as errors:
            os.dup2(errors.fileno(), 2)
            os.dup2(errors.fileno(), 1)
        os.close(0)
        run(command)
        code = 0
    except BaseException as error:  # noqa: BLE001 - told by the code and the file
        # Python itself wraps an interrupt that comes while a class is being made.
        code = 130 if isinstance(error.__cause__ or error, KeyboardInterrupt) else 1
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
