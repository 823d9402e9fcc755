"""Broadcast state: what is the same for all keys and instances, such as rules.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, Self, TypeVar, overload

from sage_kernel_api.core.functions.process_function import ProcessFunction, ProcessOutput
from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload

__all__ = [
    "BroadcastProcessFunction",
    "BroadcastState",
    "broadcast_states",
    "restore_broadcast",
]

I_contra = TypeVar("I_contra", contravariant=True)
B_contra = TypeVar("B_contra", contravariant=True)
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
K = TypeVar("K")
V = TypeVar("V")

_UNKNOWN: Final = object()


class BroadcastState(Generic[K, V]):
    """Entries that every instance of a step has alike; declared in a `BroadcastProcessFunction`.

    They are changed in ``process_broadcast`` only: all instances get those records, and each must
    do the same with them. Reading is possible everywhere.
    """

    def __init__(self) -> None:
        self._name = ""
        self._entries: dict[K, V] = {}
        self._owner: BroadcastProcessFunction[Any, Any, Any] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, function: None, owner: type) -> Self: ...

    @overload
    def __get__(self, function: object, owner: type | None = None) -> Self: ...

    def __get__(self, function: Any, owner: type | None = None) -> Self:
        """Return the state of one function; found by name alone from the second time on."""
        if function is None:
            return self
        bound = type(self)()
        bound._name, bound._owner = self._name, function
        vars(function)[self._name] = bound
        return bound

    @overload
    def get(self, entry: K) -> V | None: ...

    @overload
    def get(self, entry: K, default: V) -> V: ...

    def get(self, entry: K, default: V | None = None) -> V | None:
        """Return the value of *entry*, or *default*."""
        return self._entries.get(entry, default)

    def set(self, entry: K, value: V) -> None:
        """Keep *value* under *entry*.

        Raises:
            StateError: Called outside of ``process_broadcast``. Nothing was changed.
        """
        self._check_writable()
        self._entries[entry] = value

    def remove(self, entry: K) -> bool:
        """Forget *entry*. Returns False if there was nothing to forget.

        Raises:
            StateError: Called outside of ``process_broadcast``. Nothing was changed.
        """
        self._check_writable()
        return self._entries.pop(entry, _UNKNOWN) is not _UNKNOWN

    def items(self) -> list[tuple[K, V]]:
        """Return all entries, in the order in which they came."""
        return list(self._entries.items())

    def __contains__(self, entry: object) -> bool:
        return entry in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _check_writable(self) -> None:
        function = self._owner
        if function is None or not function.is_broadcasting:
            raise StateError(
                f"{type(function).__name__}.{self._name} is broadcast state: it can be changed in "
                "process_broadcast only, or the instances of the step would differ. Use MapState "
                "for what belongs to a key."
            )


class BroadcastProcessFunction(ProcessFunction[I_contra, O], ABC, Generic[I_contra, B_contra, O]):
    """A `ProcessFunction` on a keyed stream, with a second input that reaches every instance.

    The type parameters are the records, the broadcast records and the results. In
    ``process_broadcast`` there is no key, so keyed state and timers cannot be used there.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> class Limit(BroadcastProcessFunction[int, tuple[str, int], int]):
        ...     limits = BroadcastState[str, int]()
        ...     def process(self, value: int, out: ProcessOutput[int]) -> None:
        ...         if value <= self.limits.get("most", 10):
        ...             out.collect(value)
        ...     def process_broadcast(
        ...         self, value: tuple[str, int], out: ProcessOutput[int]
        ...     ) -> None:
        ...         self.limits.set(*value)
        >>> env = LocalEnvironment(kernel="mock")
        >>> numbers = env.from_collection([5, 50]).keyby(lambda x: x)
        >>> numbers.connect_broadcast(env.from_collection([])).process(Limit).collect()
        [5]
    """

    is_broadcasting: bool = False

    @abstractmethod
    def process_broadcast(self, value: B_contra, out: ProcessOutput[O]) -> None:
        """Take one broadcast record; every instance gets it, in the same order from one sender."""


def broadcast_states(function: object) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Yield name and entries of each broadcast state of a function."""
    for base in type(function).__mro__:
        for name, value in vars(base).items():
            if isinstance(value, BroadcastState):
                yield name, getattr(function, name)._entries


def restore_broadcast(function: object, saved: Mapping[str, Payload]) -> None:
    """Set the broadcast states of a function."""
    for name, entries in broadcast_states(function):
        entries.clear()
        entries.update(saved.get(name, {}))
