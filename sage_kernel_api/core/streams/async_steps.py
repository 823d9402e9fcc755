"""The asynchronous step: many calls at once, as for language models and web services.

Layer: core. The overloads say to type checkers in turn: a plain asynchronous callable; a class
made without arguments, or a ``functools.partial`` of one; a class with its constructor arguments
and a capacity (then the arguments cannot be checked, a limit of the language); a class with its
constructor arguments checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, overload

from typing_extensions import ParamSpec, Unpack

from sage_kernel_api.core.functions.async_map_function import AsyncMapFunction
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import StreamBase, take_options

if TYPE_CHECKING:
    from sage_kernel_api.core.operators.async_map import AsyncMapOptions, RateLimit
    from sage_kernel_api.core.streams.data_stream import DataStream

__all__ = ["AsyncStepOptions", "AsyncSteps"]

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")


class AsyncStepOptions(TypedDict, total=False):
    """What a user may say about an asynchronous step; see `AsyncSteps.map_async`."""

    capacity: int
    ordered: bool
    timeout_s: float | None
    retries: int | None
    retry_delay_s: float
    retry_on: type[Exception] | tuple[type[Exception], ...]
    rate_limit: RateLimit | float | str | None
    name: str | None
    uid: str | None
    parallelism: int | None
    on_error: ErrorPolicy | None


class AsyncSteps(StreamBase[T_co], Generic[T_co]):
    """The steps of a stream that call asynchronous functions."""

    @overload
    def map_async(
        self, function: Callable[[T_co], Awaitable[U]], **options: Unpack[AsyncStepOptions]
    ) -> DataStream[U]: ...

    @overload
    def map_async(
        self,
        function: Callable[[], AsyncMapFunction[T_co, U]],
        **options: Unpack[AsyncStepOptions],
    ) -> DataStream[U]: ...

    @overload
    def map_async(
        self,
        function: Callable[..., AsyncMapFunction[T_co, U]],
        *args: Any,
        capacity: int,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def map_async(
        self, function: Callable[P, AsyncMapFunction[T_co, U]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[U]: ...

    def map_async(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Turn each record into one record by an asynchronous function, many at once.

        All calls of a process run on one event loop, so the function must ``await`` whatever
        takes long. A full step waits, and so do the steps before it. When the job is cancelled or
        fails, running calls are cancelled.

        Args:
            function: A class of `AsyncMapFunction` (with its constructor arguments), or a callable
                that returns an awaitable.
            args: Constructor arguments of the class.
            kwargs: Constructor arguments of the class by name, mixed with these options:
                ``capacity``: calls that run at once in each instance, default 100.
                ``ordered``: True (default) for results in the order of their records; False for
                each as soon as it is there.
                ``timeout_s``: longest time of one call; a `CallTimeoutError` otherwise.
                ``retries``: further calls for a record whose call failed. Default: as the policy
                ``on_error=retry(...)`` says, else none. What happens in the end, ``on_error`` says.
                ``retry_delay_s``: wait before the first further call, doubled each time; 0.1.
                ``retry_on``: exceptions that are worth a further call; default: every `Exception`.
                ``rate_limit``: calls per second, or text such as ``"60/min"``, shared by the
                instances of the step; or a `RateLimit`, shared by all steps that are given it.
                Steps on process lanes share it within each process only.
                ``name``, ``uid``, ``parallelism``, ``on_error``: as for every step.

        Raises:
            ConfigurationError: An option is out of its range; all such options are listed.

        Example:
            >>> import asyncio
            >>> from sage_kernel_api import LocalEnvironment
            >>> async def shout(word: str) -> str:
            ...     await asyncio.sleep(0)
            ...     return word.upper()
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection(["to", "be"]).map_async(shout).execute_and_collect()
            ['TO', 'BE']
        """
        # Here, so that programs without asynchronous steps do not import an event loop.
        from sage_kernel_api.core.operators.async_map import AsyncMapOperator

        step_options = take_options(kwargs)
        settings = {"options": _take_async_options(kwargs)}
        step = self._add_step(AsyncMapOperator, function, args, kwargs, step_options, settings)
        return self._derive(step)


def _take_async_options(kwargs: dict[str, Any]) -> AsyncMapOptions:
    """Take what a user said about the calls out of *kwargs*; constructor arguments stay."""
    from sage_kernel_api.core.operators.async_map import AsyncMapOptions, RateLimit

    names = ("capacity", "ordered", "timeout_s", "retries", "retry_delay_s", "retry_on")
    given = {name: kwargs.pop(name) for name in names if name in kwargs}
    if isinstance(given.get("retry_on"), type):
        given["retry_on"] = (given["retry_on"],)
    if (rate := kwargs.pop("rate_limit", None)) is not None:
        given["rate_limit"] = RateLimit.parse(rate)
    return AsyncMapOptions(**given)
