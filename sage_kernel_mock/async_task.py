"""One instance of an asynchronous step: calls that go on while other records move.

Knows one `AsyncRunnable` and the virtual event loop that it runs on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, cast, runtime_checkable

from sage_kernel_api.lifecycle import step_failure
from sage_kernel_api.runnable import AsyncOutcome, AsyncRunnable, Runnable
from sage_kernel_api.values import NONE_KEY
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.happenings import Processed
from sage_kernel_mock.step_work import Outcome, Parcel, settle_edge
from sage_kernel_mock.task import Task
from sage_kernel_mock.transport import Outlet

__all__ = ["AsyncTask", "wait_for_any"]


@runtime_checkable
class _Hosted(Protocol):
    """A step that lets its kernel bring the event loop."""

    host: object


class AsyncTask(Task):
    """Gives records to the step and emits what has ended, both between other records.

    A record is in flight on its edge until its call has ended. Time passes on the manual clock
    only: while the step has no room, and when nothing else is left to do.
    """

    _given: dict[int, Parcel]
    _next: int
    _held: deque[tuple[int, Outlet, TimeMark]]
    has_news: bool = False
    """True if a call may have ended since the last `emit`."""

    @property
    def in_flight(self) -> int:
        """Return how many records are in the step."""
        return self._async.in_flight()

    def work(self) -> None:
        """Give the oldest record of the inbox to the step; wait for room, if there is none.

        Raises:
            StepError: A call failed, and the step's policy is to fail.
        """
        if not isinstance(self._inbox[0], Parcel):
            super().work()
            return
        while not self._async.room():
            wait_for_any([self], lambda: self._parts.timeline.host.wait_for(lambda: self.has_news))
            self.emit()
        parcel = self._inbox[0]
        assert isinstance(parcel, Parcel), "looked at above; emitting takes nothing away"
        facts = self.context.facts
        self._count_taken()
        facts.key, facts.event_time_us = parcel.key, parcel.time_us
        outcome = self._give(parcel)
        facts.key = facts.event_time_us = None
        self._inbox.popleft()
        if outcome is not None:
            settle_edge(parcel.edge, outcome)

    def emit(self) -> None:
        """Send the results of all calls that have ended, and settle the failed ones.

        Raises:
            StepError: A call failed, and the step's policy is to fail.
        """
        self.has_news = False
        for ended in self._async.drain():
            parcel = self._given.pop(ended.input_index)
            self.tally.retries += max(ended.attempts - 1, 0)
            self.context.facts.event_time_us = parcel.time_us
            settle_edge(parcel.edge, self._outcome_of(ended, parcel))
            self.context.facts.event_time_us = None
            self._count_sent()
        self._release_marks()

    def _take_mark(self, sender: Outlet, mark: TimeMark) -> None:
        # Time must not overtake the records that are in the step.
        self._held.append((self._next, sender, mark))
        self._release_marks()

    def _release_marks(self) -> None:
        oldest = next(iter(self._given), self._next)
        while self._held and self._held[0][0] <= oldest:
            _, sender, mark = self._held.popleft()
            self.time.take(sender, mark)

    def _make(self) -> Runnable:
        runnable = super()._make()
        self._given = {}
        self._next = 0
        self._held = deque()
        if isinstance(runnable, _Hosted):
            # It brings the loop of the whole process otherwise, which lives in real time.
            runnable.host = self._parts.timeline.host
        return runnable

    def open(self) -> None:
        """Make the instance and open it.

        Raises:
            StepError: The user's code raised.
        """
        super().open()
        self._async.set_waker(self._wake)

    @property
    def _async(self) -> AsyncRunnable:
        return cast("AsyncRunnable", self.opened())

    def _wake(self) -> None:
        self.has_news = True

    def _give(self, parcel: Parcel) -> Outcome | None:
        self._note(Processed(parcel.data, parcel.input_index, parcel.key))
        number = self._next
        self._next += 1
        self._given[number] = parcel
        try:
            self._parts.faults.strike(self.context.facts.label, "process")
            self._async.process(parcel.data, number)
        except Exception as error:  # noqa: BLE001 - the step's policy decides what it means
            del self._given[number]
            return self._settle(parcel, error, 1)
        return None

    def _outcome_of(self, ended: AsyncOutcome, parcel: Parcel) -> Outcome:
        if ended.error is None:
            key = NONE_KEY if ended.key is None else ended.key
            for result in ended.results:
                self.context.transport.send(result, partition_key=key)
            return "consumed"
        if isinstance(ended.error, Exception):
            return self._settle(parcel, ended.error, ended.attempts)
        return self._fail(parcel, ended.error)


def wait_for_any(tasks: list[AsyncTask], wait: Callable[[], object]) -> None:
    """Wait for calls of *tasks*, and name the step if nothing ever comes.

    Raises:
        StepError: `WaitTimeoutError` is its cause.
    """
    try:
        wait()
    except TimeoutError as error:
        raise step_failure(tasks[0].step["id"], error, doing="waiting for its calls") from error
