"""What a test sees of a step: what came out, and what was counted."""

from __future__ import annotations

from typing import Generic, TypeVar

from sage_kernel_api.core.functions import OutputTag
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, Payload, StepStatus
from sage_kernel_mock.harness.step_life import StepLife
from sage_kernel_mock.transport import SentRecord

__all__ = ["StepViews"]

I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
S = TypeVar("S")


class StepViews(StepLife[I, O], Generic[I, O]):
    """Outputs, side outputs, dead letters, metrics."""

    @property
    def outputs(self) -> list[O]:
        """The records on the main output so far, in order."""
        return [sent.data for sent in self._sent(None)]

    @property
    def keyed_outputs(self) -> list[tuple[Payload, O]]:
        """The records on the main output so far, each with its key before it."""
        return [(sent.key, sent.data) for sent in self._sent(None)]

    def take_outputs(self) -> list[O]:
        """Return `outputs` and forget them."""
        outputs = self.outputs
        if self._bench is not None:
            context = self._bench.context
            context.sent[:] = [sent for sent in context.sent if sent.target is not None]
        return outputs

    def side_output(self, tag: OutputTag[S]) -> list[S]:
        """Return the records on a side output so far, in order."""
        return [sent.data for sent in self._sent(tag.name)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """The records that were given up so far, under ``on_error="dead_letter"``."""
        return [sent.data for sent in self._sent(DEAD_LETTER_OUTPUT)]

    @property
    def metrics(self) -> StepStatus:
        """The counters of the step, as the status of a job shows them."""
        return self._seen().tally.status()

    def _sent(self, target: str | None) -> list[SentRecord]:
        if self._bench is None:
            return []
        return [sent for sent in self._bench.context.sent if sent.target == target]
