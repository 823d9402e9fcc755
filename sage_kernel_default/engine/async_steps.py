"""The asynchronous step that a task begins with: its calls go on while the task does other things.

Layer: engine. Knows the `AsyncRunnable` of the contract; no event loop and no thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from sage_kernel_api.errors import CheckpointError, StepError
from sage_kernel_api.runnable import AsyncOutcome, AsyncRunnable, ResumableAsyncRunnable
from sage_kernel_api.values import Payload
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.policies import give_up
from sage_kernel_default.engine.tally import EdgeCounters
from sage_kernel_default.plan import Edge

__all__ = ["AsyncStep"]


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

    def pending(self) -> list[tuple[int, Payload, Payload]]:
        """Return the edge number, record and key of all that the step holds, in order.

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
        return [(one.input_index, one.record, one.key) for one in held]

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
                context.key = outcome.key
                counters.retries += max(outcome.attempts - 1, 0)
                if (error := outcome.error) is not None:
                    failure = self._settle(outcome, error)
                    if failure is not None:
                        return failure
                emitted[0] += len(outcome.results)
                for result in outcome.results:
                    context.send_data(result)
        finally:
            context.key = None
        return None

    def _settle(self, outcome: AsyncOutcome, error: BaseException) -> StepError | None:
        operator = self._operator
        policy = operator.step.policy
        # Repeated already, by the step itself beside its other calls.
        final = policy.after_retries if policy.on_error == "retry" else policy.on_error
        if final == "fail" or not isinstance(error, Exception):
            return step_error(operator.step, error, outcome.record)
        give_up(
            operator,
            self._ledgers[outcome.input_index],
            outcome.record,
            error,
            outcome.attempts,
            is_dead_letter=final == "dead_letter",
        )
        return None
