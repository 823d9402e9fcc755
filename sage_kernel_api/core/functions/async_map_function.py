"""Asynchronous functions: one record in, one record out, many calls at once.

Layer: core. Imports no event loop: that comes only with a pipeline that has such a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, Generic, TypeVar, cast

from typing_extensions import ParamSpec

from sage_kernel_api.core.functions.async_service_calls import AsyncServiceHandle, start_call
from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.values import Payload

__all__ = ["CURRENT_KEY", "AsyncMapFunction"]

I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

CURRENT_KEY: Final[ContextVar[Payload]] = ContextVar("sage_kernel_current_key", default=None)
"""The key of the record of the call that is running; each call sees its own."""


class AsyncMapFunction(BaseFunction, ABC, Generic[I_contra, O_co]):
    """One record in, one record out, by a coroutine; ``None`` is a record like any other.

    Life: ``open`` on the task's thread, ``open_async`` on the event loop, any number of
    ``execute`` at the same time on the event loop, ``close_async`` there, ``close`` on the
    task's thread. The loop is shared by all asynchronous steps of the process: what blocks it
    without ``await`` blocks them all.

    When the job is cancelled or fails, running calls are cancelled (`asyncio.CancelledError`) and
    waited for, before ``close_async``.

    Example:
        >>> import asyncio
        >>> class Ask(AsyncMapFunction[str, str]):
        ...     async def execute(self, data: str) -> str:
        ...         await asyncio.sleep(0)
        ...         return f"{data}?"
        >>> asyncio.run(Ask().execute("ready"))
        'ready?'
    """

    @abstractmethod
    async def execute(self, data: I_contra) -> O_co:
        """Return the record that takes the place of *data*."""

    async def open_async(self) -> None:
        """Get ready on the event loop, as by opening a client; what it raises fails the job."""

    async def close_async(self) -> None:
        """Let go of what ``open_async`` took; called whenever that was, also when it raised."""

    @property
    def key(self) -> Payload:
        """The key of the record that this call of ``execute`` works on.

        ``ctx.get_key()`` is the task's, which has moved on to other records.
        """
        return CURRENT_KEY.get()

    def service(
        self, interface: Callable[..., S], service_name: str, *, timeout_s: float | None = None
    ) -> S:
        """Return a typed handle on a service, for `ask`.

        Called directly on the event loop, its methods refuse with a `ServiceCallError`, since
        waiting there would stop every other call.
        """
        client = self._require_context().services
        return cast(S, AsyncServiceHandle(client, service_name, timeout_s))

    async def ask(self, method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a method of a service and await its answer, while other calls go on.

        Args:
            method: A method of a handle: ``self.service(CacheProtocol, "cache").get``.
            args: Its arguments, which type checkers compare with the method's.
            kwargs: The same, by name.

        Raises:
            ServiceCallError: *method* belongs to no handle.
            ServiceError: As `ServiceClient.call` says; or the service's own exception.

        Example:
            ``hits = await self.ask(self.service(CacheProtocol, "cache").get, "k")``
        """
        from asyncio import wrap_future  # loaded already: this runs on an event loop

        return await wrap_future(start_call(method, *args, **kwargs))
