"""What may happen to an operation of a simulated disk.

Layer: simulation.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

__all__ = ["FINE", "DiskTroubles", "Moment", "NoTroubles", "Trouble"]


Moment: TypeAlias = Literal["before", "during", "after"]


class Trouble(NamedTuple):
    """What happens to one operation.

    Attributes:
        kind: ``crash``: the machine dies. ``error``: the operation fails. ``slow``: it takes time.
            ``hang``: it comes back after the job was started again, or after a long time.
        when: Where in the operation: a crash ``during`` it leaves a part of its effect; an
            error, all of it.
        code: Of an error, as `errno` has it.
        seconds: What it takes; of one that hangs, after the start.
    """

    kind: Literal["none", "crash", "error", "slow", "hang"]
    when: Moment = "before"
    code: int = 0
    seconds: float = 0.0


FINE: Final = Trouble("none")


class DiskTroubles(Protocol):
    """Asked before each operation of the disk, in the order of events.

    Attributes:
        life: Counts the starts of the job.
    """

    life: int

    @abstractmethod
    def before_operation(self, name: str, *, by_lane: bool) -> Trouble:
        """Return what happens to the operation *name*; *by_lane*: a task asks for it."""


class NoTroubles(DiskTroubles):
    """A disk that works."""

    life = 0

    def before_operation(self, name: str, *, by_lane: bool) -> Trouble:
        """Nothing happens."""
        return FINE
