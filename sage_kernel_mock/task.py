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
    KIND_ASSIGN_TIME,
    MAX_WATERMARK_US,
    Runnable,
    SourcePoll,
    SourceRunnable,
    TimedRunnable,
    WatermarkRunnable,
)
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.event_time import InputTimes, TimeMark
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.ledger import EdgeLedger, StepTally
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
        times: How far event time is at its inputs.
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
        self.times = InputTimes()
        self._inbox: deque[_Parcel | tuple[Outlet, TimeMark]] = deque()
        self._timed: TimedRunnable | None = None
        self._source_of_time: WatermarkRunnable | None = None
        self._last_record_s = clock.now_s
        self._is_idle = False
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
        if hasattr(runnable, "on_watermark"):
            self._timed = cast("TimedRunnable", runnable)
        if runnable.kind == KIND_ASSIGN_TIME:
            self._source_of_time = cast("WatermarkRunnable", runnable)
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
            self._announce(TimeMark(self.context.facts.watermark_us, is_idle=True))
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
            self._take_mark(*item)

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
        self._tell_time()

    def look_at_clock(self) -> bool:
        """Fire timers that are due, and notice that no records come; False if neither was so.

        Raises:
            StepError: The user's code raised.
        """
        acted = False
        timed, now_us = self._timed, self.context.processing_time_us()
        if timed is not None and (due_us := timed.next_due_us()) is not None and due_us <= now_us:
            self._guard("on_processing_time", lambda: timed.on_processing_time(now_us))
            self._count_sent()
            acted = True
        if not self._is_idle and self._has_waited_long:
            self._is_idle = acted = True
            self._announce(TimeMark(self.context.facts.watermark_us, is_idle=True))
        return acted

    @property
    def _has_waited_long(self) -> bool:
        source = self._source_of_time
        if source is None or source.idle_after_s is None:
            return False
        return self._clock.now_s - self._last_record_s >= source.idle_after_s

    @property
    def due_in_s(self) -> float:
        """Return in how many seconds a timer is due; infinity for none."""
        due_us = None if self._timed is None else self._timed.next_due_us()
        if due_us is None:
            return float("inf")
        return max(0.0, (due_us - self.context.processing_time_us()) / 1_000_000)

    def end_time(self) -> None:
        """Let the step act on the end of event time: all its inputs have ended.

        Raises:
            StepError: The user's code raised.
        """
        self._reach(MAX_WATERMARK_US)

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

    # --- event time --------------------------------------------------------------------------

    def _take_mark(self, sender: Outlet, mark: TimeMark) -> None:
        merged = self.times.take(sender, mark)
        if merged is None:
            return
        if self._source_of_time is None:
            self._reach(merged.time_us)
            self._announce(merged)
        elif merged.is_idle:
            # Of the marks before it, a step that assigns times itself believes the end only.
            self._is_idle = True
            self._announce(TimeMark(self.context.facts.watermark_us, is_idle=True))

    def _tell_time(self) -> None:
        """Send how far event time is, after a record of a step that assigns it."""
        if self._source_of_time is None:
            return
        facts = self.context.facts
        self._last_record_s = self._clock.now_s
        time_us = self._source_of_time.watermark_us()
        if time_us is not None and (time_us > facts.watermark_us or self._is_idle):
            self._is_idle = False
            facts.watermark_us = max(facts.watermark_us, time_us)
            self._announce(TimeMark(facts.watermark_us))

    def _reach(self, time_us: int) -> None:
        facts, timed = self.context.facts, self._timed
        if time_us <= facts.watermark_us:
            return
        facts.watermark_us = time_us
        if timed is not None:
            self._guard("on_watermark", lambda: timed.on_watermark(time_us))
            self._count_sent()

    def _announce(self, mark: TimeMark) -> None:
        self.context.transport.send_mark(mark)

    # --- the rest ----------------------------------------------------------------------------

    def _opened(self) -> Runnable:
        assert self._runnable is not None, "a task works only between open and close"
        return self._runnable

    def _count_sent(self) -> None:
        sent = self.context.transport.sent_count
        self._tally.records_out += sent - self._counted
        self._counted = sent

    def _guard(self, doing: str, call: Callable[[], T]) -> T:
        self._journal.write(self.context.facts.label, doing)
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise step_failure(self.step["id"], error, doing=doing) from error
