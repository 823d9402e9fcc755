"""Functions on several connected streams.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, Literal, Protocol, TypeVar

from sage_kernel_api.core.functions.base_function import BaseFunction

__all__ = ["BaseCoMapFunction", "BaseJoinFunction", "CoMap2", "CoMap3", "CoMap4"]

A_contra = TypeVar("A_contra", contravariant=True)
B_contra = TypeVar("B_contra", contravariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
D_contra = TypeVar("D_contra", contravariant=True)
U_co = TypeVar("U_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)
W_co = TypeVar("W_co", covariant=True)
X_co = TypeVar("X_co", covariant=True)
K_contra = TypeVar("K_contra", contravariant=True)


class BaseCoMapFunction(BaseFunction):
    """One method per input: ``map0`` for the first, ``map1`` for the second, and so on.

    A missing one is an `InterfaceError` (a `TypeError`) when the graph is built.

    Example:
        >>> class Both(BaseCoMapFunction):
        ...     def map0(self, data: int) -> str:
        ...         return f"number {data}"
        ...     def map1(self, data: str) -> str:
        ...         return f"text {data}"
    """


class CoMap2(Protocol[A_contra, B_contra, U_co, V_co]):
    """What ``comap`` asks of a class for two inputs."""

    def map0(self, data: A_contra, /) -> U_co:
        """Map a record of the first input."""
        ...

    def map1(self, data: B_contra, /) -> V_co:
        """Map a record of the second input."""
        ...


class CoMap3(Protocol[A_contra, B_contra, C_contra, U_co, V_co, W_co]):
    """What ``comap`` asks of a class for three inputs."""

    def map0(self, data: A_contra, /) -> U_co:
        """Map a record of the first input."""
        ...

    def map1(self, data: B_contra, /) -> V_co:
        """Map a record of the second input."""
        ...

    def map2(self, data: C_contra, /) -> W_co:
        """Map a record of the third input."""
        ...


class CoMap4(Protocol[A_contra, B_contra, C_contra, D_contra, U_co, V_co, W_co, X_co]):
    """What ``comap`` asks of a class for four inputs."""

    def map0(self, data: A_contra, /) -> U_co:
        """Map a record of the first input."""
        ...

    def map1(self, data: B_contra, /) -> V_co:
        """Map a record of the second input."""
        ...

    def map2(self, data: C_contra, /) -> W_co:
        """Map a record of the third input."""
        ...

    def map3(self, data: D_contra, /) -> X_co:
        """Map a record of the fourth input."""
        ...


class BaseJoinFunction(BaseFunction, ABC, Generic[K_contra, A_contra, B_contra, U_co]):
    """Meets the records of two streams under their common key.

    The type parameters are the key, the records of both inputs, and the results.

    Example:
        >>> class Pair(BaseJoinFunction[str, int, int, tuple[str, int, int]]):
        ...     def __init__(self) -> None:
        ...         self.left: dict[str, int] = {}
        ...     def execute(self, payload: int, key: str, tag: int) -> list[tuple[str, int, int]]:
        ...         if tag == 0:
        ...             self.left[key] = payload
        ...             return []
        ...         return [(key, self.left[key], payload)] if key in self.left else []
        >>> pair = Pair()
        >>> pair.execute(1, "a", 0), pair.execute(2, "a", 1)
        ([], [('a', 1, 2)])
    """

    @abstractmethod
    def execute(
        self, payload: A_contra | B_contra, key: K_contra, tag: Literal[0, 1]
    ) -> Iterable[U_co]:
        """Take one record of input *tag* (0 or 1) and return the results, usually a list."""
