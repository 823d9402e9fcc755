"""The window join: pairs of records that are in one window.

Layer: core. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Literal, TypeAlias

from sage_kernel_api.core.windows import Contents
from sage_kernel_api.values import Payload

__all__ = ["JoinKind", "JoinedContents"]

JoinKind: TypeAlias = Literal["inner", "left", "right", "full"]


class JoinedContents(Contents):
    """The records of both sides, in the order of arrival; a record comes as ``(side, record)``.

    Args:
        join: Makes a result of a left and a right record; None stands for a missing one.
        kind: Whose records come out without a partner: nobody's, the left's, the right's, all.
    """

    def __init__(self, join: Callable[[Payload, Payload], Payload], kind: JoinKind) -> None:
        self._join = join
        self._keeps_left = kind in ("left", "full")
        self._keeps_right = kind in ("right", "full")

    def first(self, value: Payload) -> Payload:
        """Begin two lists."""
        return self.add(([], []), value)

    def add(self, kept: Payload, value: Payload) -> Payload:
        """Append the record to the list of its side."""
        side, record = value
        kept[side].append(record)
        return kept

    def merge(self, kept: Payload, other: Payload) -> Payload:
        """Put the lists behind one another."""
        return ([*kept[0], *other[0]], [*kept[1], *other[1]])

    def results(self, key: Payload, window: Any, kept: Payload) -> Iterator[Payload]:
        """Yield a result for each pair, or for each record that has none and is kept."""
        lefts, rights = kept
        if not rights and self._keeps_left:
            rights = [None]
        elif not lefts and self._keeps_right:
            lefts = [None]
        return (self._join(left, right) for left, right in product(lefts, rights))
