"""Real process lanes: talking, failing, dying, and nothing left behind."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest

from sage_kernel_api.errors import LaneError, UserCodeError, ValueEncodingError
from sage_kernel_default.processes import ProcessLane
from tests.helpers import no_leaks

Start = Callable[..., Any]

# A module of its own and found by name: lanes import it, and need not import the tests.
entries = importlib.import_module("tests.default_processes.entries")


def test_values_come_back_as_they_were(start: Start) -> None:
    """Whoever moves a step to another process must not see other values."""
    lane = start(entries.echo)
    array = np.arange(200_000).reshape(400, 500)

    lane.send(entries.ECHO, (0, True, "x", (1, None), bytearray(b"ab"), array))
    *plain, back = lane.take()

    assert plain == [0, True, "x", (1, None), bytearray(b"ab")]
    assert isinstance(plain[1], bool)
    assert np.array_equal(back, array)
    assert back.flags.writeable


def test_a_lane_that_returned_ended_well(start: Start) -> None:
    """A lane that did its work must not look like a failure."""
    lane = start(entries.echo)

    lane.send(entries.STOP)

    assert lane.wait().error is None


def test_a_lane_has_its_own_group_ignores_interrupts_and_runs_no_main(start: Start) -> None:
    """Ctrl-C is for the parent alone, and a script without a main guard must not run twice."""
    lane = start(entries.facts)

    group, ignores, script = lane.take()

    assert (group, ignores, script) == (lane.process.pid, True, None)


def test_the_original_exception_comes_back_with_its_cause(start: Start) -> None:
    """``except ValueError`` must catch the same failure on every kind of lane."""
    error = start(entries.fail, ValueError("bad")).wait().error

    assert isinstance(error, ValueError)
    assert isinstance(error.__cause__, KeyError)
    assert "in fail" in error.__notes__[0]


@pytest.mark.parametrize(
    ("entry", "text"),
    [("fail_with_kept_error", "CannotTravelError"), ("fail_with_choosy_error", "a and b")],
)
def test_an_exception_that_cannot_travel_has_a_stand_in(
    start: Start, entry: str, text: str
) -> None:
    """A failure must not be lost because its exception class is unfit for travel."""
    error = start(getattr(entries, entry)).wait().error

    assert isinstance(error, UserCodeError)
    assert text in str(error)
    assert entry in error.__notes__[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_lane_is_noticed_and_the_signal_is_named(start: Start, number: int) -> None:
    """Without it a job would wait for ever for a lane that ran out of memory."""
    lane = start(entries.hang)
    lane.take()

    os.kill(lane.process.pid, number)
    end = lane.wait()

    assert isinstance(end.error, LaneError)
    assert end.returncode == -number
    assert signal.Signals(number).name in str(end.error)


def test_a_lane_that_leaves_early_with_code_zero_has_failed(start: Start) -> None:
    """``os._exit(0)`` in user code must never become a success with lost records."""
    end = start(entries.leave, 0).wait()

    assert isinstance(end.error, LaneError)


def test_a_stopped_lane_is_killed_at_the_deadline(start: Start) -> None:
    """Cancelling a job must end also a process that was suspended."""
    lane = start(entries.hang)
    lane.take()
    os.kill(lane.process.pid, signal.SIGSTOP)

    lane.process.stop(0.05)

    assert lane.wait().returncode == -signal.SIGKILL


def test_processes_that_a_lane_started_go_with_it(start: Start) -> None:
    """User code that starts programs must not leave them on the machine."""
    lane = start(entries.start_child_and_wait)
    grandchild = psutil.Process(lane.take())

    lane.process.kill()
    lane.wait()

    assert psutil.wait_procs([grandchild], timeout=10)[1] == []


def test_sending_to_a_dead_lane_is_an_error_and_never_hangs(start: Start) -> None:
    """A writer that waits for room must wake when the reader was killed."""
    lane = start(entries.hang)
    lane.take()
    lane.process.kill()
    lane.wait()

    with pytest.raises(LaneError, match="tested"):
        lane.send(entries.ECHO, 1)


def test_an_entry_that_cannot_travel_starts_nothing() -> None:
    """The error belongs to who wrote the step, before anything runs."""
    lane = ProcessLane("never", lambda message: None, lambda end: None)

    with no_leaks(), pytest.raises(ValueEncodingError, match="lock"):
        lane.start(entries.fail, threading.Lock())


def test_nothing_is_left_after_ends_of_every_kind(start: Start) -> None:
    """A service that runs jobs for months must not run out of descriptors or processes."""
    with no_leaks():
        for entry in (entries.facts, entries.fail_with_choosy_error):
            lane = start(entry)
            lane.wait()
            assert lane.process.join(30)
        lane = start(entries.hang)
        lane.take()
        lane.process.stop(0)


_PARENT = """
import sys, signal
from sage_kernel_default.processes import ProcessLane, decode, encode, FIRST_FREE
class Point:
    count = 0
    def __init__(self, x): self.x = x
def entry(endpoint, point):
    import os
    endpoint.send(FIRST_FREE, 0, encode((os.getpid(), point, lambda: point.x + 1)))
    signal.pause()
import queue
inbox = queue.SimpleQueue()
lane = ProcessLane("lane", inbox.put, lambda end: None)
lane.start(entry, Point(3))
Point.count = 5
pid, point, function = decode(inbox.get().body)
assert type(point) is Point and Point.count == 5 and function() == 4
print(pid, flush=True)
signal.pause()
"""


def test_lanes_of_an_unguarded_script_work_and_die_with_it() -> None:
    """No orphan may burn a core after ``kill -9``; scripts and REPLs need no main guard."""
    script = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    with script:
        assert script.stdout is not None
        lane = psutil.Process(int(script.stdout.readline()))

        script.kill()

    assert psutil.wait_procs([lane], timeout=10)[1] == []


def test_a_lane_imports_only_what_every_lane_needs() -> None:
    """Each lane of each job pays for every module, on a core that its records wait for."""
    spared = ["subprocess", "ctypes", "msgspec", "hashlib", "sage_kernel_api.storage.savepoints"]
    program = (
        "import sys; before = set(sys.modules); import sage_kernel_default.lanes.child; "
        f"print(sorted((set(sys.modules) - before) & set({spared})))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("[]\n", "")
