"""How much of a collection was handed on, also after its instances became more or fewer.

Layer: core. Pure, but for remembering which iterators were read.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sage_kernel_api.values import Payload

__all__ = ["CollectionPlace", "is_used_up", "note_use"]

_READ: weakref.WeakSet[Iterator[Payload]] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class CollectionPlace:
    """Where one instance of a collection source stands.

    Of what is left of the collection, instance *i* of *n* has the items ``i, i + n, ...``, and
    has handed on the first *count* of them. When the number of instances changes, the counts of
    the old ones become one more round of `earlier`, and the new ones share what these left.

    Attributes:
        index: Of the instance.
        parallelism: Number of instances.
        count: Items of its share that were handed on.
        earlier: For each earlier number of instances: what each of them had handed on.
    """

    index: int
    parallelism: int
    count: int = 0
    earlier: tuple[tuple[int, ...], ...] = ()

    def state(self, count: int) -> Mapping[str, Payload]:
        """Return what a checkpoint keeps, when *count* items were handed on."""
        return {
            "index": self.index,
            "parallelism": self.parallelism,
            "count": count,
            "earlier": [list(counts) for counts in self.earlier],
        }

    def after(self, states: Sequence[Mapping[str, Payload]]) -> CollectionPlace:
        """Return the place of this instance after the states of all old ones."""
        if not states:
            return self
        earlier = tuple(tuple(counts) for counts in states[0]["earlier"])
        counts = {state["index"]: state["count"] for state in states}
        if states[0]["parallelism"] == self.parallelism:
            return CollectionPlace(self.index, self.parallelism, counts[self.index], earlier)
        old = tuple(counts[index] for index in range(states[0]["parallelism"]))
        return CollectionPlace(self.index, self.parallelism, 0, (*earlier, old))

    def left(self, items: Iterable[Payload]) -> Iterator[Payload]:
        """Return the items that the earlier rounds have left, for all instances together.

        Example:
            >>> place = CollectionPlace(0, 1, earlier=((2, 1),))
            >>> list(place.left("abcdef"))  # "a" and "c" went to the one, "b" to the other
            ['d', 'e', 'f']
        """
        left = iter(items)
        for counts in self.earlier:
            left = _left_by(left, counts)
        return left


def _left_by(items: Iterator[Payload], counts: Sequence[int]) -> Iterator[Payload]:
    width = len(counts)
    for position, item in enumerate(islice(items, max(counts) * width)):
        if position // width >= counts[position % width]:
            yield item
    yield from items


def note_use(items: object) -> None:
    """Remember that *items*, if it is an iterator, is being read."""
    if isinstance(items, Iterator):
        try:
            _READ.add(items)
        except TypeError:
            return  # iterators of C, such as iter([]), cannot be remembered


def is_used_up(items: object) -> bool:
    """Tell whether *items* is an iterator that was read before."""
    if not isinstance(items, Iterator):
        return False
    try:
        return items in _READ
    except TypeError:
        return True  # nobody can say, so it must not be relied on
