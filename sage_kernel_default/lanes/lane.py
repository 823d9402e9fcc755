"""What a job asks of those who run its tasks.

Layer: lanes. A Protocol only.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

__all__ = ["Lane"]


class Lane(Protocol):
    """Runs one or several tasks of a job; tells the job once when all of them have ended.

    Attributes:
        has_ended: All of its tasks have ended, in whatever way.
    """

    has_ended: bool

    @abstractmethod
    def start(self) -> None:
        """Begin to run the tasks; does not wait for them. Failures go to the job."""

    @abstractmethod
    def ring(self) -> None:
        """Make the tasks look at the flags of the job. Any thread; never waits."""

    @abstractmethod
    def stop(self) -> None:
        """As `ring`, and end what runs: the job is stopping. Any thread; never waits."""

    @abstractmethod
    def join(self) -> None:
        """After `has_ended`: return when nothing of the lane is left."""

    @abstractmethod
    def abandon(self) -> list[str]:
        """Give up on tasks that do not end; return in words what cannot be ended by force."""
