"""What may go wrong in a simulated world, and how long things take there.

Layer: lanes. A Protocol, and the world in which all goes well. The simulated driver asks before
each turn and for each frame; whoever injects faults answers.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Literal, NamedTuple, Protocol

__all__ = ["ALL_WELL", "Mishap", "Mishaps", "NoMishaps", "WorldEnd"]


class WorldEnd(BaseException):
    """The simulated process has died: nothing of it runs any more.

    No `Exception`, so that nobody who handles failures takes it for one.
    """


class Mishap(NamedTuple):
    """What happens instead of a turn, or before it.

    Attributes:
        kind: ``crash``: the process dies. ``lost``: the lane does, and nothing of it is closed.
            ``stall``: no turn for *seconds*.
        seconds: Virtual ones.
    """

    kind: Literal["none", "crash", "lost", "stall"]
    seconds: float = 0.0


ALL_WELL: Final = Mishap("none")


class Mishaps(Protocol):
    """Asked by the driver, in the order of events: so the answers are part of the history."""

    @abstractmethod
    def before_turn(self, actor: str, *, is_lane: bool) -> Mishap:
        """Return what happens to *actor*, whose turn it is; ``lost`` only for lanes."""

    @abstractmethod
    def turn_s(self) -> float:
        """Return how long the turn that was just taken took."""

    @abstractmethod
    def travel_s(self) -> float:
        """Return how long the next frame, mark or credit takes from one task to another."""


class NoMishaps(Mishaps):
    """A world without faults, in which work takes no time."""

    def before_turn(self, actor: str, *, is_lane: bool) -> Mishap:
        """Nothing happens."""
        return ALL_WELL

    def turn_s(self) -> float:
        """No time passes."""
        return 0.0

    def travel_s(self) -> float:
        """Everything arrives at once."""
        return 0.0
