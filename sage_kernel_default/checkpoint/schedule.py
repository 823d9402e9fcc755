"""When a checkpoint is due and when it has taken too long.

Layer: checkpoint. Pure; told the time.
"""

from __future__ import annotations

__all__ = ["CheckpointSchedule"]


class CheckpointSchedule:
    """One checkpoint at a time, an interval from one begin to the next, a pause in between.

    A checkpoint that takes longer than the interval moves the next one: it is due at once when
    the long one has ended, but not before *min_pause_s* have passed, so that the job gets to
    work between two of them.
    """

    def __init__(self, interval_s: float, timeout_s: float, min_pause_s: float) -> None:
        """Args, in seconds: between two begins; longest time; least between end and begin."""
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._min_pause_s = min_pause_s
        self._due_s: float | None = None
        self._deadline_s: float | None = None

    def start(self, now_s: float) -> None:
        """Take note that records flow from now on."""
        self._due_s = now_s + self._interval_s

    def began(self, now_s: float) -> None:
        """Take note that a checkpoint has begun, for whatever reason."""
        self._deadline_s = now_s + self._timeout_s
        self._due_s = now_s + self._interval_s

    def ended(self, now_s: float) -> None:
        """Take note that it has ended, in whatever way."""
        self._deadline_s = None
        if self._due_s is not None:
            self._due_s = max(self._due_s, now_s + self._min_pause_s)

    def due_in_s(self, now_s: float) -> float | None:
        """Return how long the next one has time; 0 or less if it is due, None before `start`."""
        return None if self._due_s is None else self._due_s - now_s

    def left_s(self, now_s: float) -> float | None:
        """Return what is left for the one under way; 0 or less if it is too late."""
        return None if self._deadline_s is None else self._deadline_s - now_s
