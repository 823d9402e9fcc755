"""One instance of one step: its inbox, from its opening to its closing.

Knows one `Runnable`; nothing of the other tasks but that they accept records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from sage_kernel_api.lifecycle import TransformationConfig, step_failure
from sage_kernel_api.runnable import (
    LateCountingRunnable,
    Runnable,
    SourcePoll,
    SourceRunnable,
)
from sage_kernel_api.values import Payload
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.step_time import StepTime
from sage_kernel_mock.step_work import Parcel, StepWork, TaskParts, settle_edge
from sage_kernel_mock.transport import Outlet

__all__ = ["Task"]

T = TypeVar("T")


class Task(StepWork):
    """Drives one `Runnable` through its life.

    Args:
        rank: Its place among all tasks of the job, upstream first.
        step: What it is an instance of.
        context: Its surroundings.
        tally: Counters of the step.
        parts: What it shares with the others.

    Attributes:
        time: Event time and timers of the step.
    """

    def __init__(
        self,
        rank: int,
        step: TransformationConfig,
        context: MockExecutionContext,
        tally: StepTally,
        parts: TaskParts,
    ) -> None:
        super().__init__(step, context, tally, parts)
        self.rank = rank
        self.time = StepTime(context, parts.timeline.clock, self._guard_sending)
        self._inbox: deque[Parcel | tuple[Outlet, TimeMark]] = deque()
        self.was_opened = False
        self.records_in = 0
        self.records_out = 0
        self.busy_s = 0.0

    @property
    def queue_depth(self) -> int:
        """Return the number of records in the inbox."""
        return sum(isinstance(item, Parcel) for item in self._inbox)

    @property
    def has_records(self) -> bool:
        """Tell whether the inbox holds a record or a mark."""
        return bool(self._inbox)

    def accept(
        self,
        data: Payload,
        key: Payload,
        input_index: int,
        edge: EdgeLedger,
        time_us: int | None = None,
    ) -> None:
        """Queue one record. This never runs a function, so no loop and no chain grows the stack."""
        parcel = Parcel(data, key, input_index, edge, time_us)
        arrival = self._parts.faults.arrival(self.context.facts.label)
        if not arrival.copies:
            edge.dropped += 1
            return
        edge.produced += arrival.copies - 1
        edge.in_flight += arrival.copies
        for _ in range(arrival.copies):
            if arrival.delay_s:
                timeline = self._parts.timeline
                timeline.at(timeline.clock.now_s + arrival.delay_s, partial(self._queue, parcel))
            else:
                self._queue(parcel)

    def accept_mark(self, sender: Outlet, mark: TimeMark) -> None:
        """Queue a mark behind all records so far."""
        self._queue((sender, mark))

    def make(self) -> None:
        """Make the instance.

        Raises:
            StepError: The user's code raised.
        """
        try:
            self.runnable = self._make()
        except Exception as error:
            raise step_failure(self.step["id"], error, doing="making the function") from error
        self.time.bind(self.runnable)
        if hasattr(self.runnable, "late_tally"):
            self.tally.late.append(cast("LateCountingRunnable", self.runnable).late_tally)

    def open(self) -> None:
        """Open the instance; make it, if that was not done.

        Raises:
            StepError: The user's code raised.
        """
        if self.runnable is None:
            self.make()
        self.was_opened = True
        self._guard("open", self.opened().open)

    def poll(self) -> SourcePoll:
        """Ask a source for its next record, and send it.

        Raises:
            StepError: The user's code raised.
        """
        source = cast("SourceRunnable", self.opened())
        # One record at a time, so that several sources and their steps take turns.
        answer = self._guard("poll", lambda: source.poll(1))
        # Of the task, not of its step: a step has no input to count.
        self.records_in += len(answer.records)
        for record in answer.records:
            self.context.transport.send(record)
        self._count_sent()
        if answer.status == "ended":
            self.time.rest()
        return answer

    def work(self) -> None:
        """Process the oldest record or mark of the inbox.

        A record leaves the inbox once its fate is sealed; one that fails the job stays in flight.

        Raises:
            StepError: The user's code raised, and the step's policy is to fail.
        """
        item = self._inbox[0]
        if isinstance(item, Parcel):
            self._work_on(item)
        else:
            self._inbox.popleft()
            self._take_mark(*item)

    def _take_mark(self, sender: Outlet, mark: TimeMark) -> None:
        self.time.take(sender, mark)

    def _work_on(self, parcel: Parcel) -> None:
        facts = self.context.facts
        began_s = self._parts.timeline.clock.now_s
        self._count_taken()
        facts.key, facts.event_time_us = parcel.key, parcel.time_us
        outcome = self._process(parcel)
        facts.key = facts.event_time_us = None
        self._count_sent()
        self.busy_s += self._parts.timeline.clock.now_s - began_s
        self._inbox.popleft()
        settle_edge(parcel.edge, outcome)
        self.time.after_record()

    def finish(self) -> None:
        """Let the step emit what it held back.

        Raises:
            StepError: The user's code raised.
        """
        self._guard("finish", self.opened().finish)
        self._count_sent()

    def close(self) -> None:
        """Close the step, if it was opened or at least tried to open.

        Raises:
            StepError: The user's code raised.
        """
        if self.runnable is not None:
            runnable, self.runnable = self.runnable, None
            self._guard("close", runnable.close)

    def act(self, doing: str, call: Callable[[], T]) -> T:
        """Run other user code of the step; *doing* is what journal and faults call it.

        Raises:
            StepError: The user's code raised.
        """
        result = self._guard(doing, call)
        self._count_sent()
        return result

    def discard(self) -> None:
        """Forget what is in the inbox, after a failure."""
        self._inbox.clear()
        self.context.facts.key = self.context.facts.event_time_us = None

    # --- the rest ----------------------------------------------------------------------------

    def _count_taken(self) -> None:
        self.records_in += 1
        self.tally.records_in += 1

    def _count_sent(self) -> None:
        sent = self.context.transport.sent_count
        self.tally.records_out += sent - self.records_out
        self.records_out = sent

    def _make(self) -> Runnable:
        return self.step["operator"](self.context)

    def _queue(self, item: Parcel | tuple[Outlet, TimeMark]) -> None:
        self._inbox.append(item)
        if len(self._inbox) == 1:
            self._parts.on_ready(self.rank)

    def _guard_sending(self, doing: str, call: Callable[[], None]) -> None:
        self._guard(doing, call)
        self._count_sent()
