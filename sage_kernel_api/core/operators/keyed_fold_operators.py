"""Operators that keep one value per key and fold records into it.

Layer: core. What they keep is in a keyed table, so that a kernel can store and move it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, MutableMapping
from typing import Any, ClassVar, Final, Literal, TypeAlias

from sage_kernel_api.context import ExecutionContext, SupportsKeyedState
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.errors import ContextError
from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import NONE_KEY, Payload

__all__ = ["AggregateOperator", "Emit", "KeyedOperator", "TopKOperator"]

Emit: TypeAlias = Literal["change", "end"]
"""When a result comes out: whenever it changes, or once when the input has ended."""

_NOTHING: Final = object()


class KeyedOperator(BaseOperator):
    """What operators share that keep a table by key."""

    keeps_keyed_state = True
    table_name = "__kept"

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        if not isinstance(execution_context, SupportsKeyedState):
            raise ContextError(
                f"Step {execution_context.name!r} keeps state by key, and this kernel has none."
            )
        self.store: KeyedStateStore = execution_context.keyed_state
        self.table: MutableMapping[Payload, Payload] = self.store.table(self.table_name)

    def send_under(self, key: Payload, data: Payload) -> None:
        """Send *data* under a key apart from a record."""
        self.store.key = key
        try:
            self.context.send_data(data, partition_key=NONE_KEY if key is None else key)
        finally:
            self.store.key = None


class _FoldOperator(KeyedOperator):
    """Folds each record into what is kept for its key.

    Attributes:
        emit: When results come out.
        changes_in_place: Whether what is kept may change and stay the same object.
    """

    emit: Emit = "change"
    changes_in_place: ClassVar[bool] = False

    @abstractmethod
    def fold(self, kept: Payload, data: Payload) -> Payload:
        """Return what is kept after *data*; *kept* itself, unchanged, for "no change"."""

    @abstractmethod
    def result(self, key: Payload, kept: Payload) -> Payload:
        """Return what comes out."""

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Fold *data* into the value of its key."""
        key, table = self.store.key, self.table
        before = table.get(key, _NOTHING)
        after = self.fold(before, data)
        if after is before and not self.changes_in_place:
            return
        table[key] = after
        if self.emit == "change":
            self.context.send_data(self.result(key, after))

    def finish(self) -> None:
        """Emit the last result of each key, if that is when they come out."""
        if self.emit == "end":
            for key, kept in list(self.table.items()):
                self.send_under(key, self.result(key, kept))


class AggregateOperator(_FoldOperator):
    """Keeps an accumulator per key.

    Attributes:
        with_key: Emit pairs of key and result.
    """

    kind = "aggregate"
    changes_in_place = True
    with_key: bool = False

    def fold(self, kept: Payload, data: Payload) -> Payload:
        """Add *data* to the accumulator."""
        function = self.function
        return function.add(data, function.create_accumulator() if kept is _NOTHING else kept)

    def result(self, key: Payload, kept: Payload) -> Payload:
        """Return the aggregate."""
        result = self.function.get_result(kept)
        return (key, result) if self.with_key else result


class TopKOperator(_FoldOperator):
    """Keeps the *k* records per key that a function ranks highest, best first.

    Attributes:
        count: How many.
        is_largest: Whether large ranks come first.
    """

    kind = "top_k"
    count: int = 1
    is_largest: bool = True

    def fold(self, kept: Payload, data: Payload) -> Payload:
        """Put *data* in its place; among equals, the earlier one stays ahead."""
        ranking: list[tuple[Any, Payload]] = [] if kept is _NOTHING else kept
        rank = self.function(data)
        place = len(ranking)
        while place and self._is_ahead(rank, ranking[place - 1][0]):
            place -= 1
        if place >= self.count:
            return kept
        # A new list: the old one may be on its way into a checkpoint.
        return [*ranking[:place], (rank, data), *ranking[place : self.count - 1]]

    def result(self, key: Payload, kept: Payload) -> Payload:
        """Return the key and its records."""
        return key, [record for _, record in kept]

    def _is_ahead(self, rank: Any, other: Any) -> bool:
        return bool(rank > other if self.is_largest else rank < other)
