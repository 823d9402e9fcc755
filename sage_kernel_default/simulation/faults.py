"""Which faults come when: drawn from a seed, often enough to hit, and ending some time.

Layer: simulation.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Final

from sage_kernel_default.lanes.mishaps import ALL_WELL, Mishap, Mishaps
from sage_kernel_default.simulation.trouble import FINE, DiskTroubles, Moment, Trouble

__all__ = ["KINDS", "Scale", "SeededFaults"]

KINDS: Final = ("crash", "lost", "error", "hang", "stall", "slow", "travel", "work")
"""``crash``: the process or machine dies; ``lost``: a lane does; ``error``: the disk fails;
``hang``: one operation of the disk takes longer than a job waits for its end, which often comes;
``stall``: somebody has no turn for a while; ``slow``: the disk is; ``travel``: things take time
between tasks; ``work``: turns take time. The last two are not counted."""

_MOMENTS: Final[tuple[Moment, ...]] = ("before", "during", "after")
_SHORTEST_S: Final = 0.001
"""Between two checkpoints: less is refused."""
_MOST_BLOWS: Final = 5
"""Crashes, lost lanes, errors and hangs of one run; after them the job is left to end."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long a run without faults is, so that faults can be spread over it."""

    turns: int
    operations: int


class SeededFaults(Mishaps, DiskTroubles):
    """Answers what goes wrong, for all lives of one run.

    Each run has some kinds of faults only, so that none hides what another one would find.

    Attributes:
        hits: How often each kind has come.
        kinds: Those of this run.
        blows_left: How many may still come of those after which a job has to recover.
        life: Counts the starts of the job.
        is_calm: Nothing more goes wrong from now on; time may pass as before.
    """

    def __init__(
        self,
        seed: int,
        scale: Scale | None,
        note: Callable[[str, str], None],
        allowed: Collection[str] = KINDS,
    ) -> None:
        """Draw what may happen.

        Args:
            seed: Decides everything.
            scale: Of a run without faults; None for a run in which all goes well.
            note: Told of each fault: its kind and what it hit.
            allowed: Kinds of faults that may come.
        """
        self.hits: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.life = 0
        self.is_calm = scale is None
        self._note = note
        self._random = random = Random(f"faults/{seed}")
        turns, operations = (scale.turns, scale.operations) if scale else (1, 1)
        chosen = [kind for kind in KINDS if random.random() < 0.5] or ["crash"]
        if not {"crash", "lost", "error", "hang"} & set(chosen):
            chosen.append("crash")
        # A job that never waits takes checkpoints only because its work takes time.
        chosen.append("work")
        self.blows_left = random.randint(1, _MOST_BLOWS)
        self.kinds = frozenset(chosen) & {*allowed} if scale is not None else frozenset()
        self._per_turn = random.uniform(0.5, 3.0) / max(turns, 1)
        self._per_operation = random.uniform(0.5, 3.0) / max(operations, 1)
        self._work_s = 10 ** random.uniform(-4, -2.5)
        self._turns = max(turns, 24)
        self._travel_s = 10 ** random.uniform(-5, -1.5)
        self._hang_s = 10 ** random.uniform(-3, 0)
        self._slow_s = 10 ** random.uniform(-4, -1)
        self._broken: int | None = None
        self._is_suspected = False

    def begin_life(self) -> None:
        """Begin a life: a disk that was broken for good has been replaced."""
        self.life += 1
        self._broken, self._is_suspected = None, False

    def choose(self, what: int) -> int:
        """Return a number below *what*, for a choice of whoever runs the lives."""
        return self._random.randrange(what)

    def uniform(self, low: float, high: float) -> float:
        """Return a number between, for whoever runs the lives."""
        return self._random.uniform(low, high)

    def interval_s(self) -> float:
        """Return the time between two checkpoints: so long that several fit into a run."""
        by_clock = 10 ** self._random.uniform(-3, -1.5)
        by_turns = self._work_s * self._random.uniform(2, self._turns / 8)
        return max(_SHORTEST_S, self._random.choice((by_clock, by_turns)))

    # --- turns -------------------------------------------------------------------------------

    def before_turn(self, actor: str, *, is_lane: bool) -> Mishap:
        """Draw what happens to the one whose turn it is."""
        if self.is_calm:
            return ALL_WELL
        if is_lane and self._is_suspected:
            # Somebody hangs, and somebody else is the victim: so the hanging one comes back late.
            self._is_suspected = False
            self._note("lost", actor)
            return Mishap("lost")
        draw = self._random.random()
        if draw < self._per_turn:
            if self._strikes("crash", actor):
                return Mishap("crash")
        elif draw < 2 * self._per_turn:
            if is_lane and self._strikes("lost", actor):
                return Mishap("lost")
        elif draw < 2 * self._per_turn + 0.02 and self._comes("stall", actor):
            return Mishap("stall", self._random.expovariate(10))
        return ALL_WELL

    def turn_s(self) -> float:
        """Draw how long a turn took."""
        return self._random.expovariate(1 / self._work_s) if "work" in self.kinds else 0.0

    def travel_s(self) -> float:
        """Draw how long something is under way."""
        if "travel" not in self.kinds or self._random.random() < 0.5:
            return 0.0
        return self._random.expovariate(1 / self._travel_s)

    # --- the disk ----------------------------------------------------------------------------

    def before_operation(self, name: str, *, by_lane: bool) -> Trouble:
        """Draw what happens to an operation of the disk."""
        if self.is_calm:
            return FINE
        if self._broken is not None:
            return Trouble("error", "before", self._broken)
        random = self._random
        draw, when = random.random(), random.choice(_MOMENTS)
        # Those that make things durable are where the order matters.
        chance = self._per_operation * (4 if name.startswith(("sql COMMIT", "write", "ren")) else 1)
        # A task that hangs becomes a zombie; a checkpoint that hangs is waited for.
        hang = 6 * chance if by_lane else chance
        if draw < chance:
            if self._strikes("crash", name):
                return Trouble("crash", when)
        elif draw < 2 * chance:
            if self._strikes("error", name):
                return self._error()
        elif draw < 2 * chance + hang:
            if self._strikes("hang", name):
                self._is_suspected = random.random() < 0.7
                return Trouble("hang", when, seconds=random.expovariate(1 / self._hang_s))
        elif draw < 2 * chance + hang + 0.2 and self._comes("slow", name):
            return Trouble("slow", when, seconds=random.expovariate(1 / self._slow_s))
        return FINE

    def _error(self) -> Trouble:
        code = self._random.choice((errno.ENOSPC, errno.EIO))
        if self._random.random() < 0.3:
            self._broken = code
        return Trouble("error", self._random.choice(_MOMENTS), code)

    # --- small things ------------------------------------------------------------------------

    def _strikes(self, kind: str, what: str) -> bool:
        if self.blows_left == 0 or not self._comes(kind, what):
            return False
        self.blows_left -= 1
        return True

    def _comes(self, kind: str, what: str) -> bool:
        if kind not in self.kinds:
            return False
        self.hits[kind] += 1
        self._note(kind, what)
        return True
