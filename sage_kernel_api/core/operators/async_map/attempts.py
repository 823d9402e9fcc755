"""Call an asynchronous function for one record: rate limit, time limit, further calls.

Layer: core. Time is the event loop's, so a loop with a clock of its own brings its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from sage_kernel_api.core.operators.async_map.rate_limit import RateLimit
from sage_kernel_api.errors import CallTimeoutError, InterfaceError
from sage_kernel_api.values import Payload

__all__ = ["Attempts"]


class Attempted(Protocol):
    """What is being called for."""

    record: Payload
    attempts: int


class Attempts:
    """How the calls for one record are made.

    Args:
        function: Called on the loop's thread.
        timeout_s: Longest time of one call; waiting for the rate limit does not count.
        retries: Further calls after the first one.
        retry_delay_s: Seconds before the first further call, doubled each time.
        retry_on: Exceptions worth a further call.
        rate_limit: Asked before each call, the further ones too.
    """

    def __init__(
        self,
        function: Callable[[Payload], Awaitable[Payload]],
        *,
        timeout_s: float | None = None,
        retries: int = 0,
        retry_delay_s: float = 0.0,
        retry_on: tuple[type[Exception], ...] = (Exception,),
        rate_limit: RateLimit | None = None,
    ) -> None:
        self._function = function
        self._timeout_s = timeout_s
        self._retries = retries
        self._retry_delay_s = retry_delay_s
        self._retry_on = retry_on
        self._rate_limit = rate_limit

    async def run(self, attempted: Attempted) -> Payload:
        """Return the function's result for the record; count the calls.

        Raises:
            BaseException: What the last call raised.
        """
        delay_s = self._retry_delay_s
        while True:
            if self._rate_limit is not None:
                await _until_free(self._rate_limit)
            attempted.attempts += 1
            try:
                return await self._call(attempted.record)
            except self._retry_on:
                if attempted.attempts > self._retries:
                    raise
            await asyncio.sleep(delay_s)
            delay_s *= 2

    async def _call(self, record: Payload) -> Payload:
        if self._timeout_s is None:
            return await _awaitable(self._function(record))
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                return await _awaitable(self._function(record))
        except TimeoutError as error:
            if not limit.expired():
                raise  # the function's own, in time
            raise _timed_out(self._timeout_s, error) from error


def _awaitable(result: Awaitable[Payload]) -> Awaitable[Payload]:
    if not hasattr(result, "__await__"):
        raise InterfaceError(
            f"The function of map_async returned {type(result).__name__}, which cannot be awaited. "
            "Write it with async def, or use map."
        )
    return result


async def _until_free(limit: RateLimit) -> None:
    wait_s = limit.reserve(asyncio.get_running_loop().time())
    if wait_s > 0:
        await asyncio.sleep(wait_s)


def _timed_out(timeout_s: float, error: TimeoutError) -> CallTimeoutError:
    timed_out = CallTimeoutError(
        f"the call took longer than {timeout_s:g} s and was cancelled. Allow more with timeout_s=, "
        "or call again with retries=."
    )
    # With the trace of the cancelled call, so that the report names the line that was waiting.
    if error.__cause__ is not None:
        return timed_out.with_traceback(error.__cause__.__traceback__)
    return timed_out
