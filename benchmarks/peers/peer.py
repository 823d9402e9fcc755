"""What a peer's module offers to the worker. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.values import Sample

__all__ = ["Peer", "Run", "timed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One way in which a peer does a case.

    Attributes:
        variant: Its settings; the first run of a case is the peer's default.
        function: Does the work on an input of the given size.
        side: Name in the table if it is not the peer's own, for ways that need own code
            where other sides use what is built in.
    """

    variant: str
    function: Callable[[int], Sample]
    side: str | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """One engine.

    Attributes:
        distribution: Name of its distribution, for the version.
        runs: Its ways by key of the case.
        absent: Why it has no way, by key of the case.
        close: Ends what it started.
    """

    distribution: str
    runs: Mapping[str, Sequence[Run]]
    absent: Mapping[str, str]
    close: Callable[[], None] = lambda: None


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that *work* takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
