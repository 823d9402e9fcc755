"""One job: its parts, its state, its end.

Layer: jobs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from sage_kernel_api.errors import JobError, StepError
from sage_kernel_api.values import TERMINAL_STATES, JobId, JobState, JobStatus
from sage_kernel_default.engine import Supervisor
from sage_kernel_default.graph import ChannelSpec, PhysicalGraph
from sage_kernel_default.jobs.deadlock import Watchdog
from sage_kernel_default.jobs.ledger import depths_of, edges_of, imbalance, steps_of
from sage_kernel_default.jobs.states import check_move
from sage_kernel_default.lanes import Driver, Fleet, Lane, TaskView, Until
from sage_kernel_default.services import ServiceRegistry

__all__ = ["Job", "JobParts"]

_SERVICE_STOP_S: Final = 0.4
_RELEASE_S: Final = 0.1
_LOG: Final = logging.getLogger("sage_kernel.jobs")


@dataclass(frozen=True, slots=True, eq=False)
class JobParts:
    """What a job is made of; nothing of it runs yet."""

    graph: PhysicalGraph
    tasks: list[TaskView]
    lanes: list[Lane]
    services: ServiceRegistry
    fleet: Fleet | None = None
    """The process lanes; one of `lanes`, and the first, since it takes longest to start."""


class Job(Supervisor):
    """Runs a job to its end in a flow of its own, which runs no user code.

    So whatever the user's code does, there is somebody who notices the end of the grace
    period, stops the services and sets the final state. The first failure is the cause of the
    job's failure; later ones are notes on it.
    """

    parts: JobParts

    def __init__(
        self,
        job_id: JobId,
        name: str,
        stop_timeout_s: float,
        on_state: Callable[[JobStatus], None],
        driver: Driver,
    ) -> None:
        self.id = job_id
        self.name = name
        self.state = JobState.CREATED
        self.is_released = False
        self.is_paused = False
        self.is_stopping = False
        self.leaked: list[str] = []
        self._stop_timeout_s = stop_timeout_s
        self._look_every_s = driver.look_every_s
        self._on_state = on_state
        self._changed = threading.Condition()
        self._unopened = 0
        self._running = 0
        self._is_cancelled = False
        self._failure: BaseException | None = None
        self._flow = driver.make_flow(f"job-{job_id}", self._live, self._changed)

    # --- from outside --------------------------------------------------------------------

    def prepare(self, parts: JobParts) -> None:
        """Take the parts, which need the job to be made; before `start`."""
        self.parts = parts
        self._unopened, self._running = len(parts.tasks), len(parts.lanes)

    def start(self) -> None:
        """Run the job."""
        self._move(JobState.RUNNING)
        self._flow.start()

    def cancel(self) -> bool:
        """End the job early; wait until it has ended. False if it had ended before."""
        with self._changed:
            if self.state in TERMINAL_STATES:
                return False
            # A job that is failing already stays failed: its cause must not be hidden.
            self._is_cancelled = self._failure is None
        self._stop()
        self.wait(None)
        return self.state is JobState.CANCELLED

    def pause(self) -> bool:
        """Stop taking records."""
        with self._changed:
            if self.state is JobState.PAUSED:
                return False
            check_move(self.id, self.state, JobState.PAUSED)
            self.state, self.is_paused = JobState.PAUSED, True
        self._ring_all()
        self._on_state(self.status())
        return True

    def resume(self) -> bool:
        """Go on."""
        with self._changed:
            if self.state is JobState.RUNNING:
                return False
            check_move(self.id, self.state, JobState.RUNNING)
            self.state, self.is_paused = JobState.RUNNING, False
        self._ring_all()
        self._on_state(self.status())
        return True

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the job has ended and its threads are gone; False if it has not."""
        if self._flow.is_current:
            return self.state in TERMINAL_STATES
        return self._flow.wait(timeout_s)

    def status(self) -> JobStatus:
        """Return a look at the job."""
        tasks = self.parts.tasks
        self.refresh()
        is_live = self.state not in TERMINAL_STATES
        status = JobStatus(
            job_id=self.id,
            name=self.name,
            state=self.state,
            steps=steps_of(self.parts.graph, tasks),
            edges=edges_of(self.parts.graph, tasks, is_live=is_live),
        )
        if self.state is JobState.FAILED and self._failure is not None:
            status["exception"] = self._failure
        return status

    def depths(self) -> dict[ChannelSpec, int]:
        """Return how many records each channel holds; nothing once the job has ended."""
        if self.state in TERMINAL_STATES:
            return {}
        self.refresh()
        return depths_of(self.parts.graph, self.parts.tasks)

    def refresh(self) -> None:
        """Bring in the counters of tasks in other processes."""
        if self.parts.fleet is not None:
            self.parts.fleet.refresh()

    # --- from the lanes --------------------------------------------------------------------

    def task_opened(self) -> None:
        """Let records flow once all tasks are open."""
        with self._changed:
            self._unopened -= 1
            if self._unopened:
                return
            self.is_released = True
        self._ring_all()

    def task_failed(self, error: BaseException) -> None:
        """Keep the first failure as the cause, the others as its notes; stop the job."""
        if self._is_cancelled:
            # A cancelled job has no exception in its status; nothing is swallowed even so.
            _LOG.error("job %s was cancelled, and then: %s", self.id, error)
        with self._changed:
            if self._failure is None:
                self._failure = error
            elif error is not self._failure:
                self._failure.add_note(f"Also: {error}")
        self._stop()

    def lane_ended(self) -> None:
        """Count the lanes that are left."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    # --- the job's own flow ----------------------------------------------------------------

    def _live(self) -> Iterator[Until]:
        parts = self.parts
        try:
            if (yield from self._start_services(parts)):
                for lane in parts.lanes:
                    lane.start()
                yield from self._await_lanes(parts)
            self._stop_services(parts)
        except GeneratorExit:
            raise  # a simulated job that nobody ran to its end
        except BaseException as error:  # noqa: BLE001 - a fault of ours: the job must still end
            self.task_failed(error)
        self._conclude(parts)

    def _start_services(self, parts: JobParts) -> Generator[Until, None, bool]:
        calls = parts.services.start_all()
        for call in calls:
            call.add_done_callback(lambda _: self._wake())
        yield Until(lambda: self.is_stopping or all(c.done() for c in calls))
        for call in calls:
            if call.done() and (error := call.exception()) is not None:
                failure = StepError(f"Service {call.host.name!r} did not start: {error}")
                failure.__cause__ = error
                self.task_failed(failure)
            elif not call.done() and not call.host.is_killable:
                self.leaked.append(f"service {call.host.name!r}")
        return not self.is_stopping

    def _await_lanes(self, parts: JobParts) -> Iterator[Until]:
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

    def _look_for_deadlock(self, watchdog: Watchdog) -> None:
        # Tasks that wait to be released or resumed wait for others than each other.
        if self.is_paused or self.is_stopping or not self.is_released or not self._running:
            watchdog.forget()
        elif (deadlock := watchdog.look()) is not None:
            deadlock.job_id = self.id
            self.task_failed(deadlock)

    def _stop_services(self, parts: JobParts) -> None:
        is_late = self.is_stopping
        timeout_s = _SERVICE_STOP_S if is_late else parts.services.timeout_s
        for error in parts.services.stop_all(timeout_s):
            self.task_failed(error)

    def _conclude(self, parts: JobParts) -> None:
        if self._failure is None and not self._is_cancelled:
            uneven = imbalance(edges_of(parts.graph, parts.tasks, is_live=False))
            if uneven:
                self._failure = JobError(
                    f"Job {self.id!r} ended, but records are missing: {'; '.join(uneven)}. "
                    "This is a fault of the kernel; please report it."
                )
        if self._failure is not None and self.leaked:
            self._failure.add_note(
                f"Abandoned after {self._stop_timeout_s:g} s: {', '.join(self.leaked)}"
            )
        if self._failure is not None and not self._is_cancelled:
            self._move(JobState.FAILED)
        else:
            self._move(JobState.CANCELLED if self._is_cancelled else JobState.FINISHED)

    # --- helpers ---------------------------------------------------------------------------

    def _move(self, state: JobState) -> None:
        with self._changed:
            check_move(self.id, self.state, state)
            self.state = state
        self._on_state(self.status())

    def _stop(self) -> None:
        self.is_stopping = True
        for lane in self.parts.lanes:
            lane.stop()
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _ring_all(self) -> None:
        for lane in self.parts.lanes:
            lane.ring()
