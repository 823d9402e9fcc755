"""The user's code of one step, run under its policies, with the faults that a test has planned.

Knows one `Runnable`; nothing of inboxes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias, TypeVar

from sage_kernel_api.lifecycle import TransformationConfig, step_failure
from sage_kernel_api.runnable import Runnable
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.happenings import DeadLettered, Happening, Processed, Skipped
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.timeline import Timeline

__all__ = ["Outcome", "Parcel", "StepWork", "TaskParts", "settle_edge"]

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


class StepWork:
    """Calls one instance of one step.

    Args:
        step: What it is an instance of.
        context: Its surroundings.
        tally: Counters of the step.
        parts: What it shares with the others.

    Attributes:
        runnable: The instance; None before it was made, and after it was closed.
        has_failed: Whether its code has failed the job.
    """

    def __init__(
        self,
        step: TransformationConfig,
        context: MockExecutionContext,
        tally: StepTally,
        parts: TaskParts,
    ) -> None:
        self.step = step
        self.context = context
        self.tally = tally
        self._parts = parts
        self.runnable: Runnable | None = None
        self.has_failed = False

    def opened(self) -> Runnable:
        """Return the instance; only between `open` and `close`."""
        assert self.runnable is not None, "a task works only between open and close"
        return self.runnable

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

    def _note(self, happening: Happening | str) -> None:
        self._parts.journal.write(self.context.facts.label, happening)

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
