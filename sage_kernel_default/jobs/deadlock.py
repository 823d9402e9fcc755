"""Find out that nothing in a job can move any more, and say who waits for whom.

Layer: jobs. Looks only; the job decides what becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sage_kernel_api.errors import DeadlockError
from sage_kernel_default.lanes import Fleet, Stillness, TaskView

__all__ = ["Watchdog"]


class Watchdog:
    """Compares two looks at all tasks of a running job.

    A task is still if it has ended, or sleeps until somebody rings its bell. It is not if it
    runs (user code may be slow), if a timer wakes it (an idle source), or if an asynchronous
    call of it is open. Bells are rung by other tasks of the job, and by messages of theirs that
    are on their way between processes. So if all tasks were still at two looks, none has done
    anything between them, and all messages that were sent have arrived, then there was a
    moment at which nobody was left to ring. No time-out is involved: slow is never taken for
    stuck.

    Source:
        Mattern 1987, "Algorithms for distributed termination detection", Distributed
        Computing 2, section 6 (four counters).
    """

    def __init__(self, tasks: Sequence[TaskView], fleet: Fleet | None) -> None:
        self._tasks = tasks
        self._fleet = fleet
        self._before: tuple[object, ...] | None = None

    def forget(self) -> None:
        """Begin anew: the job was paused, say."""
        self._before = None

    def look(self) -> DeadlockError | None:
        """Look; return the error of a job that is stuck."""
        now = self._look()
        is_same = now is not None and now == self._before
        self._before = now
        return self._error() if is_same else None

    def _look(self) -> tuple[object, ...] | None:
        """Return what two looks must agree in; None if somebody will move by himself."""
        # First at those here, which costs nothing; others are asked only if these are still.
        if not all(task.report.stillness.is_still for task in self._tasks if task.is_local):
            return None
        events: int | None = 0
        if self._fleet is not None:
            if not self._fleet.refresh():
                return None  # a lane that does not answer is slow, or stopped
            events = self._fleet.loop_events
        looks = [task.report.stillness for task in self._tasks]
        if events is None or not all(look.is_still for look in looks):
            return None
        if sum(look.posted for look in looks) != sum(look.arrived for look in looks):
            return None
        return (events, *looks)

    def _error(self) -> DeadlockError:
        waiting = [
            (task, look) for task in self._tasks if (look := task.report.stillness).waiting_on
        ]
        return DeadlockError.listing(
            "Nothing in this job can move any more: each task waits, and nobody is left who could "
            "wake it. An operator of your own that takes no records (room() is 0 although "
            "in_flight() is 0) does that; if there is none, it is a fault of the kernel, so please "
            "report it. Who waits for what:",
            [f"{task.spec.id} on {task.lane} waits for {_words(look)}" for task, look in waiting],
        )


def _words(look: Stillness) -> str:
    return f"{look.waiting_on}: {', '.join(look.waits_for)}" if look.waits_for else look.waiting_on
