"""One job: its attempts, its state, its end.

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
from sage_kernel_default.graph import ChannelSpec, PhysicalGraph
from sage_kernel_default.jobs.attempt import Attempt, AttemptParts
from sage_kernel_default.jobs.durability import Durability
from sage_kernel_default.jobs.ledger import depths_of, edges_of, imbalance, steps_of
from sage_kernel_default.jobs.restarts import Restarts
from sage_kernel_default.jobs.states import check_move
from sage_kernel_default.lanes import Driver, Until
from sage_kernel_default.services import ServiceRegistry

__all__ = ["Job", "JobParts"]

_SERVICE_STOP_S: Final = 0.4
_LOG: Final = logging.getLogger("sage_kernel.jobs")


@dataclass(frozen=True, slots=True, eq=False)
class JobParts:
    """What a job is made of, whatever the attempt; nothing of it runs yet.

    Attributes:
        graph: Its tasks.
        services: They live as long as the job.
        lay_out: Makes the lanes of an attempt.
        durability: Its checkpoints; None without.
        restarts: Whether it runs again after a failure.
    """

    graph: PhysicalGraph
    services: ServiceRegistry
    lay_out: Callable[[Attempt], AttemptParts]
    restarts: Restarts
    durability: Durability | None = None


class Job:
    """Runs a job to its end in a flow of its own, which runs no user code.

    So whatever the user's code does, there is somebody who notices the end of the grace
    period, stops the services and sets the final state.
    """

    def __init__(
        self,
        job_id: JobId,
        name: str,
        stop_timeout_s: float,
        on_state: Callable[[Callable[[], JobStatus]], None],
        driver: Driver,
    ) -> None:
        self.id = job_id
        self.name = name
        self.state = JobState.CREATED
        self.leaked: list[str] = []
        self._clock = driver.clock
        self._look_every_s = driver.look_every_s
        self._stop_timeout_s = stop_timeout_s
        self._on_state = on_state
        self._changed = threading.Condition()
        self._is_cancelled = False
        self._failure: BaseException | None = None
        self._flow = driver.make_flow(f"job-{job_id}", self._live, self._changed)

    # --- from outside --------------------------------------------------------------------

    def prepare(self, parts: JobParts) -> None:
        """Take the parts and lay out the first attempt; before `start`."""
        self.parts = parts
        self.attempt = self._new_attempt(1)

    def start(self) -> None:
        """Run the job; one that has ended already, in this state directory, does nothing."""
        if self.parts.durability is not None and self.parts.durability.has_finished:
            # What fails here must not leave a job that nobody runs and everybody waits for.
            self._close(self.parts.durability)
            self._move(JobState.FINISHED if self._failure is None else JobState.FAILED)
        else:
            self._move(JobState.RUNNING)
        self._flow.start()

    def cancel(self) -> bool:
        """End the job early; wait until it has ended. False if it had ended before."""
        with self._changed:
            if self.state in TERMINAL_STATES:
                return False
            # A job that is failing already stays failed: its cause must not be hidden.
            self._is_cancelled = self.state is JobState.RESTARTING or self.attempt.failure is None
            self.attempt.is_cancelled = self._is_cancelled
        self.attempt.stop()
        self._wake()
        self.wait(None)
        return self.state is JobState.CANCELLED

    def pause(self) -> bool:
        """Stop taking records."""
        with self._changed:
            if self.state is JobState.PAUSED:
                return False
            check_move(self.id, self.state, JobState.PAUSED)
            self.state = JobState.PAUSED
        self.attempt.set_paused(True)
        self._on_state(self.status)
        return True

    def resume(self) -> bool:
        """Go on."""
        with self._changed:
            if self.state is JobState.RUNNING:
                return False
            check_move(self.id, self.state, JobState.RUNNING)
            self.state = JobState.RUNNING
        self.attempt.set_paused(False)
        self._on_state(self.status)
        return True

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until the job has ended and its threads are gone; False if it has not."""
        if self._flow.is_current:
            return self.state in TERMINAL_STATES
        return self._flow.wait(timeout_s)

    def status(self) -> JobStatus:
        """Return a look at the job; its counters are those of the present attempt."""
        tasks = self.attempt.parts.tasks
        self.refresh()
        is_live = self.state not in TERMINAL_STATES
        status = JobStatus(
            job_id=self.id,
            name=self.name,
            state=self.state,
            steps=steps_of(self.parts.graph, tasks),
            edges=edges_of(self.parts.graph, tasks, is_live=is_live),
            attempt=self.attempt.number,
        )
        if self.parts.durability is not None:
            status["checkpoints"] = self.parts.durability.status
        if self.state is JobState.FAILED and self._failure is not None:
            status["exception"] = self._failure
        return status

    def depths(self) -> dict[ChannelSpec, int]:
        """Return how many records each channel holds; nothing once the job has ended."""
        if self.state in TERMINAL_STATES:
            return {}
        self.refresh()
        return depths_of(self.parts.graph, self.attempt.parts.tasks)

    def refresh(self) -> None:
        """Bring in the counters of tasks in other processes."""
        if self.attempt.parts.fleet is not None:
            self.attempt.parts.fleet.refresh()

    @property
    def is_stopping(self) -> bool:
        """True once the present attempt is ending early."""
        return self.attempt.is_stopping

    # --- the job's own flow ----------------------------------------------------------------

    def _live(self) -> Iterator[Until]:
        if self.state in TERMINAL_STATES:
            return
        try:
            if (yield from self._start_services()):
                yield from self._run_attempts()
            self._stop_services()
        except GeneratorExit:
            raise  # a simulated job that nobody ran to its end
        except BaseException as error:  # noqa: BLE001 - a fault of ours: the job must still end
            self._fail(error)
        if self.parts.durability is not None:
            self._close(self.parts.durability)
        self._conclude()

    def _run_attempts(self) -> Iterator[Until]:
        while True:
            self.parts.restarts.started(self._clock.now_s())
            yield from self.attempt.live()
            self.leaked.extend(self.attempt.leaked)
            failure = self.attempt.failure
            if failure is None or self._is_cancelled:
                return
            if not (yield from self._waits_for_restart(failure)):
                self._failure = failure
                return
            following = self._new_attempt(self.attempt.number + 1)
            with self._changed:
                # Looked at under the lock: a cancel reaches either the old or the new attempt.
                if self._was_cancelled():
                    return
                self.attempt = following
            self._move(JobState.RUNNING)

    def _waits_for_restart(self, failure: BaseException) -> Generator[Until, None, bool]:
        delay_s = self.parts.restarts.failed(self._clock.now_s())
        if delay_s is None:
            return False
        if self.leaked:
            # Its code may still write: only a new process is safe from it (promise R14).
            failure.add_note(f"Not restarted: {', '.join(self.leaked)} did not return.")
            return False
        _LOG.warning(
            "job %s: attempt %d failed, the next one begins in %g s: %s",
            self.id,
            self.attempt.number,
            delay_s,
            failure,
        )
        self._move(JobState.RESTARTING)
        yield Until(self._was_cancelled, delay_s)
        return not self._was_cancelled()

    def _new_attempt(self, number: int) -> Attempt:
        attempt = Attempt(
            self.id, number, self._stop_timeout_s, self._look_every_s, self._changed, self._wake
        )
        attempt.prepare(self.parts.lay_out(attempt))
        return attempt

    def _start_services(self) -> Generator[Until, None, bool]:
        attempt = self.attempt
        calls = self.parts.services.start_all()
        for call in calls:
            call.add_done_callback(lambda _: self._wake())
        yield Until(lambda: attempt.is_stopping or all(c.done() for c in calls))
        for call in calls:
            if call.done() and (error := call.exception()) is not None:
                failure = StepError(f"Service {call.host.name!r} did not start: {error}")
                failure.__cause__ = error
                self._fail(failure)
            elif not call.done() and not call.host.is_killable:
                self.leaked.append(f"service {call.host.name!r}")
        return not attempt.is_stopping

    def _stop_services(self) -> None:
        services = self.parts.services
        is_late = self.attempt.is_stopping
        for error in services.stop_all(_SERVICE_STOP_S if is_late else services.timeout_s):
            self._fail(error)

    def _close(self, durability: Durability) -> None:
        try:
            durability.close()
        except BaseException as error:  # noqa: BLE001 - the job must still end
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Take a failure that no restart can mend."""
        self.attempt.task_failed(error)
        self._failure = self.attempt.failure

    def _conclude(self) -> None:
        if self._failure is None and not self._is_cancelled:
            edges = edges_of(self.parts.graph, self.attempt.parts.tasks, is_live=False)
            if uneven := imbalance(edges):
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
        self._on_state(self.status)

    def _was_cancelled(self) -> bool:
        return self._is_cancelled

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
