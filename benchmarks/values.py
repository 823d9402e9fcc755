"""What the benchmarks speak of: samples, sides, cases, aims.

Depends on the standard library only, because the peers' environment imports it too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "HAND",
    "KERNEL_VARIABLE",
    "SAGE",
    "Aim",
    "Case",
    "LocalSide",
    "Measure",
    "Sample",
    "Side",
]

HAND = "hand"
"""Name of the hand-written side."""

SAGE = "sage"
"""Name of our own side."""

KERNEL_VARIABLE = "SAGE_BENCHMARKS_KERNEL"
"""Environment variable that tells our own worker process the kernel spec."""

Measure: TypeAlias = Literal["speed", "time"]
"""What a ratio is: ``speed`` is rate by rate (more is better), ``time`` is time by time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed run of one side.

    Attributes:
        seconds: Wall time of the run alone; building and checking are not in it.
        operations: Records (or calls) that were done in that time.
        outcome: Digest of what came out. Sides that do the same work have the same one.
        details: Further figures by name, with the unit in the name.
    """

    seconds: float
    operations: int
    outcome: str = ""
    details: Mapping[str, float] = field(default_factory=dict)


class Side(Protocol):
    """One competitor in one case."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return who it is: ``hand``, ``sage``, or a peer."""

    @property
    @abstractmethod
    def variant(self) -> str:
        """Return its settings, as in ``batch=1000``; empty if there is only one way."""

    @abstractmethod
    def run(self, size: int) -> Sample:
        """Do the work once on an input of *size*.

        Raises:
            Exception: Whatever went wrong; the side is then shown as failed, with the reason.
        """


@dataclass(frozen=True, slots=True)
class LocalSide:
    """A side that runs in this process."""

    name: str
    function: Callable[[int], Sample]
    variant: str = ""

    def run(self, size: int) -> Sample:
        """Call the function."""
        return self.function(size)


@dataclass(frozen=True, slots=True)
class Aim:
    """What we want to see in a case; judged by medians.

    Attributes:
        against: The side that ours is compared with; the best variant counts. None for a
            bound on a detail.
        detail: Name of the bounded detail; None for a bound on the ratio.
        at_least: Lower bound, or None.
        at_most: Upper bound, or None.
        side: Whose figure it is.
    """

    against: str | None = HAND
    detail: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    side: str = SAGE


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: the same work on several sides.

    Attributes:
        workload: Name that selects it on the command line.
        name: Which form of the workload; unique in it.
        sides: The local ones; the first is the baseline of all ratios.
        size: Input size of a full run.
        quick_size: Input size under ``--quick``.
        unit: What ``operations`` counts.
        measure: What the ratios are.
        peers: Whether peers take part.
        repetitions: Timed rounds, for very long work and for ratios near their aim; else nine.
        aims: What we want to see.
        scales: Whether *size* may be cut for slow sides; figures are per operation anyway.
    """

    workload: str
    name: str
    sides: tuple[LocalSide, ...]
    size: int
    quick_size: int
    unit: str = "records"
    measure: Measure = "speed"
    peers: bool = False
    repetitions: int | None = None
    aims: tuple[Aim, ...] = ()
    scales: bool = True

    @property
    def key(self) -> str:
        """Return ``workload/name``, under which the peers know it too."""
        return f"{self.workload}/{self.name}"
