"""Spare large collections of a job the looks of Python's garbage collector.

Layer: jobs. Knows nothing of jobs but that one begins.
"""

from __future__ import annotations

import gc
import threading
from typing import Final

__all__ = ["Collector"]

_MOST: Final = 8


class Collector:
    """Makes all objects old that there are when a job begins, without looking at them.

    The collector looks through each young list and table as soon as a few hundred objects have
    been made, which a job does at its start: 7 ms for a list of a million records, of the 100 ms
    that a quick chain takes for them. It finds nothing there that is garbage.

    Garbage among the objects that have become old waits for the next look at all of them, and
    that look is put off each time. So this is done a few times only until the program has had
    such a look in its own time; in between, young objects are looked at as ever.

    Any thread may use it. What the program froze before stays frozen, and then nothing is made
    old; only what another thread freezes in the very moment of a job's start is thawed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._full_before = -1
        self._times = 0
        self._is_frozen = False

    def age_all(self) -> None:
        """Make all objects old; do nothing if the collector is off."""
        if not gc.isenabled():
            return
        with self._lock:  # nobody else of ours looks while all are frozen
            if self._may_age():
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
                return
        gc.collect(0)

    def _may_age(self) -> bool:
        # Thawing would take in what the program froze for good. Counting that takes long.
        self._is_frozen = self._is_frozen or gc.get_freeze_count() > 0
        if self._is_frozen:
            return False
        full = gc.get_stats()[-1]["collections"]
        if full != self._full_before:
            self._full_before, self._times = full, 0
        self._times += 1
        return self._times <= _MOST
