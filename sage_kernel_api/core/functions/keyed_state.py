"""State of functions on keyed streams: declared as class attributes, kept by the kernel per key.

Layer: core. Knows the kernel's tables through `KeyedStateStore` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from copy import copy
from typing import Any, Generic, Self, TypeVar, overload

from sage_kernel_api.context import RuntimeContext, SupportsKeyedState
from sage_kernel_api.errors import ContextError, StateError
from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import Payload

__all__ = [
    "KeyedState",
    "ListState",
    "MapState",
    "ReducingState",
    "ValueState",
    "declared_states",
    "forget_bound_states",
]

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_UNKNOWN = object()


class KeyedState:
    """What all keyed states share; not used itself.

    A state stands in the class body of a function, and its methods work on the value of the
    key of the record at hand. Between records, as in ``open``, that is the key None. What a
    record changed before it failed stays changed.
    """

    # Slots keep the access short: it is paid for every record.
    __slots__ = ("_name", "_store", "_table")

    _name: str
    _store: KeyedStateStore
    _table: MutableMapping[Payload, Payload]

    def __set_name__(self, owner: Any, name: str) -> None:
        self._name = name
        # Noted on the class, so that nobody has to search its attributes.
        owner._keyed_states = (*vars(owner).get("_keyed_states", ()), name)

    @overload
    def __get__(self, function: None, owner: type) -> Self: ...

    @overload
    def __get__(self, function: object, owner: type | None = None) -> Self: ...

    def __get__(self, function: Any, owner: type | None = None) -> Self:
        """Return the state of one function; found by name alone from the second time on."""
        if function is None:
            return self
        store = _store_of(function, self._name)
        bound = copy(self)
        bound._store, bound._table = store, store.table(self._name)
        vars(function)[self._name] = bound
        return bound

    def clear(self) -> None:
        """Forget what is kept for the key."""
        self._table.pop(self._store.key, None)


class ValueState(KeyedState, Generic[T]):
    """One value per key.

    Args:
        default: What a key has that was never set. The same object for all keys, and so
            nothing that can be changed in place.

    Raises:
        StateError: *default* can be changed in place, such as a list.

    Example:
        >>> from sage_kernel_api import LocalEnvironment, MapFunction, ValueState
        >>> class Count(MapFunction[str, tuple[str, int]]):
        ...     seen = ValueState(0)
        ...     def execute(self, data: str) -> tuple[str, int]:
        ...         count = self.seen.get() + 1
        ...         self.seen.set(count)
        ...         return data, count
        >>> with LocalEnvironment("count", kernel="mock") as env:
        ...     words = env.from_collection(["a", "b", "a"])
        ...     words.keyby(lambda word: word).map(Count).execute_and_collect()
        [('a', 1), ('b', 1), ('a', 2)]
    """

    __slots__ = ("_default",)

    def __init__(self, default: T) -> None:
        if type(default).__hash__ is None:
            raise StateError(
                f"ValueState has the default {default!r}, one object for all keys, and a "
                f"{type(default).__name__} can be changed in place. Use ListState or MapState, or "
                "None as the default."
            )
        self._default = default

    def get(self) -> T:
        """Return the value of the key, or the default."""
        value: T = self._table.get(self._store.key, self._default)
        return value

    def set(self, value: T) -> None:
        """Keep *value*; to be called again after a change in place."""
        self._table[self._store.key] = value


class ListState(KeyedState, Generic[T]):
    """A list per key.

    Example:
        >>> from sage_kernel_api import ListState, MapFunction
        >>> class Recent(MapFunction[int, int]):
        ...     values = ListState[int]()
        ...     def execute(self, data: int) -> int:
        ...         self.values.append(data)
        ...         return sum(self.values.get())
    """

    __slots__ = ()

    def get(self) -> Sequence[T]:
        """Return the items, oldest first; to be read only, and at once."""
        items: Sequence[T] = self._table.get(self._store.key, ())
        return items

    def append(self, item: T) -> None:
        """Add one item at the end."""
        self.extend((item,))

    def extend(self, items: Iterable[T]) -> None:
        """Add items at the end."""
        table, key = self._table, self._store.key
        kept = table.get(key)
        if kept is None:
            kept = []
        kept.extend(items)
        table[key] = kept

    def set(self, items: Iterable[T]) -> None:
        """Keep *items* in place of what was there."""
        self._table[self._store.key] = list(items)


class MapState(KeyedState, Generic[K, V]):
    """A dictionary per key of the stream.

    Example:
        >>> from sage_kernel_api import MapFunction, MapState
        >>> class PerPage(MapFunction[str, int]):
        ...     visits = MapState[str, int]()
        ...     def execute(self, data: str) -> int:
        ...         count = self.visits.get(data, 0) + 1
        ...         self.visits.set(data, count)
        ...         return count
    """

    __slots__ = ()

    @overload
    def get(self, entry: K) -> V | None: ...

    @overload
    def get(self, entry: K, default: V) -> V: ...

    def get(self, entry: K, default: V | None = None) -> V | None:
        """Return the value of *entry*, or *default*."""
        value: V | None = self._entries.get(entry, default)
        return value

    def set(self, entry: K, value: V) -> None:
        """Keep *value* under *entry*."""
        table, key = self._table, self._store.key
        entries = table.get(key)
        if entries is None:
            entries = {}
        entries[entry] = value
        table[key] = entries

    def remove(self, entry: K) -> bool:
        """Forget *entry*. Returns False if there was nothing to forget."""
        table, key = self._table, self._store.key
        entries = table.get(key, {})
        if entries.pop(entry, _UNKNOWN) is _UNKNOWN:
            return False
        if entries:
            table[key] = entries
        else:
            del table[key]
        return True

    def items(self) -> list[tuple[K, V]]:
        """Return all entries, in the order in which they came."""
        return list(self._entries.items())

    def __contains__(self, entry: object) -> bool:
        return entry in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def _entries(self) -> dict[Any, Any]:
        entries: dict[Any, Any] = self._table.get(self._store.key, {})
        return entries


class ReducingState(KeyedState, Generic[T]):
    """All that was added for a key, folded into one value.

    Args:
        reduce: Makes one value of what is kept and what is added.

    Example:
        >>> from sage_kernel_api import MapFunction, ReducingState
        >>> class Largest(MapFunction[int, int]):
        ...     largest = ReducingState[int](max)
        ...     def execute(self, data: int) -> int:
        ...         return self.largest.add(data)
    """

    __slots__ = ("_reduce",)

    def __init__(self, reduce: Callable[[T, T], T]) -> None:
        self._reduce = reduce

    def add(self, value: T) -> T:
        """Fold *value* in and return what is kept now."""
        table, key = self._table, self._store.key
        table[key] = result = self._reduce(table[key], value) if key in table else value
        return result

    def get(self) -> T | None:
        """Return what is kept, or None if nothing was added yet."""
        value: T | None = self._table.get(self._store.key)
        return value


def declared_states(function: object) -> list[str]:
    """Return the names of the keyed states of a class of functions; empty for anything else."""
    if not isinstance(function, type):
        return []
    return [name for base in function.__mro__ for name in vars(base).get("_keyed_states", ())]


def forget_bound_states(function: object) -> None:
    """Unbind the states of *function*, which gets another context."""
    for name in declared_states(type(function)):
        vars(function).pop(name, None)


def _store_of(function: Any, name: str) -> KeyedStateStore:
    context: RuntimeContext | None = function._context
    who = type(function).__name__
    if context is None:
        raise ContextError(
            f"{who}.{name} has no runtime: the function was not opened by a kernel. In a test, "
            'call set_context(kernel.create_execution_context({"key": ...})) first.'
        )
    if not isinstance(context, SupportsKeyedState):
        raise ContextError(f"{who}.{name} cannot be kept: this kernel has no keyed state.")
    return context.keyed_state
