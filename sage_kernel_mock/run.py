"""The loop: one job from its first open to its last close, on the caller's thread.

Knows tasks and services; nothing of job ids and states.
"""

from __future__ import annotations

from collections import deque

from sage_kernel_api.errors import CapabilityError, KernelError, StepError
from sage_kernel_api.lifecycle import PipelineConfig, step_failure
from sage_kernel_api.values import EdgeStatus, StepStatus
from sage_kernel_mock.agenda import Agenda
from sage_kernel_mock.async_task import AsyncTask, wait_for_any
from sage_kernel_mock.contexts import ContextParts
from sage_kernel_mock.options import MockOptions
from sage_kernel_mock.service_host import ServiceHost
from sage_kernel_mock.step_time import StepTime
from sage_kernel_mock.task import Task
from sage_kernel_mock.timeline import Timeline
from sage_kernel_mock.wiring import wire

__all__ = ["JobRun"]


class JobRun:
    """One run of one pipeline.

    Records wait in inboxes and are processed one at a time from this loop, never from within
    ``send_data``: so a long chain needs no deep stack and a feedback loop no growing one.

    Args:
        config: As returned by `check_pipeline_config`.
        parts: What the contexts share.
        services: The job's own services, not yet started.
        timeline: Has the clock; what is due later in this job.
    """

    def __init__(
        self,
        config: PipelineConfig,
        parts: ContextParts,
        services: ServiceHost,
        timeline: Timeline,
        options: MockOptions,
    ) -> None:
        self._services = services
        self._timeline = timeline
        self._idle_limit = options.idle_limit
        self._agenda = Agenda(options.seed)
        self._wiring = wire(config, parts, timeline, self._agenda.add)
        self._async_tasks = [t for t in self._wiring.tasks if isinstance(t, AsyncTask)]
        self._opened: list[Task] = []
        # Looked at after each record and for each step that ends: with all steps in it, a long
        # chain would cost the square of its length.
        self._times: list[StepTime] = []
        self._stops = False

    @property
    def steps(self) -> dict[str, StepStatus]:
        """Return the counters by step id."""
        return {step_id: tally.status() for step_id, tally in self._wiring.tallies.items()}

    @property
    def edges(self) -> list[EdgeStatus]:
        """Return one ledger per edge."""
        return [ledger.status() for ledger in self._wiring.ledgers]

    @property
    def tasks(self) -> list[Task]:
        """Return the tasks, upstream first."""
        return list(self._wiring.tasks)

    @property
    def was_stopped(self) -> bool:
        """Tell whether `stop` was called."""
        return self._stops

    def stop(self) -> None:
        """Ask the run to end before its next record. Any thread may call this."""
        self._stops = True
        for task in self._wiring.tasks:
            task.context.facts.should_stop = True

    def run(self) -> None:
        """Open everything, move all records, close everything.

        Raises:
            StepError: User code failed; everything that was opened is closed.
            KernelError: Idle sources never ended, or the ledgers do not balance.
        """
        try:
            self._open()
            self._move()
        except BaseException as error:
            for failure in self._close():
                error.add_note(f"While closing: {failure}")
            raise
        if failures := self._close():
            for failure in failures[1:]:
                failures[0].add_note(f"While closing: {failure}")
            raise failures[0]
        self._check_ledgers()

    # --- the life ----------------------------------------------------------------------------

    def _open(self) -> None:
        for name in self._services.names:
            try:
                self._services.start(name)
            except Exception as error:
                raise step_failure(f"service {name}", error, doing="start") from error
        # Receivers before senders, so that whoever sends finds an open step.
        for task in reversed(self._wiring.tasks):
            self._opened.append(task)
            task.open()
        self._times = [task.time for task in self._wiring.tasks if task.time.needs_looks]

    def _move(self) -> None:
        self._settle_timers()
        self._read_sources()
        self._settle()
        for task in self._wiring.tasks:
            if self._stops:
                return
            task.time.end()
            # What fell due passes all steps behind it, too, before those are told the time.
            self._drain()
            task.finish()
            # What it held back passes all steps behind it before those finish.
            self._settle()

    def _close(self) -> list[StepError]:
        """Close what was opened, senders before receivers, then the services."""
        failures: list[StepError] = []
        while self._opened:
            try:
                self._opened.pop().close()
            except StepError as failure:
                failures.append(failure)
        for name, error in self._services.stop_all():
            failures.append(step_failure(f"service {name}", error, doing="stop"))
        return failures

    # --- records -----------------------------------------------------------------------------

    def _drain(self) -> None:
        """Process until all inboxes are empty: a feedback loop ends when it is dry."""
        tasks = self._wiring.tasks
        while not self._stops:
            self._timeline.run_due()
            for task in self._async_tasks:
                task.emit()
            if not self._agenda:
                return
            ready = tasks[self._agenda.take()]
            ready.work()
            if ready.has_records:
                self._agenda.add(ready.rank)

    def _settle(self) -> None:
        """Process until nothing is under way either: no open call, no record held up."""
        self._settle_timers()
        while not self._stops and self._pass_time_to_the_next():
            self._settle_timers()

    def _pass_time_to_the_next(self) -> bool:
        """Let time pass until something happens; False if nothing is left that could."""
        next_s, now_s = self._timeline.next_s, self._timeline.clock.now_s
        open_tasks = [task for task in self._async_tasks if task.in_flight]
        if not open_tasks and next_s is None:
            return False
        if not open_tasks and next_s is not None:
            self._timeline.pass_time(next_s - now_s)
            return True
        host = self._timeline.host

        def has_news() -> bool:
            return any(task.has_news for task in open_tasks)

        if next_s is None:
            wait_for_any(open_tasks, lambda: host.wait_for(has_news))
        else:
            host.run_until(next_s, has_news)
        return True

    def _settle_timers(self) -> None:
        """Process all records, then what the clock says is due, until there is neither."""
        self._drain()
        while not self._stops and any(time.look() for time in self._times):
            self._drain()

    def _read_sources(self) -> None:
        sources = deque(task for task in self._wiring.tasks if task.context.is_source())
        idle_looks, shortest_wait_s = 0, float("inf")
        while sources and not self._stops:
            source = sources.popleft()
            answer = source.poll()
            self._settle_timers()
            if answer.status != "ended":
                sources.append(source)
            if answer.status != "idle":
                idle_looks, shortest_wait_s = 0, float("inf")
                continue
            idle_looks += 1
            shortest_wait_s = min(shortest_wait_s, answer.wait_s)
            if idle_looks % len(sources) == 0:
                # Nobody has anything now, so time passes at once, up to the next timer.
                due_s = min((time.due_in_s for time in self._times), default=float("inf"))
                self._timeline.pass_time(min(shortest_wait_s, due_s))
                self._settle_timers()
                shortest_wait_s = float("inf")
            if idle_looks >= self._idle_limit * len(sources):
                raise _never_ends([task.step["id"] for task in sources], self._idle_limit)

    def _check_ledgers(self) -> None:
        wrong = [
            str(ledger.status())
            for ledger in self._wiring.ledgers
            if not ledger.is_balanced or (ledger.in_flight and not self._stops)
        ]
        if wrong:
            raise KernelError.listing("The mock kernel lost count of records (a bug in it):", wrong)


def _never_ends(steps: list[str], idle_limit: int) -> CapabilityError:
    return CapabilityError(
        f"The sources {', '.join(map(repr, steps))} had nothing {idle_limit} times in a row, and "
        "this kernel does not offer unbounded-sources. End them with StopSignal, raise "
        "`idle_limit`, or choose a kernel that waits."
    )
