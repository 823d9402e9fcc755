"""Makes the instances of a step, wherever the kernel wants them.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.runnable import Runnable
from sage_kernel_api.values import Payload

__all__ = ["OperatorFactory"]


@dataclass(frozen=True, slots=True)
class OperatorFactory:
    """A `RunnableFactory`; picklable when its parts are.

    Attributes:
        operator_class: What to make.
        function: The user's class or callable.
        args: Constructor arguments of the class.
        kwargs: The same, by name.
        settings: Attributes to set on the operator.
    """

    operator_class: type[BaseOperator]
    function: Callable[..., Any]
    args: tuple[Payload, ...] = ()
    kwargs: tuple[tuple[str, Payload], ...] = ()
    settings: tuple[tuple[str, Payload], ...] = ()

    def __call__(self, context: ExecutionContext, /) -> Runnable:
        """Return a new, unopened instance bound to *context*."""
        operator = self.operator_class(context, self.function, *self.args, **dict(self.kwargs))
        for name, value in self.settings:
            setattr(operator, name, value)
        return cast("Runnable", operator)
