"""Who reads which part of a file, and what of it is left after restarts with other parallelisms.

Layer: core. Pure. A file is cut into splits of equal size; split *s* belongs to instance ``s % n``,
which reads its splits in order. So where each of the *n* instances stands says exactly what was
read, and a later run, also one with another *n*, reads the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from sage_kernel_api.errors import StateError

__all__ = [
    "FRESH",
    "Generation",
    "Mark",
    "SplitsLeft",
    "check_generation",
    "merge_generations",
]

Mark: TypeAlias = tuple[int, ...]
"""A byte offset, and the checksum of what stands before it; empty for "not begun"."""

Generation: TypeAlias = Sequence[tuple[int, Mark]]
"""Where the instances of one run stood, by index: the next split of each, and where in it."""

FRESH: Final[Mark] = ()


class SplitsLeft:
    """What is left to read for one instance.

    Args:
        index: Of the instance.
        parallelism: Number of instances of this run.
        past: The runs before, oldest first.
        here: Where this very instance stood, if it goes on with the same parallelism.

    Attributes:
        split: The next one to read; its number may lie behind the end of the file.
    """

    def __init__(
        self,
        index: int,
        parallelism: int,
        past: Sequence[Generation] = (),
        here: tuple[int, Mark] | None = None,
    ) -> None:
        self.past = past
        self._parallelism = parallelism
        self._here = here
        self.split: int = self._unread_from(index) if here is None else here[0]

    def following(self) -> int:
        """Return the split behind `split`."""
        return self._unread_from(self.split + self._parallelism)

    def advance(self) -> None:
        """Go on to the next split; `split` was read to its end."""
        self.split = self.following()

    def mark(self) -> Mark:
        """Return where an earlier run stopped within `split`; `FRESH` if none was in it."""
        if self._here is not None and self._here[0] == self.split and self._here[1]:
            return self._here[1]
        marks = [
            mark
            for generation in self.past
            for split, mark in [generation[self.split % len(generation)]]
            if split == self.split and mark
        ]
        return max(marks, default=FRESH)

    def _unread_from(self, split: int) -> int:
        while any(_is_read(split, generation) for generation in self.past):
            split += self._parallelism
        return split


def merge_generations(past: Sequence[Generation], last: Generation) -> list[Generation]:
    """Return *past* with *last* behind it, without the runs that *last* makes needless.

    Example:
        >>> merge_generations([[(4, ())]], [(6, ()), (5, ())])
        [[(6, ()), (5, ())]]
    """
    # Below the least of `last`, everything is read. With the same instances as before, each one
    # went on from its own place, and so is at least as far.
    floor = min(split for split, _ in last)
    kept = [
        generation
        for generation in past
        if len(generation) != len(last) and floor < max(split for split, _ in generation) + 1
    ]
    return [*kept, last]


def check_generation(indices: Sequence[int], parallelism: int) -> None:
    """Refuse positions that are not those of all instances of one run.

    Raises:
        StateError: Some are missing or doubled.
    """
    if list(indices) != list(range(parallelism)):
        raise StateError(
            f"The state has the positions of the instances {list(indices)} of {parallelism}; all "
            "are needed to know what was read."
        )


def _is_read(split: int, generation: Generation) -> bool:
    return generation[split % len(generation)][0] > split
