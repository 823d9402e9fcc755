"""The event time of a task: the least that its inputs have reached.

Layer: engine. Pure.
"""

from __future__ import annotations

from sage_kernel_default.engine.marks import Watermark

__all__ = ["WatermarkMerge"]

_NEVER = -(2**63)


class WatermarkMerge:
    """Merges the watermarks of several inputs.

    The result is the least time of all inputs that are neither idle nor ended, and never goes
    back: an input that wakes up behind the others holds time where it is. If all that are
    left are idle, the result is idle, at the time reached so far.

    Source:
        Akidau et al. 2013, "MillWheel: Fault-Tolerant Stream Processing at Internet Scale",
        VLDB 6(11), section 4.3 (low watermarks); idleness as in Apache Flink.
    """

    def __init__(self, inputs: int) -> None:
        """Args: inputs: How many; they are numbered from 0."""
        self._times = [_NEVER] * inputs
        self._idle = [False] * inputs
        self._ended = [False] * inputs
        self._reached = _NEVER
        self._is_idle = False

    def take(self, number: int, mark: Watermark) -> Watermark | None:
        """Take a mark of one input; return what to pass on, if anything has changed."""
        self._times[number] = max(self._times[number], mark.time_us)
        self._idle[number] = mark.is_idle
        return self._merged()

    def end(self, number: int) -> Watermark | None:
        """Take note that an input has ended; return what to pass on, if anything has changed."""
        self._ended[number] = True
        return self._merged()

    def _merged(self) -> Watermark | None:
        left = [n for n in range(len(self._times)) if not self._ended[n]]
        active = [n for n in left if not self._idle[n]]
        if not left:
            return None  # the end itself follows, and says more
        # With nobody active time stands still: an idle input may wake up with any record.
        least = min(self._times[n] for n in active) if active else self._reached
        is_idle = not active
        if least <= self._reached and is_idle == self._is_idle:
            return None
        self._reached = max(self._reached, least)
        self._is_idle = is_idle
        if self._reached == _NEVER and not is_idle:
            return None  # awake again, and still without a time
        return Watermark(self._reached, is_idle)
