"""What a window keeps of its records, and what comes out of that.

Layer: core. Pure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from sage_kernel_api.values import Payload

__all__ = ["AggregatedContents", "AllContents", "Contents", "ReducedContents"]


class Contents(ABC):
    """How the records of a window become results; knows nothing of windows and time."""

    @abstractmethod
    def first(self, value: Payload) -> Payload:
        """Return what is kept of the first record."""

    @abstractmethod
    def add(self, kept: Payload, value: Payload) -> Payload:
        """Return what is kept after one more record."""

    @abstractmethod
    def merge(self, kept: Payload, other: Payload) -> Payload:
        """Return what is kept of two windows that became one."""

    @abstractmethod
    def results(self, key: Payload, window: Any, kept: Payload) -> Iterable[Payload]:
        """Return the results of a window."""

    def of(self, values: Iterable[Payload]) -> Payload:
        """Return what is kept of several records, at least one."""
        rest = iter(values)
        kept = self.first(next(rest))
        for value in rest:
            kept = self.add(kept, value)
        return kept


class ReducedContents(Contents):
    """One value: the records folded. *finish* makes the result, if it is given."""

    def __init__(
        self,
        fold: Callable[[Payload, Payload], Payload],
        finish: Callable[[Payload, Any, Payload], Payload] | None,
    ) -> None:
        self._fold = fold
        self._finish = finish

    def first(self, value: Payload) -> Payload:
        """Return the record."""
        return value

    def add(self, kept: Payload, value: Payload) -> Payload:
        """Fold the record in."""
        return self._fold(kept, value)

    def merge(self, kept: Payload, other: Payload) -> Payload:
        """Fold one value into the other."""
        return self._fold(kept, other)

    def results(self, key: Payload, window: Any, kept: Payload) -> Iterable[Payload]:
        """Return the one value."""
        return (kept if self._finish is None else self._finish(key, window, kept),)


class AggregatedContents(Contents):
    """One accumulator of an `AggregateFunction`."""

    def __init__(
        self, function: Any, finish: Callable[[Payload, Any, Payload], Payload] | None
    ) -> None:
        self._function = function
        self._finish = finish

    def first(self, value: Payload) -> Payload:
        """Add the record to a new accumulator."""
        return self._function.add(value, self._function.create_accumulator())

    def add(self, kept: Payload, value: Payload) -> Payload:
        """Add the record."""
        return self._function.add(value, kept)

    def merge(self, kept: Payload, other: Payload) -> Payload:
        """Merge the accumulators."""
        return self._function.merge(kept, other)

    def results(self, key: Payload, window: Any, kept: Payload) -> Iterable[Payload]:
        """Return the accumulator's result."""
        result = self._function.get_result(kept)
        return (result if self._finish is None else self._finish(key, window, result),)


class AllContents(Contents):
    """All records, in the order of arrival."""

    def __init__(
        self, function: Callable[[Payload, Any, list[Payload]], Iterable[Payload] | None]
    ) -> None:
        self._function = function

    def first(self, value: Payload) -> Payload:
        """Begin a list."""
        return [value]

    def add(self, kept: Payload, value: Payload) -> Payload:
        """Append the record."""
        kept.append(value)
        return kept

    def merge(self, kept: Payload, other: Payload) -> Payload:
        """Put one list behind the other."""
        return [*kept, *other]

    def results(self, key: Payload, window: Any, kept: Payload) -> Iterable[Payload]:
        """Return what the function makes of the list; it gets a copy."""
        results = self._function(key, window, list(kept))
        return () if results is None else results
