"""Time that stands still until a test moves it.

Knows nothing of kernels.
"""

from __future__ import annotations

from sage_kernel_api.errors import ConfigurationError

__all__ = ["ManualClock"]


class ManualClock:
    """A clock in seconds that only `advance` moves, and only forwards.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance(1.5)
        1.5
    """

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s

    @property
    def now_s(self) -> float:
        """Return the present moment, in seconds since the clock was made (or its start value)."""
        return self._now_s

    def advance(self, seconds: float) -> float:
        """Let *seconds* (at least 0) pass, and return the new present moment.

        Raises:
            ConfigurationError: *seconds* is negative or not a number; the clock stands still.
        """
        if not seconds >= 0:
            raise ConfigurationError(f"A clock cannot go back or nowhere: advance({seconds!r}).")
        self._now_s += seconds
        return self._now_s
