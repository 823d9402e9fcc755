"""The running side of a step: a function bound to the context that a kernel made.

Layer: core. Talks to kernels through `ExecutionContext` only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.core.functions.function_state import (
    function_state,
    restore_function,
    upgrade_function_state,
)
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.logging import Logger
from sage_kernel_api.runnable import KIND_SOURCE
from sage_kernel_api.storage.state_upgrade import upgrade_table, version_of
from sage_kernel_api.values import Capability, Payload

__all__ = ["BaseOperator", "is_function_class"]


def is_function_class(function: object) -> bool:
    """Tell whether *function* is a class of functions, to be made once per parallel instance."""
    return isinstance(function, type) and issubclass(function, BaseFunction)


class BaseOperator:
    """One instance of one step; see `Runnable` for its life.

    Args:
        execution_context: Made by the kernel for this instance.
        function_class: A class of functions, or a plain callable that is used as it is.
        args: Constructor arguments of the class.
        kwargs: The same.

    Attributes:
        context: The execution context.
        logger: Its logger.
        function: The user's function, or the plain callable.
        kind: See `sage_kernel_api.runnable`.
    """

    kind: str = "process"
    needs: ClassVar[tuple[Capability, ...]] = ()
    """What a kernel must be able to do for any such step."""
    keeps_keyed_state: ClassVar[bool] = False
    """Whether its records must come by key."""
    keeps_keys: ClassVar[bool] = False
    """Whether what an instance emits for a key has that key, and so is its own."""
    reads_event_time: ClassVar[bool] = False
    """Whether its records must have event times."""

    @classmethod
    def under(cls, policies: Policies) -> type[BaseOperator]:
        """Return the class that runs such a step under *policies*; usually this one."""
        return cls

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        self.context: ExecutionContext = execution_context
        self.logger: Logger = execution_context.logger
        self.function: Any = self._create_function(function_class, *args, **kwargs)

    def _create_function(
        self, function_class: Callable[..., Any], *args: Payload, **kwargs: Payload
    ) -> Any:
        if not is_function_class(function_class):
            return function_class
        function = function_class(*args, **kwargs)
        function.set_context(self.context)
        return function

    def method(self, name: str) -> Callable[..., Any]:
        """Return the function's bound method of that name, or the plain callable itself."""
        function: Any = self.function
        bound: Callable[..., Any] = (
            getattr(function, name) if isinstance(function, BaseFunction) else function
        )
        return bound

    @property
    def reads_key(self) -> bool:
        """True if the function knows the context, so that it may ask for the record's key."""
        return isinstance(self.function, BaseFunction)

    def open(self) -> None:
        """Open the function."""
        if isinstance(self.function, BaseFunction):
            self.function.open()

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Work on one record; each kind of operator says how."""
        raise TypeError(f"{type(self).__name__} takes no records")

    def finish(self) -> None:
        """Emit what was held back; most operators hold back nothing."""

    def close(self) -> None:
        """Close the function."""
        if isinstance(self.function, BaseFunction):
            self.function.close()

    # --- state beside the keyed one -----------------------------------------------------------

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """Tell whose state this is; see `StatefulRunnable`."""
        return "own"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the function's state."""
        return function_state(self.function, is_source=self.kind == KIND_SOURCE)

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Give the function its state back."""
        for state in states:
            restore_function(self.function, state)

    @property
    def state_version(self) -> int:
        """Return the version of the function's state."""
        return version_of(self.function)

    def upgrade_state(self, version: int, state: Mapping[str, Payload]) -> Mapping[str, Payload]:
        """Return older state as this function wants it; see `UpgradingRunnable`."""
        return upgrade_function_state(self.function, version, state)

    def upgrade_table(
        self, version: int, table: str, rows: Mapping[Payload, Payload]
    ) -> Mapping[Payload, Payload]:
        """Return an older keyed table as this function wants it; see `UpgradingRunnable`."""
        return upgrade_table(self.function, version, table, rows)

    def send_data(
        self, data: Payload, target: str | None = None, partition_key: Payload | None = None
    ) -> bool:
        """Hand one record on; see `ExecutionContext.send_data`."""
        return self.context.send_data(data, target, partition_key)

    def save_state(self) -> None:
        """Keep the function's state under the step's name, if it has any."""
        if hasattr(self.function, "get_state"):
            self.context.state_manager.save_state(self.context.name, self.function.get_state())
