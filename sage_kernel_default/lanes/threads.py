"""Thread lanes: drive one task each, sleep when it is idle.

Layer: lanes. This is the thread driver of the engine's step function.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

from sage_kernel_default.channels.local import LocalChannel
from sage_kernel_default.engine import Bell, Channel, Clock, Pace, Patience, Task
from sage_kernel_default.lanes.assignment import KERNEL, lane_name
from sage_kernel_default.lanes.driver import Driver, Flow, Pacing, TaskLane, Until, nothing

__all__ = ["MonotonicClock", "ThreadBell", "ThreadDriver", "ThreadLane"]

_LONGEST_S: Final = threading.TIMEOUT_MAX


T = TypeVar("T")


class MonotonicClock(Clock):
    """The clock of the machine."""

    def now_s(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Return microseconds since 1970."""
        return time.time_ns() // 1_000


class ThreadBell(Patience):
    """Wakes one thread: a lock that is free while the bell has rung and nobody has heard it.

    A ``threading.Event`` does the same with four locks; here each wake-up is paid for by
    every frame that goes to an idle task.
    """

    def __init__(self) -> None:
        self.waits = 0
        self._silent = threading.Lock()
        self._silent.acquire()
        self._rings = self._heard = 0
        self._is_open_end = False

    @property
    def is_resting(self) -> bool:
        """True if somebody waits for a ring only, and none came."""
        # The lock alone would not tell: a thread that was woken has it again at once, and may not
        # get to run for long.
        return self._is_open_end and self._rings == self._heard

    def ring(self) -> None:
        """Make the lane look again."""
        # Ringing is per frame, waiting is rare: the test spares most of the work.
        if self._silent.locked():
            self._rings += 1
            with suppress(RuntimeError):  # somebody else was faster; it has rung
                self._silent.release()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for the bell."""
        self.waits += 1
        if not self._silent.acquire(blocking=False):
            self._is_open_end = timeout_s is None
            self._silent.acquire(timeout=-1 if timeout_s is None else min(timeout_s, _LONGEST_S))
            self._is_open_end = False
        self._heard = self._rings
        return True


class ThreadLane(TaskLane):
    """One thread for one task."""

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        self._own_bell = ThreadBell()
        self.bell: Patience = self._own_bell
        self.task: Task | None = None
        self.has_ended = False
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def turns(self) -> int:
        """How often it has begun to wait."""
        return self._own_bell.waits

    @property
    def is_resting(self) -> bool:
        """True if only another thread can wake it."""
        return self._own_bell.is_resting

    def start(self) -> None:
        """Begin to drive `task`, which must be set."""
        self._thread.start()

    def ring(self) -> None:
        """Let the task look at the flags of the job."""
        self.bell.ring()

    def stop(self) -> None:
        """End the task after the record at hand."""
        if self.task is not None:
            self.task.interrupt()
        self.bell.ring()

    def join(self) -> None:
        """Wait for the thread."""
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join()

    def abandon(self) -> list[str]:
        """Name the step whose code does not return; its thread cannot be ended by force."""
        return [] if self.task is None else [f"step {self.task.where_it_is!r}"]

    def _run(self) -> None:
        task, bell = self.task, self._own_bell
        assert task is not None
        try:
            while (outcome := task.step()).kind != "done":
                if outcome.kind == "idle":
                    bell.wait(outcome.wait_s)
        finally:
            self.has_ended = True
            self._ended()


class ThreadFlow(Flow):
    """A flow on a thread of its own: whatever user code does, it goes on."""

    def __init__(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        changed: threading.Condition,
        ended: Callable[[], None],
    ) -> None:
        self._life = life
        self._ended = ended
        self._changed = changed
        self._has_concluded = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_current(self) -> bool:
        """True on the flow's own thread."""
        return threading.current_thread() is self._thread

    @property
    def has_ended(self) -> bool:
        """True once its thread has nothing more to do."""
        return self._has_concluded.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the flow has ended and its thread is gone."""
        # Not join(timeout): until Python 3.12 an interrupt in it takes the thread for ended.
        if not self._has_concluded.wait(timeout_s):
            return False
        self._thread.join()
        return True

    def _run(self) -> None:
        try:
            for until in self._life():
                with self._changed:
                    self._changed.wait_for(until.is_over, until.timeout_s)
        finally:
            self._has_concluded.set()
            self._ended()


class ThreadDriver(Driver):
    """A thread for each task and each job, and the clock of the machine."""

    look_every_s = 1.0

    def __init__(self) -> None:
        self.clock: Clock = MonotonicClock()
        self.lane_name = lane_name(KERNEL)

    def make_lane(self, name: str, ended: Callable[[], None]) -> ThreadLane:
        """Make a lane; its thread starts with it."""
        return ThreadLane(name, ended)

    def make_pace(self, name: str, pacing: Pacing) -> Pace:
        """Make a pace that learns from what frames cost."""
        return Pace(pacing.frame_size, pacing.flush_s, pacing.patient_s)

    def make_channel(self, name: str, capacity: int | None, writer: Bell, reader: Bell) -> Channel:
        """Make a channel in memory."""
        return LocalChannel(capacity, writer, reader)

    def result(self, future: Future[T], timeout_s: float | None) -> T:
        """Wait for a future."""
        return future.result(timeout_s)

    def make_flow(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        changed: threading.Condition,
        ended: Callable[[], None] = nothing,
    ) -> ThreadFlow:
        """Make a flow; its thread starts with it."""
        return ThreadFlow(name, life, changed, ended)
