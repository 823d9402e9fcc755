"""Where a flatmap puts its results.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["Collector"]

T = TypeVar("T")


class Collector(Generic[T]):
    """Gathers the results of one call of a flatmap, in order.

    Attributes:
        items: What was collected and not yet taken. Always the same list.

    Example:
        >>> out = Collector[int]()
        >>> out.collect(1)
        >>> out.items
        [1]
    """

    def __init__(self) -> None:
        self.items: list[T] = []

    def collect(self, value: T) -> None:
        """Append one result."""
        self.items.append(value)

    def collect_all(self, values: Iterable[T]) -> None:
        """Append results in order."""
        self.items.extend(values)
