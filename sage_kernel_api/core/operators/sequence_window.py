"""A part of a sequence that is read in place.

Layer: core. A slice of a list would touch every record twice more: once to copy it, once to let
go of it. On short functions that is a measurable part of all time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, overload

from sage_kernel_api.values import Payload

__all__ = ["SequenceWindow"]


class SequenceWindow(Sequence[Payload]):
    """The records from *begin* to before *end* of a list, tuple or range.

    Example:
        >>> window = SequenceWindow([1, 2, 3, 4], 1, 3)
        >>> list(window), len(window), window[0]
        ([2, 3], 2, 2)
        >>> window.clear()
        >>> list(window)
        []
    """

    __slots__ = ("_begin", "_end", "_items", "_running")

    def __init__(self, items: Sequence[Payload], begin: int, end: int) -> None:
        self._items = items
        self._begin = begin
        self._end = max(begin, min(end, len(items)))
        # The iterators of all three types can be set to a position, which typeshed does not know.
        self._running: Any = iter(items)

    def __iter__(self) -> Iterator[Payload]:
        self._running = running = iter(self._items)
        running.__setstate__(self._begin)  # type: ignore[attr-defined]
        return islice(running, self._end - self._begin)

    def __len__(self) -> int:
        return self._end - self._begin

    @overload
    def __getitem__(self, index: int) -> Payload: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Payload]: ...

    def __getitem__(self, index: int | slice) -> Payload:
        return self._items[self._begin : self._end][index]

    def clear(self) -> None:
        """Let go of the records; a loop that reads them now ends after the one at hand."""
        self._end = self._begin
        self._running.__setstate__(len(self._items))
