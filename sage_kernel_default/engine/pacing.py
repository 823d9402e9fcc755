"""How many records a task takes at once: as many as fit into a short time.

Layer: engine. Pure.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Protocol

__all__ = ["Pace", "Pacer"]

_LONG_S: Final = 0.02
_FORGET: Final = 1.25
_BEHIND_SHARE: Final = 8
"""A frame may take so small a share of the time for which the records behind it wait anyway."""
_WAITING_S: Final = 0.00005
"""A source that takes longer for a record is taken for one that waits for it."""
_SENDING_SHARE: Final = 8
"""Such a source gives records for so many times as long as it takes to send them on."""


class Pacer(Protocol):
    """Decides how many records a task takes at once.

    Attributes:
        most: Never more than these.
        limit: Size of the next frame, at least 1.
    """

    most: int
    limit: int

    @abstractmethod
    def took(
        self,
        seconds: float,
        count: int,
        waited_s: float = 0.0,
        sent_s: float = 0.0,
        fitting: int | None = None,
        behind: int = 0,
    ) -> None:
        """Learn from a frame of *count* records; may change `limit`. See `Pace.took`."""


class Pace(Pacer):
    """The size of the next frame, from what the last ones cost.

    Starts at one record, so that the first result is there at once, and at most doubles.
    Large frames make quick steps cheap, small ones let the results of slow steps go on soon,
    and let a job pause without waiting for hundreds of slow records.
    """

    __slots__ = ("_cost_s", "_patient_s", "_target_s", "limit", "most")

    def __init__(self, most: int, target_s: float, patient_s: float = 0.0) -> None:
        """Take the bounds.

        Args:
            most: Records of a frame.
            target_s: How long a frame should take.
            patient_s: How long it may take while so many records are behind it that they wait
                for many times as long.
        """
        self.most = most
        self._target_s = target_s
        self._patient_s = patient_s
        self._cost_s = 0.0
        self.limit = 1

    def took(
        self,
        seconds: float,
        count: int,
        waited_s: float = 0.0,
        sent_s: float = 0.0,
        fitting: int | None = None,
        behind: int = 0,
    ) -> None:
        """Learn from a frame of *count* records.

        What counts is the cheapest of the last frames: a thread that had to wait for the
        interpreter looks slow, and smaller frames would make it slower.

        Args:
            seconds: From the first look for records until all loops had run.
            count: How many records there were.
            waited_s: How much of it the source took. One that waits for its records gives
                few at a time: what it has must not wait for what it has not.
            sent_s: What sending the frame took after that.
            fitting: Most records that a frame should have by their size; None for any number.
            behind: Records that had come with these and are still to be taken.
        """
        if not count:
            return
        most = self.most if fitting is None else min(self.most, fitting)
        if waited_s > _WAITING_S * count:
            one_s = waited_s / count
            worth_s = min(sent_s * _SENDING_SHARE, self._target_s)
            self.limit = max(1, min(most, int(worth_s / one_s)))
            return
        cost_s = seconds / count
        self._cost_s = min(cost_s, self._cost_s * _FORGET) if self._cost_s else cost_s
        patient_s = min(self._patient_s, behind * self._cost_s / _BEHIND_SHARE)
        target_s, long_s = max(self._target_s, patient_s), max(_LONG_S, patient_s)
        in_time = int(target_s / self._cost_s) if self._cost_s else most
        if seconds > long_s:
            in_time = min(in_time, int(count * long_s / seconds))
        self.limit = max(1, min(most, in_time, self.limit * 2))
