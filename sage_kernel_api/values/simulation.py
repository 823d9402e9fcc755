"""What a simulated run came to.

Layer: values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SimulationReport"]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """One job under one seed, from its first start to its end.

    Attributes:
        seed: As given.
        history_hash: Of all that happened, as hex: equal for equal runs.
        starts: How often the job was started.
        turns, operations: How long it was: turns of tasks and jobs, operations of the disk.
        faults: How often each kind of fault has hit.
        problems: What must not have happened, in words; empty if all is well.
        events: The latest things that happened, as text.
    """

    seed: int
    history_hash: str
    starts: int
    turns: int
    operations: int
    faults: Mapping[str, int]
    problems: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
