"""When a task with several inputs takes its snapshot: barriers, in; decisions, out.

Layer: engine. Pure; knows numbers of inputs only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Align", "Alignment", "Completed", "TakeSnapshot"]


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Take the snapshot *epoch* now, then pass its barrier on."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Completed:
    """Hand the snapshot *epoch* in: nothing that belongs to it comes any more.

    Also what was inside of a loop has been seen, unless the epoch was given up.
    """

    epoch: int


Align: TypeAlias = TakeSnapshot | Completed


class Alignment:
    """Aligns the barriers of one task.

    An input that has brought its barrier is *blocked* until all others have brought theirs:
    what it brings next belongs after the snapshot. An ended input has brought everything, so it
    counts as arrived. A task all of whose inputs have ended (a source has none) takes the
    snapshot when it is *requested*.

    Edges that close a loop are not waited for: the barrier comes back over them only because
    this task sends it. What they bring between the snapshot and the barrier was inside of the
    loop, is *logged* with the snapshot, and is worked on as usual. Should they bring the barrier
    before (it came there on another way), they are blocked like the others.

    A newer barrier gives up on an older epoch: its other barriers may never come. So does the
    job's own word, which is heard while all inputs are blocked: what an input that is ahead has
    brought then goes on at once, and barriers of that epoch that come later mean nothing.

    Source:
        Carbone et al. 2015, "Lightweight Asynchronous Snapshots for Distributed Dataflows",
        arXiv:1506.08603, algorithms 1 (acyclic) and 2 (cyclic).
    """

    def __init__(self, inputs: int, feedback: Collection[int] = ()) -> None:
        """Start before the first barrier.

        Args:
            inputs: How many; they are numbered from 0.
            feedback: Those that close a loop.
        """
        self._feedback = frozenset(feedback)
        self._aligned = frozenset(range(inputs)) - self._feedback
        self._ended: set[int] = set()
        self._arrived: set[int] = set()
        self._epoch = 0
        self._taken = 0
        self._given_up = 0
        self._requested = 0
        self._logging: set[int] = set()

    @property
    def blocked(self) -> frozenset[int]:
        """The inputs from which nothing may be taken now."""
        return frozenset(self._arrived - self._ended)

    @property
    def logging(self) -> frozenset[int]:
        """The inputs whose records belong to the snapshot that was taken last."""
        return frozenset(self._logging)

    @property
    def is_complete(self) -> bool:
        """True if the snapshot that was taken last has all that belongs to it."""
        return not self._logging

    def start_after(self, epoch: int) -> None:
        """Ignore barriers and requests up to *epoch*: the job begins with it."""
        self._epoch = self._taken = epoch

    def barrier(self, number: int, epoch: int) -> list[Align]:
        """Take a barrier of one input."""
        if number in self._logging and epoch == self._taken:
            self._logging.discard(number)
            return [] if self._logging else [Completed(epoch)]
        if epoch <= self._over or epoch < self._epoch:
            return []
        if epoch > self._epoch:
            self._epoch = epoch
            self._arrived.clear()
        self._arrived.add(number)
        return self._look()

    def end(self, number: int) -> list[Align]:
        """Take note that an input has ended: everything of it was worked on."""
        self._ended.add(number)
        done: list[Align] = []
        if number in self._logging:
            self._logging.discard(number)
            if not self._logging:
                done.append(Completed(self._taken))
        return done + self._look()

    def request(self, epoch: int) -> list[Align]:
        """Take note that the job wants the snapshot *epoch*."""
        self._requested = max(self._requested, epoch)
        return self._look()

    def give_up(self, epoch: int) -> list[Align]:
        """Take note that the job does not wait for *epoch*, or any before it, any more."""
        self._given_up = max(self._given_up, epoch)
        if self._epoch <= epoch:
            self._arrived.clear()
        return self._cut_short() if self._taken <= epoch else []

    @property
    def _over(self) -> int:
        """The last epoch of which nothing is taken any more."""
        return max(self._taken, self._given_up)

    def _cut_short(self) -> list[Align]:
        """Close the snapshot that was taken last, though its barrier is still inside of a loop.

        Nobody will use it as a whole, but the changes in it are told only once.
        """
        is_open = bool(self._logging)
        self._logging.clear()
        return [Completed(self._taken)] if is_open else []

    def _look(self) -> list[Align]:
        waiting = self._aligned - self._ended
        if not waiting:
            # Nobody brings a barrier any more, so the request itself is one.
            epoch = max(self._requested, self._epoch)
        elif waiting <= self._arrived:
            epoch = self._epoch
        else:
            return []
        return [] if epoch <= self._over else self._take(epoch)

    def _take(self, epoch: int) -> list[Align]:
        early = self._arrived if epoch == self._epoch else set[int]()
        done = self._cut_short()
        self._logging = set(self._feedback - self._ended - early)
        self._epoch = self._taken = epoch
        self._arrived.clear()
        taken: list[Align] = [*done, TakeSnapshot(epoch)]
        if not self._logging:
            taken.append(Completed(epoch))
        return taken
