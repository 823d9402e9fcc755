"""Operators whose work on one record is a single call.

Layer: core. ``call`` is the user's own bound method or callable, never a wrapper: kernels compile
it into their loops, and a wrapper would cost more than most functions.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from sage_kernel_api.context import ExecutionContext, SupportsKeyedState
from sage_kernel_api.core.functions import FlatMapFunction
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.core.operators.use_of_self import may_use_self
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.runnable import (
    KIND_FILTER,
    KIND_FLATMAP,
    KIND_KEY_BY,
    KIND_MAP,
    KIND_REDUCE,
    KIND_SINK,
)
from sage_kernel_api.values import NONE_KEY, Payload

__all__ = [
    "FilterOperator",
    "FlatMapOperator",
    "KeyByOperator",
    "MapOperator",
    "NoneDroppingMapOperator",
    "ReduceOperator",
    "SinkOperator",
]

_ACCUMULATORS: Final = "__reduce"
"""The keyed table of a reduce, which has no declared states."""


class _CallOperator(BaseOperator):
    """An operator with a `call`."""

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        # Bound once: a bound method is a new object at each look.
        self.call: Callable[..., Payload] = self._find_call()
        self._may_ask = super().reads_key and may_use_self(self.method("execute"))

    @property
    def reads_key(self) -> bool:
        """True if the function knows the context and its code may look at it."""
        return self._may_ask

    def _find_call(self) -> Callable[..., Payload]:
        return self.method("execute")


class MapOperator(_CallOperator):
    """Forwards the result, also None."""

    kind = KIND_MAP

    @classmethod
    def under(cls, policies: Policies) -> type[BaseOperator]:
        """Return the variant that drops None, if the policies say so."""
        return NoneDroppingMapOperator if policies.none_result == "drop" else cls

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward the function's result."""
        self.context.send_data(self.call(data))


class FilterOperator(_CallOperator):
    """Forwards the record if the function says so."""

    kind = KIND_FILTER

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward *data* if the function's result is true."""
        if self.call(data):
            self.context.send_data(data)


class FlatMapOperator(_CallOperator):
    """Forwards what was collected, then the items of the result."""

    kind = KIND_FLATMAP

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        function = self.function
        self.collected: list[Payload] = (
            function.out.items if isinstance(function, FlatMapFunction) else []
        )

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward the results of one call."""
        collected = self.collected
        # A call that raised half way must not leave its results to the next record.
        collected.clear()
        result = self.call(data)
        results = [*collected, *(() if result is None else result)]
        collected.clear()
        for item in results:
            self.context.send_data(item)


class NoneDroppingMapOperator(FlatMapOperator):
    """A map under the policy ``none_result="drop"``; to kernels, a flatmap."""

    def _find_call(self) -> Callable[..., Payload]:
        apply = super()._find_call()

        def call(data: Payload) -> tuple[Payload, ...]:
            result = apply(data)
            return () if result is None else (result,)

        return call


class KeyByOperator(_CallOperator):
    """Forwards the record under the key that the function tells."""

    kind = KIND_KEY_BY

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward *data* under its key."""
        key = self.call(data)
        self.context.send_data(data, partition_key=NONE_KEY if key is None else key)


class ReduceOperator(_CallOperator):
    """Keeps one accumulated value per key and forwards it at each change."""

    kind = KIND_REDUCE

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        context: object = execution_context
        self.table: MutableMapping[Payload, Payload] = (
            context.keyed_state.table(_ACCUMULATORS)
            if isinstance(context, SupportsKeyedState)
            else {}
        )

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Fold *data* into the value of its key."""
        key = self.context.get_key()
        table = self.table
        table[key] = result = self.call(table[key], data) if key in table else data
        self.context.send_data(result)


class SinkOperator(_CallOperator):
    """Forwards nothing."""

    kind = KIND_SINK

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Hand *data* to the function."""
        self.call(data)
