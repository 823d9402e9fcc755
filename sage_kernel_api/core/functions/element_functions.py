"""Functions that work on one record at a time.

Layer: core. Each class is one kind of step; the operators say what a kernel does with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.core.functions.collector import Collector
from sage_kernel_api.errors import PipelineError

__all__ = [
    "FieldKeyByFunction",
    "FilterFunction",
    "FlatMapFunction",
    "KeyByFunction",
    "MapFunction",
    "ReduceFunction",
    "SinkFunction",
]

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
T = TypeVar("T")


class MapFunction(BaseFunction, ABC, Generic[I_contra, O_co]):
    """One record in, one record out. ``None`` is a record like any other.

    Example:
        >>> class Add(MapFunction[int, int]):
        ...     def __init__(self, by: int) -> None:
        ...         self.by = by
        ...     def execute(self, data: int) -> int:
        ...         return data + self.by
        >>> Add(1).execute(2)
        3
    """

    @abstractmethod
    def execute(self, data: I_contra) -> O_co:
        """Return the record that takes the place of *data*."""


class FilterFunction(BaseFunction, ABC, Generic[I_contra]):
    """Lets records pass or not."""

    @abstractmethod
    def execute(self, data: I_contra) -> bool:
        """Tell whether *data* passes."""


class FlatMapFunction(BaseFunction, ABC, Generic[I_contra, O]):
    """One record in, any number out: returned, collected, or both (collected ones first).

    Example:
        >>> class Split(FlatMapFunction[str, str]):
        ...     def execute(self, data: str) -> list[str]:
        ...         return data.split()
        >>> Split().execute("to be")
        ['to', 'be']
    """

    _out: Collector[O] | None = None
    __state_exclude__: ClassVar[tuple[str, ...]] = ("_out",)

    @property
    def out(self) -> Collector[O]:
        """The collector; always the same one."""
        if self._out is None:
            self._out = Collector()
        return self._out

    def collect(self, value: O) -> None:
        """Emit one record."""
        self.out.items.append(value)

    @abstractmethod
    def execute(self, data: I_contra) -> Iterable[O] | None:
        """Return records to emit, or None if all were collected."""


class KeyByFunction(BaseFunction, ABC, Generic[I_contra, O_co]):
    """Tells the key of a record. 0, "", False and None are keys like any other."""

    @abstractmethod
    def execute(self, data: I_contra) -> O_co:
        """Return the key of *data*; a function of the record alone."""


class FieldKeyByFunction(KeyByFunction[Any, Any]):
    """Takes the key from a field: a mapping's entry or an attribute.

    Args:
        field_name: Name of the entry or attribute.

    Example:
        >>> FieldKeyByFunction("user").execute({"user": "ann"})
        'ann'
    """

    def __init__(self, field_name: str) -> None:
        super().__init__()
        if not field_name:
            raise PipelineError(
                "FieldKeyByFunction needs the name of a field, not an empty string."
            )
        self.field_name = field_name

    def execute(self, data: Any) -> Any:
        """Return the field's value.

        Raises:
            KeyError, AttributeError: The record has no such field.
        """
        if hasattr(data, "keys"):
            return data[self.field_name]
        return getattr(data, self.field_name)


class SinkFunction(BaseFunction, ABC, Generic[I_contra]):
    """The end of a branch. At-least-once unless its documentation says more."""

    @abstractmethod
    def execute(self, data: I_contra) -> object:
        """Take one record. What it returns is ignored."""


class ReduceFunction(BaseFunction, ABC, Generic[T]):
    """Folds the records of one key, two at a time."""

    @abstractmethod
    def execute(self, accumulated: T, data: T) -> T:
        """Return the new accumulated value; the first record of a key is the first one."""
