"""The root of all functions that users write: context, logger, services, state.

Layer: core. Works without ``super().__init__()`` and without a runtime; what really needs one
says so with a `ContextError`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from sage_kernel_api.context import ExecutionContext, RuntimeContext
from sage_kernel_api.core.functions.keyed_state import declared_states, forget_bound_states
from sage_kernel_api.core.functions.service_calls import (
    ServiceCaller,
    ServiceHandle,
    hand_over,
    wait_for,
)
from sage_kernel_api.errors import ContextError
from sage_kernel_api.logging import Logger
from sage_kernel_api.values import Payload

__all__ = ["BaseFunction", "ContextUser"]

S = TypeVar("S")


class ContextUser:
    """What functions and services share: a context that a kernel, or a test, sets.

    Example:
        >>> class Shout(ContextUser):
        ...     pass
        >>> Shout().name
        'Shout'
    """

    # A class attribute, so that subclasses need not call ``super().__init__()``.
    _context: RuntimeContext | None = None

    def set_context(self, context: RuntimeContext) -> None:
        """Give the function its surroundings. Called before ``open``."""
        self._take_context(context)

    @property
    def ctx(self) -> ExecutionContext:
        """The surroundings.

        Raises:
            ContextError: There are none: no kernel, and no test, has set them.
        """
        if self._context is None:
            raise ContextError(
                f"{type(self).__name__} has no runtime: it was not opened by a kernel. In a test, "
                "call set_context(kernel.create_execution_context({})) first."
            )
        return cast("ExecutionContext", self._context)

    @ctx.setter
    def ctx(self, context: RuntimeContext | None) -> None:
        self._take_context(context)

    @property
    def context(self) -> ExecutionContext:
        """Same as ``ctx``."""
        return self.ctx

    @context.setter
    def context(self, context: RuntimeContext | None) -> None:
        self._take_context(context)

    @property
    def name(self) -> str:
        """Name of the step or service; without a runtime, that of the class."""
        return type(self).__name__ if self._context is None else self._context.name

    @property
    def logger(self) -> Logger:
        """The runtime's logger; without a runtime, one of the standard library."""
        if self._context is None:
            return logging.getLogger(type(self).__name__)
        return self._context.logger

    @property
    def call_service(self) -> ServiceCaller[Any]:
        """Call a service and wait for its answer.

        Three spellings: ``call_service["cache"].get("k")``, ``call_service("cache", "get", "k")``
        and ``call_service("cache", "k", method="get", timeout=5.0)``. Typed and preferred:
        ``self.service(CacheProtocol, "cache").get("k")``.
        """
        return ServiceCaller(self._require_context, wait_for)

    @property
    def call_service_async(self) -> ServiceCaller[Future[Any]]:
        """Call a service and get a future at once; spelt as `call_service`."""
        return ServiceCaller(self._require_context, hand_over)

    def service(
        self, interface: Callable[..., S], service_name: str, *, timeout_s: float | None = None
    ) -> S:
        """Return a handle on a service that type checkers know.

        Args:
            interface: A Protocol or class with the methods of the service; used for typing only,
                and typed as a callable because mypy takes no Protocol where it reads ``type[S]``.
            service_name: As registered.
            timeout_s: Deadline of each call in seconds; None for the kernel's own one.

        Returns:
            A handle; each call waits for its answer and raises what the service raised.

        Raises:
            ContextError: There is no runtime.
        """
        client = self._require_context().services
        return cast(S, ServiceHandle(client, service_name, wait_for, timeout_s))

    def _require_context(self) -> RuntimeContext:
        return self.ctx

    def _take_context(self, context: RuntimeContext | None) -> None:
        forget_bound_states(self)
        self._context = context


class BaseFunction(ContextUser):
    """A user's function: one instance per parallel instance of its step.

    Life: ``__init__`` with the arguments given to the step, ``set_context``, ``open``, any number
    of ``execute``, ``close``. ``close`` is called whenever ``open`` was, also after a failure.

    Attributes:
        __state_include__: Names of the attributes that make up the state; empty means all.
        __state_exclude__: Names that never belong to it.
    """

    __state_include__: ClassVar[tuple[str, ...]] = ()
    __state_exclude__: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:
        # For type checkers only: tells functions from plain values (see `streams.typing`).
        __sizeof__: None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take anything: subclasses may pass on what they like."""

    def open(self) -> None:
        """Get ready, before the first record; the context is set. What it raises fails the job."""

    def close(self) -> None:
        """Let go of what ``open`` took, after the last record or a failure."""

    def get_state(self) -> dict[str, Payload]:
        """Return the attributes that make up the state.

        All instance attributes but the context, or those in ``__state_include__``; without those
        in ``__state_exclude__``. Keyed state is not part of it: the kernel has it already.
        """
        chosen = self.__state_include__ or tuple(vars(self))
        left_out = {*self.__state_exclude__, "_context", *declared_states(type(self))}
        return {key: vars(self)[key] for key in chosen if key in vars(self) and key not in left_out}

    def restore_state(self, state: Mapping[str, Payload]) -> None:
        """Set the attributes that `get_state` returned; others stay as they are."""
        vars(self).update(state)

    def set_state(self, state: Mapping[str, Payload]) -> None:
        """Same as `restore_state`; a class overrides the one or the other."""
        self.restore_state(state)

    def save_state(self, state: Payload = ...) -> bool:
        """Keep *state*, or without it `get_state`, under the function's name.

        Raises:
            ContextError: There is no runtime.
            StateError: It cannot be encoded; the old state stays.
        """
        kept = self.get_state() if state is ... else state
        return self.ctx.state_manager.save_state(self.name, kept)

    def load_state(self, default: Payload = None) -> Any:
        """Return what was last saved, or *default*.

        Raises:
            ContextError: There is no runtime.
        """
        return self.ctx.state_manager.load_state(self.name, default)
