"""What users write for windows: aggregates, and functions of a whole window.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from sage_kernel_api.core.functions.base_function import BaseFunction

__all__ = ["AggregateFunction", "WindowFunction"]

I_contra = TypeVar("I_contra", contravariant=True)
A = TypeVar("A")
O_co = TypeVar("O_co", covariant=True)
K_contra = TypeVar("K_contra", contravariant=True)
W_contra = TypeVar("W_contra", contravariant=True)


class AggregateFunction(BaseFunction, ABC, Generic[I_contra, A, O_co]):
    """Folds records of type ``I`` into an accumulator of type ``A``, and that into a result.

    One object serves all windows, so nothing of a window may be kept in it. The accumulator may be
    changed in place and returned.

    Example:
        >>> class Mean(AggregateFunction[float, tuple[int, float], float]):
        ...     def create_accumulator(self) -> tuple[int, float]:
        ...         return 0, 0.0
        ...     def add(self, value: float, accumulator: tuple[int, float]) -> tuple[int, float]:
        ...         return accumulator[0] + 1, accumulator[1] + value
        ...     def merge(
        ...         self, one: tuple[int, float], other: tuple[int, float]
        ...     ) -> tuple[int, float]:
        ...         return one[0] + other[0], one[1] + other[1]
        ...     def get_result(self, accumulator: tuple[int, float]) -> float:
        ...         return accumulator[1] / accumulator[0]
        >>> mean = Mean()
        >>> mean.get_result(mean.add(4, mean.add(2, mean.create_accumulator())))
        3.0
    """

    @abstractmethod
    def create_accumulator(self) -> A:
        """Return an accumulator without records."""

    @abstractmethod
    def add(self, value: I_contra, accumulator: A) -> A:
        """Return the accumulator with one more record."""

    @abstractmethod
    def merge(self, one: A, other: A) -> A:
        """Return one accumulator with the records of both; called for sessions that are merged."""

    @abstractmethod
    def get_result(self, accumulator: A) -> O_co:
        """Return the result; the accumulator stays in use and must not be changed."""


class WindowFunction(BaseFunction, ABC, Generic[K_contra, W_contra, I_contra, O_co]):
    """Makes results of all records of a window.

    The type parameters are the key, the window, the records and the results.

    Example:
        >>> from sage_kernel_api import TimeWindow
        >>> class Largest(WindowFunction[str, TimeWindow, int, tuple[str, int]]):
        ...     def process(
        ...         self, key: str, window: TimeWindow, values: Sequence[int]
        ...     ) -> list[tuple[str, int]]:
        ...         return [(key, max(values))]
    """

    @abstractmethod
    def process(
        self, key: K_contra, window: W_contra, values: Sequence[I_contra]
    ) -> Iterable[O_co]:
        """Return the results; *values* has at least one record, in the order of arrival."""
