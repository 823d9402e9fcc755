"""Thread lanes: drive one task each, sleep when it is idle.

Layer: lanes. This is the thread driver of the engine's step function.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sage_kernel_default.engine import Clock, Patience, Task
from sage_kernel_default.lanes.lane import Lane

__all__ = ["MonotonicClock", "ThreadBell", "ThreadLane"]


class MonotonicClock(Clock):
    """The clock of the machine."""

    def now_s(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Return microseconds since 1970."""
        return time.time_ns() // 1_000


class ThreadBell(Patience):
    """Wakes one thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """Make the lane look again."""
        # Ringing is per frame, waiting is rare: the test spares most of the locking.
        if not self._event.is_set():
            self._event.set()

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for the bell."""
        self._event.wait(timeout_s)
        self._event.clear()
        return True


class ThreadLane(Lane):
    """One thread for one task."""

    def __init__(self, name: str, ended: Callable[[], None]) -> None:
        self.bell = ThreadBell()
        self.task: Task | None = None
        self.has_ended = False
        self._ended = ended
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

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
        task, bell = self.task, self.bell
        assert task is not None
        try:
            while (outcome := task.step()).kind != "done":
                if outcome.kind == "idle":
                    bell.wait(outcome.wait_s)
        finally:
            self.has_ended = True
            self._ended()
