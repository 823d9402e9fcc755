"""The asynchronous step that a task begins with: its calls go on while the task does other things.

Layer: engine. Knows the `AsyncRunnable` of the contract; no event loop and no thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from sage_kernel_api.errors import CheckpointError, StepError
from sage_kernel_api.runnable import AsyncOutcome, AsyncRunnable, ResumableAsyncRunnable
from sage_kernel_api.values import Payload
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.marks import Watermark
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.policies import give_up
from sage_kernel_default.engine.segments import Time
from sage_kernel_default.engine.tally import EdgeCounters
from sage_kernel_default.plan import Edge

__all__ = ["AsyncStep", "Tickets"]


class Tickets:
    """Numbers for the records that are in a step, in the order in which they came.

    The step gives a record's number back with its outcome: so it finds its edge and its event
    time again, and time waits for the oldest record.
    """

    def __init__(self) -> None:
        self.next = 0
        self._open: dict[int, tuple[int, Time]] = {}

    def issue(self, edge: int, time_us: Time) -> int:
        """Return the number of one more record."""
        number = self.next
        self.next = number + 1
        self._open[number] = (edge, time_us)
        return number

    def look(self, number: int) -> tuple[int, Time]:
        """Return the edge and the event time of a record in the step."""
        return self._open[number]

    def redeem(self, number: int) -> tuple[int, Time]:
        """Return them for the last time: the record has left the step."""
        return self._open.pop(number)

    @property
    def oldest(self) -> int:
        """The number of the oldest record in the step; of the next one if there is none."""
        return next(iter(self._open), self.next)


class AsyncStep:
    """Takes what has ended from one asynchronous step and hands it on.

    Records enter through the compiled loop as everywhere else, with the number of their edge
    in place of an input index: so each outcome finds the ledger of its edge again.
    """

    def __init__(
        self, operator: Operator, inputs: Sequence[Edge], ledgers: Sequence[EdgeCounters]
    ) -> None:
        """Args: ledgers: Of the step's *inputs*, one each."""
        operator.edge_numbers = {edge: number for number, edge in enumerate(inputs)}
        self._operator = operator
        self._runnable = cast("AsyncRunnable", operator.runnable)
        self._ledgers = ledgers
        self._tickets = Tickets() if operator.sees_times else None
        operator.issue_ticket = self._tickets.issue if self._tickets is not None else None
        self._held: deque[tuple[int, Watermark]] = deque()
        self._emitted = [0]
        operator.counters.outs.append((self._emitted, 0))

    def wake_by(self, ring: Callable[[], None]) -> None:
        """Have *ring* called when something has ended; once, after ``open``."""
        self._runnable.set_waker(ring)

    @property
    def room(self) -> int:
        """Return how many records the step takes now."""
        return self._runnable.room()

    @property
    def is_working(self) -> bool:
        """True while the step holds records."""
        return self._runnable.in_flight() > 0

    def pending(self) -> list[tuple[int, Payload, Payload, Time]]:
        """Return edge number, record, key and event time of all that the step holds, in order.

        Raises:
            CheckpointError: The step holds records and cannot tell which.
        """
        if not self.is_working:
            return []
        if not callable(getattr(self._runnable, "pending", None)):
            raise CheckpointError(
                f"The asynchronous step {self._operator.step.id!r} does not tell which records it "
                "holds. An operator for checkpointed jobs implements ResumableAsyncRunnable."
            )
        held = cast("ResumableAsyncRunnable", self._runnable).pending()
        places = (self._place_of(one.input_index) for one in held)
        return [
            (edge, one.record, one.key, time_us)
            for one, (edge, time_us) in zip(held, places, strict=True)
        ]

    def _place_of(self, index: int) -> tuple[int, Time]:
        return (index, None) if self._tickets is None else self._tickets.look(index)

    def hold(self, mark: Watermark) -> None:
        """Take a mark that must not overtake the records that are in the step now."""
        self._held.append((0 if self._tickets is None else self._tickets.next, mark))

    def released(self) -> Iterator[Watermark]:
        """Yield the marks before which no record is in the step any more, in order."""
        while self._held:
            number, mark = self._held[0]
            if self._tickets is not None and self._tickets.oldest < number:
                return
            self._held.popleft()
            yield mark

    def ended(self) -> Sequence[AsyncOutcome]:
        """Take what has ended since; all of it must be handed on."""
        return self._runnable.drain()

    def hand_on(self, outcomes: Sequence[AsyncOutcome]) -> StepError | None:
        """Emit results and apply the step's policy to failures.

        Returns:
            The first failure that fails the job, or None. What was emitted before it stands;
            move it on before raising.
        """
        operator, emitted = self._operator, self._emitted
        context, counters = operator.context, operator.counters
        try:
            for outcome in outcomes:
                number = outcome.input_index
                if self._tickets is not None:
                    number, context.event_time_us = self._tickets.redeem(number)
                context.key = outcome.key
                counters.retries += max(outcome.attempts - 1, 0)
                if (error := outcome.error) is not None:
                    failure = self._settle(outcome, error, number)
                    if failure is not None:
                        return failure
                emitted[0] += len(outcome.results)
                for result in outcome.results:
                    context.send_data(result)
        finally:
            context.key = context.event_time_us = None
        return None

    def _settle(self, outcome: AsyncOutcome, error: BaseException, number: int) -> StepError | None:
        operator = self._operator
        policy = operator.step.policy
        # Repeated already, by the step itself beside its other calls.
        final = policy.after_retries if policy.on_error == "retry" else policy.on_error
        if final == "fail" or not isinstance(error, Exception):
            return step_error(operator.step, error, outcome.record)
        give_up(
            operator,
            self._ledgers[number],
            outcome.record,
            error,
            outcome.attempts,
            is_dead_letter=final == "dead_letter",
        )
        return None
