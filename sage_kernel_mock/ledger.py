"""Who got how many records: one tally per step, one ledger per edge.

Pure counting; knows nothing of tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sage_kernel_api.values import EdgeStatus, StepStatus

__all__ = ["EdgeLedger", "StepTally"]


@dataclass(slots=True)
class StepTally:
    """Counters of one step, shared by its instances."""

    records_in: int = 0
    records_out: int = 0
    skipped: int = 0
    dead_lettered: int = 0
    retries: int = 0
    late: list[list[int]] = field(default_factory=list)
    """What each instance has dropped as too late; empty for a step that drops nothing so."""

    def status(self) -> StepStatus:
        """Return the counters as the contract shows them."""
        status = StepStatus(
            records_in=self.records_in,
            records_out=self.records_out,
            skipped=self.skipped,
            dead_lettered=self.dead_lettered,
            retries=self.retries,
        )
        if self.late:
            status["late"] = sum(count for [count] in self.late)
        return status


@dataclass(slots=True)
class EdgeLedger:
    """What became of the records of one edge.

    ``in_flight`` is counted where records enter and leave an inbox, not computed from the
    others, so that the balance can show a mistake.
    """

    upstream: str
    downstream: str
    produced: int = 0
    consumed: int = 0
    dropped: int = 0
    dead_lettered: int = 0
    in_flight: int = 0

    @property
    def is_balanced(self) -> bool:
        """Tell whether every record is accounted for."""
        settled = self.consumed + self.dropped + self.dead_lettered
        return self.produced == settled + self.in_flight

    def status(self) -> EdgeStatus:
        """Return the ledger as the contract shows it."""
        return EdgeStatus(
            upstream=self.upstream,
            downstream=self.downstream,
            produced=self.produced,
            consumed=self.consumed,
            dropped=self.dropped,
            dead_lettered=self.dead_lettered,
            in_flight=self.in_flight,
        )
