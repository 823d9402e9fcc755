"""One instance of one step: its inbox, and what happens to a record that fails.

Knows one `Runnable`; nothing of the other tasks but that they accept records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias, TypeVar, cast

from sage_kernel_api.lifecycle import TransformationConfig, step_failure
from sage_kernel_api.runnable import (
    Runnable,
    SourcePoll,
    SourceRunnable,
)
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import TimeMark
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.step_time import StepTime
from sage_kernel_mock.transport import Outlet

__all__ = ["Task"]

T = TypeVar("T")
_Outcome: TypeAlias = Literal["consumed", "dropped", "dead_lettered"]


@dataclass(frozen=True, slots=True)
class _Parcel:
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
        on_ready: Told the rank whenever the empty inbox gets a record.

    Attributes:
        time: Event time and timers of the step.
    """

    def __init__(
        self,
        rank: int,
        step: TransformationConfig,
        context: MockExecutionContext,
        tally: StepTally,
        journal: Journal,
        clock: ManualClock,
        on_ready: Callable[[int], None],
    ) -> None:
        self.rank = rank
        self.step = step
        self.context = context
        self._tally = tally
        self._journal = journal
        self._clock = clock
        self._on_ready = on_ready
        self.time = StepTime(context, clock, self._guard_sending)
        self._inbox: deque[_Parcel | tuple[Outlet, TimeMark]] = deque()
        self._runnable: Runnable | None = None
        self._counted = 0

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
        edge.in_flight += 1
        self._queue(_Parcel(data, key, input_index, edge, time_us))

    def accept_mark(self, sender: Outlet, mark: TimeMark) -> None:
        """Queue a mark behind all records so far."""
        self._queue((sender, mark))

    def _queue(self, item: _Parcel | tuple[Outlet, TimeMark]) -> None:
        self._inbox.append(item)
        if len(self._inbox) == 1:
            self._on_ready(self.rank)

    def open(self) -> None:
        """Make the instance and open it.

        Raises:
            StepError: The user's code raised.
        """
        try:
            runnable = self.step["operator"](self.context)
        except Exception as error:
            raise step_failure(self.step["id"], error, doing="making the function") from error
        self._runnable = runnable
        self.time.bind(runnable)
        self._guard("open", runnable.open)

    def poll(self) -> SourcePoll:
        """Ask a source for its next record, and send it.

        Raises:
            StepError: The user's code raised.
        """
        source = cast("SourceRunnable", self._opened())
        # One record at a time, so that several sources and their steps take turns.
        answer = self._guard("poll", lambda: source.poll(1))
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
        if isinstance(item, _Parcel):
            self._work_on(item)
        else:
            self._inbox.popleft()
            self.time.take(*item)

    def _work_on(self, parcel: _Parcel) -> None:
        facts = self.context.facts
        self._tally.records_in += 1
        facts.key, facts.event_time_us = parcel.key, parcel.time_us
        outcome = self._process(parcel)
        facts.key = facts.event_time_us = None
        self._count_sent()
        self._inbox.popleft()
        edge = parcel.edge
        edge.in_flight -= 1
        setattr(edge, outcome, getattr(edge, outcome) + 1)
        self.time.after_record()

    def finish(self) -> None:
        """Let the step emit what it held back.

        Raises:
            StepError: The user's code raised.
        """
        self._guard("finish", self._opened().finish)
        self._count_sent()

    def close(self) -> None:
        """Close the step, if it was opened or at least tried to open.

        Raises:
            StepError: The user's code raised.
        """
        if self._runnable is not None:
            runnable, self._runnable = self._runnable, None
            self._guard("close", runnable.close)

    # --- one record --------------------------------------------------------------------------

    def _process(self, parcel: _Parcel) -> _Outcome:
        runnable = self._opened()
        policies = self.step.get("policies", {})
        tries_again = policies.get("on_error", "fail") == "retry"
        retries = policies.get("retries", 3) if tries_again else 0
        delay_s = policies.get("retry_delay_s", 0.1)
        attempt = 1
        while True:
            self._journal.write(
                self.context.facts.label, "process", parcel.data, parcel.input_index, parcel.key
            )
            try:
                runnable.process(parcel.data, parcel.input_index)
            except Exception as error:  # noqa: BLE001 - the step's policy decides what it means
                if attempt > retries:
                    return self._settle(parcel, error, attempt)
            except BaseException as error:  # noqa: BLE001 - no policy covers these; they fail the job
                self._fail(parcel, error)
            else:
                return "consumed"
            attempt += 1
            self._tally.retries += 1
            self._clock.advance(delay_s)
            delay_s *= 2

    def _settle(self, parcel: _Parcel, error: Exception, attempts: int) -> _Outcome:
        policies = self.step.get("policies", {})
        decision = policies.get("on_error", "fail")
        if decision == "retry":
            decision = policies.get("after_retries", "fail")
        if decision == "skip":
            self._tally.skipped += 1
            self._journal.write(self.context.facts.label, "skip", parcel.data, error)
            return "dropped"
        if decision == "dead_letter":
            self._tally.dead_lettered += 1
            letter = DeadLetter(parcel.data, self.step["id"], error, attempts)
            self._journal.write(self.context.facts.label, "dead_letter", letter)
            self.context.transport.deliver(letter, DEAD_LETTER_OUTPUT, parcel.key)
            return "dead_lettered"
        return self._fail(parcel, error)

    def _fail(self, parcel: _Parcel, error: BaseException) -> NoReturn:
        if isinstance(error, KeyboardInterrupt):
            raise error  # The person at the keyboard ends the job, not this record.
        raise step_failure(self.step["id"], error, record=parcel.data) from error

    # --- the rest ----------------------------------------------------------------------------

    def _opened(self) -> Runnable:
        assert self._runnable is not None, "a task works only between open and close"
        return self._runnable

    def _count_sent(self) -> None:
        sent = self.context.transport.sent_count
        self._tally.records_out += sent - self._counted
        self._counted = sent

    def _guard_sending(self, doing: str, call: Callable[[], None]) -> None:
        self._guard(doing, call)
        self._count_sent()

    def _guard(self, doing: str, call: Callable[[], T]) -> T:
        self._journal.write(self.context.facts.label, doing)
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise step_failure(self.step["id"], error, doing=doing) from error
