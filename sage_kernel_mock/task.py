"""One instance of one step: its inbox, and what happens to a record that fails.

Knows one `Runnable`; nothing of the other tasks but that they accept records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NoReturn, TypeAlias, TypeVar, cast

from sage_kernel_api.lifecycle import TransformationConfig, step_failure
from sage_kernel_api.runnable import (
    Runnable,
    SourcePoll,
    SourceRunnable,
)
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.happenings import DeadLettered, Happening, Processed, Skipped
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.step_time import StepTime
from sage_kernel_mock.timeline import Timeline
from sage_kernel_mock.transport import Outlet

__all__ = ["Outcome", "Parcel", "Task", "TaskParts", "settle_edge"]

T = TypeVar("T")
Outcome: TypeAlias = Literal["consumed", "dropped", "dead_lettered"]


@dataclass(frozen=True, slots=True)
class TaskParts:
    """What the tasks of one job share.

    Attributes:
        journal: Where it is written down.
        faults: What goes wrong.
        timeline: What is due later.
        on_ready: Told the rank of a task whenever its empty inbox gets a record.
    """

    journal: Journal
    faults: Faults
    timeline: Timeline
    on_ready: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One record in an inbox, and the edge that it came by."""

    data: Payload
    key: Payload
    input_index: int
    edge: EdgeLedger
    time_us: int | None


class Task:
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
        self.rank = rank
        self.step = step
        self.context = context
        self.tally = tally
        self._parts = parts
        self.time = StepTime(context, parts.timeline.clock, self._guard_sending)
        self._inbox: deque[Parcel | tuple[Outlet, TimeMark]] = deque()
        self.runnable: Runnable | None = None
        self.was_opened = False
        self.has_failed = False
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

    # --- one record --------------------------------------------------------------------------

    def _process(self, parcel: Parcel) -> Outcome:
        runnable = self.opened()
        policies = self.step.get("policies", {})
        tries_again = policies.get("on_error", "fail") == "retry"
        retries = policies.get("retries", 3) if tries_again else 0
        delay_s = policies.get("retry_delay_s", 0.1)
        attempt = 1
        while True:
            self._note(Processed(parcel.data, parcel.input_index, parcel.key))
            try:
                self._parts.faults.strike(self.context.facts.label, "process")
                runnable.process(parcel.data, parcel.input_index)
            except Exception as error:  # noqa: BLE001 - the step's policy decides what it means
                if attempt > retries:
                    return self._settle(parcel, error, attempt)
            except BaseException as error:  # noqa: BLE001 - no policy covers these; they fail the job
                self._fail(parcel, error)
            else:
                return "consumed"
            attempt += 1
            self.tally.retries += 1
            self._parts.timeline.clock.advance(delay_s)
            delay_s *= 2

    def _settle(self, parcel: Parcel, error: Exception, attempts: int) -> Outcome:
        policies = self.step.get("policies", {})
        decision = policies.get("on_error", "fail")
        if decision == "retry":
            decision = policies.get("after_retries", "fail")
        if decision == "skip":
            self.tally.skipped += 1
            self._note(Skipped(parcel.data, error))
            return "dropped"
        if decision == "dead_letter":
            self.tally.dead_lettered += 1
            letter = DeadLetter(parcel.data, self.step["id"], error, attempts)
            self._note(DeadLettered(letter))
            self.context.transport.deliver(letter, DEAD_LETTER_OUTPUT, parcel.key)
            return "dead_lettered"
        return self._fail(parcel, error)

    def _fail(self, parcel: Parcel, error: BaseException) -> NoReturn:
        if isinstance(error, KeyboardInterrupt):
            raise error  # The person at the keyboard ends the job, not this record.
        self.has_failed = True
        raise step_failure(self.step["id"], error, record=parcel.data) from error

    # --- the rest ----------------------------------------------------------------------------

    def opened(self) -> Runnable:
        """Return the instance; only between `open` and `close`."""
        assert self.runnable is not None, "a task works only between open and close"
        return self.runnable

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

    def _note(self, happening: Happening | str) -> None:
        self._parts.journal.write(self.context.facts.label, happening)

    def _guard_sending(self, doing: str, call: Callable[[], None]) -> None:
        self._guard(doing, call)
        self._count_sent()

    def _guard(self, doing: str, call: Callable[[], T]) -> T:
        self._note(doing)
        label, faults = self.context.facts.label, self._parts.faults
        try:
            if doing != "close":
                faults.strike(label, doing)
            result = call()
            if doing == "close":
                # A step that did not let go of its files would spoil the tests after this one.
                faults.strike(label, doing)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.has_failed = True
            raise step_failure(self.step["id"], error, doing=doing) from error
        return result


def settle_edge(edge: EdgeLedger, outcome: Outcome) -> None:
    """Count a record that has left its inbox."""
    edge.in_flight -= 1
    setattr(edge, outcome, getattr(edge, outcome) + 1)
