"""Operators for several inputs.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.functions import BaseFunction
from sage_kernel_api.core.operators.base_operator import BaseOperator, is_function_class
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.values import Payload

__all__ = [
    "CoMapOperator",
    "JoinOperator",
    "NoneDroppingCoMapOperator",
    "is_comap_class",
]


def is_comap_class(function: object) -> bool:
    """Tell whether *function* is a class with ``mapN`` methods, and not a callable for input 0."""
    return is_function_class(function) or (isinstance(function, type) and hasattr(function, "map0"))


class CoMapOperator(BaseOperator):
    """Applies ``map0``, ``map1``, ... (or one callable each) by the input of the record."""

    kind = "comap"

    @classmethod
    def under(cls, policies: Policies) -> type[BaseOperator]:
        """Return the variant that drops None, if the policies say so."""
        return NoneDroppingCoMapOperator if policies.none_result == "drop" else cls

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.calls: tuple[Callable[[Payload], Payload], ...] = _calls_of(self.function, args)

    def _create_function(
        self, function_class: Callable[..., Any], *args: Payload, **kwargs: Payload
    ) -> Any:
        # For plain callables, *args* holds the further ones, not constructor arguments.
        if not is_comap_class(function_class):
            return function_class
        function = function_class(*args, **kwargs)
        if isinstance(function, BaseFunction):
            function.set_context(self.context)
        return function

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward the result of the input's function."""
        self.context.send_data(self.calls[input_index](data))


class NoneDroppingCoMapOperator(CoMapOperator):
    """A comap under the policy ``none_result="drop"``."""

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward the result of the input's function unless it is None."""
        result = self.calls[input_index](data)
        if result is not None:
            self.context.send_data(result)


class JoinOperator(BaseOperator):
    """Hands each record to the function, together with its key and its input."""

    kind = "join"

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward the results that the record completes."""
        for result in self.function.execute(data, self.context.get_key(), input_index):
            self.context.send_data(result)


def _calls_of(function: Any, more: tuple[Payload, ...]) -> tuple[Callable[[Payload], Payload], ...]:
    if not hasattr(function, "map0"):
        return (function, *more)
    calls: list[Callable[[Payload], Payload]] = []
    while hasattr(function, f"map{len(calls)}"):
        calls.append(getattr(function, f"map{len(calls)}"))
    return tuple(calls)
