"""The clock of a simulated world in the hands of a test.

Layer: lanes.
"""

from __future__ import annotations

import math
from typing import Final

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_default.lanes.simulated import SimulatedDriver

__all__ = ["WorldClock"]

_SETTLE_S: Final = 0.001
"""A thousand turns: enough for what is due at one moment, and an end for what never idles."""


class WorldClock:
    """Let virtual time pass: the world runs meanwhile, as when somebody waits for a job.

    Thread use: any thread.
    """

    def __init__(self, world: SimulatedDriver) -> None:
        self._world = world

    @property
    def now_s(self) -> float:
        """Return the virtual seconds that have passed."""
        return self._world.time.now_s()

    def advance(self, seconds: float) -> float:
        """Let *seconds* (at least 0) pass, and return the new present moment.

        Called by a function of a simulated job, its turn takes so long, and nobody else moves.
        A world that never idles is left with what it was doing after a bounded number of turns.

        Raises:
            ConfigurationError: *seconds* is negative, infinite or not a number; nothing moved.
        """
        if not 0 <= seconds < math.inf:
            raise ConfigurationError(f"A clock cannot go back or nowhere: advance({seconds!r}).")
        end_s = self.now_s + seconds
        if self._world.baton.is_in_turn:
            self._world.time.move_to(end_s)
        else:
            self._world.run_until(lambda: self.now_s >= end_s, seconds)
            self._world.time.move_to(end_s)
            # What is due at the very end is due within the time that passed.
            self._world.run_until(lambda: self._world.is_idle, _SETTLE_S)
        return self.now_s
