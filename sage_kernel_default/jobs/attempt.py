"""One attempt at a job: its lanes from their start to their end.

Layer: jobs. A job that is restarted gets a new attempt, and nothing of the old one can reach it:
flags, checkpoints and lanes are those of one attempt alone (promise R14).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.values import JobId
from sage_kernel_default.engine import Supervisor
from sage_kernel_default.jobs.checkpoints import CheckpointWorker
from sage_kernel_default.jobs.deadlock import Watchdog
from sage_kernel_default.lanes import Fleet, Lane, TaskView, Until

__all__ = ["Attempt", "AttemptParts"]

_RELEASE_S: Final = 0.1
_LOG: Final = logging.getLogger("sage_kernel.jobs")


@dataclass(frozen=True, slots=True, eq=False)
class AttemptParts:
    """What an attempt is made of; nothing of it runs yet."""

    tasks: list[TaskView]
    lanes: list[Lane]
    fleet: Fleet | None = None
    """The process lanes; one of `lanes`, and the first, since it takes longest to start."""
    checkpoints: CheckpointWorker | None = None


class Attempt(Supervisor):
    """Runs the lanes once. The first failure is the cause; later ones are notes on it.

    Attributes:
        number: Counts the attempts of the job in this process, from 1.
        failure: Why it failed; None if it did not.
        leaked: In words, what did not end and could not be ended.
        is_cancelled: Ended on purpose: failures that follow are only logged.
    """

    parts: AttemptParts

    def __init__(
        self,
        job_id: JobId,
        number: int,
        stop_timeout_s: float,
        look_every_s: float,
        changed: threading.Condition,
        noticed: Callable[[], None],
    ) -> None:
        """Take what the attempt needs.

        Args:
            job_id: For messages.
            number: Of the attempt.
            stop_timeout_s: How long user code may take to end.
            look_every_s: How often to look for a deadlock.
            changed: Notified whenever something that `live` waits for may have changed.
            noticed: Called after a failure, from any thread.
        """
        self.number = number
        self.is_released = False
        self.is_paused = False
        self.is_stopping = False
        self.is_cancelled = False
        self.failure: BaseException | None = None
        self.leaked: list[str] = []
        self._job_id = job_id
        self._stop_timeout_s = stop_timeout_s
        self._look_every_s = look_every_s
        self._noticed = noticed
        self._changed = changed
        self._unopened = 0
        self._running = 0

    def prepare(self, parts: AttemptParts) -> None:
        """Take the parts, which need the attempt to be made; before `run`."""
        self.parts = parts
        self._unopened, self._running = len(parts.tasks), len(parts.lanes)

    def live(self) -> Iterator[Until]:
        """Start the lanes and wait for their end; part of the job's own flow."""
        parts = self.parts
        for lane in parts.lanes:
            lane.start()
        watchdog = Watchdog(parts.tasks, parts.fleet)
        while self._running and not self.is_stopping:
            yield Until(lambda: not self._running or self.is_stopping, self._look_every_s)
            self._look_for_deadlock(watchdog)
        yield Until(lambda: not self._running, self._stop_timeout_s)
        if parts.fleet is not None and not parts.fleet.has_ended:
            # Threads that wait for a lane which does not read go on once it is gone.
            parts.fleet.abandon()
            yield Until(lambda: not self._running, _RELEASE_S)
        for lane in parts.lanes:
            if lane.has_ended:
                lane.join()
            else:
                self.leaked.extend(lane.abandon())
        yield from self._end_checkpoints()

    def _look_for_deadlock(self, watchdog: Watchdog) -> None:
        # Tasks that wait to be released or resumed wait for others than each other.
        if self.is_paused or self.is_stopping or not self.is_released or not self._running:
            watchdog.forget()
        elif (deadlock := watchdog.look()) is not None:
            deadlock.job_id = self._job_id
            self.task_failed(deadlock)

    def _end_checkpoints(self) -> Iterator[Until]:
        worker = self.parts.checkpoints
        if worker is None:
            return
        if self.is_stopping:
            worker.abort()
        # Otherwise it has the last snapshots of all tasks, and the final checkpoint follows.
        yield Until(lambda: worker.has_ended)
        worker.join()
        if not self.is_stopping:
            worker.seal()

    def set_paused(self, is_paused: bool) -> None:
        """Let the tasks pause, or go on."""
        self.is_paused = is_paused
        self.ring_all()
        if self.parts.checkpoints is not None:
            self.parts.checkpoints.wake()

    def stop(self) -> None:
        """End all tasks after the record at hand."""
        self.is_stopping = True
        for lane in self.parts.lanes:
            lane.stop()
        with self._changed:
            self._changed.notify_all()
        if self.parts.checkpoints is not None:
            self.parts.checkpoints.wake()

    def wake(self) -> None:
        """Let the attempt's own flow look again."""
        with self._changed:
            self._changed.notify_all()

    def ring_all(self) -> None:
        """Make all tasks look at the flags, and at what the checkpoints say."""
        for lane in self.parts.lanes:
            lane.ring()

    # --- from the lanes --------------------------------------------------------------------

    def task_opened(self) -> None:
        """Let records flow once all tasks are open."""
        with self._changed:
            self._unopened -= 1
            if self._unopened:
                return
            self.is_released = True
        self.ring_all()
        if self.parts.checkpoints is not None:
            self.parts.checkpoints.start()

    def task_failed(self, error: BaseException) -> None:
        """Keep the first failure as the cause, the others as its notes; stop the attempt."""
        if self.is_cancelled:
            # A cancelled job has no exception in its status; nothing is swallowed even so.
            _LOG.error("job %s was cancelled, and then: %s", self._job_id, error)
        with self._changed:
            if self.failure is None:
                self.failure = error
            elif error is not self.failure:
                self.failure.add_note(f"Also: {error}")
        self.stop()
        self._noticed()

    def lane_ended(self) -> None:
        """Count the lanes that are left."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
