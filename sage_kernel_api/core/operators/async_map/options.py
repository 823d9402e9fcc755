"""How an asynchronous step calls its function.

Layer: core.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sage_kernel_api.core.operators.async_map.rate_limit import RateLimit
from sage_kernel_api.errors import ConfigurationError

__all__ = ["AsyncMapOptions"]


@dataclass(frozen=True, slots=True)
class AsyncMapOptions:
    """What `DataStream.map_async` was told; checked when made.

    Attributes:
        capacity: Calls that run at once in each instance of the step, at least 1.
        ordered: Results in the order of their records; else as they come.
        timeout_s: Longest time of one call in seconds; None for no limit.
        retries: Further calls for a record whose call failed, at least 0.
        retry_delay_s: Seconds before the first further call, doubled each time.
        retry_on: Exceptions worth a further call; a call that timed out raises
            `CallTimeoutError`, a `TimeoutError`.
        rate_limit: Calls per time, shared by the instances of the step; None for no limit.
    """

    capacity: int = 100
    ordered: bool = True
    timeout_s: float | None = None
    retries: int | None = None
    """None: as many as the step's policy ``retry`` says, else none."""
    retry_delay_s: float = 0.1
    retry_on: tuple[type[Exception], ...] = (Exception,)
    rate_limit: RateLimit | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigurationError: Some are out of their range; `problems` lists all.
        """
        if problems := tuple(self._problems()):
            raise ConfigurationError.listing("map_async cannot work with these options:", problems)

    def _problems(self) -> Iterator[str]:
        if not _is_count(self.capacity, 1):
            yield f"capacity={self.capacity!r} must be a whole number, at least 1"
        if self.timeout_s is not None and not _is_duration(self.timeout_s, above=True):
            yield f"timeout_s={self.timeout_s!r} must be a number of seconds above 0, or None"
        if self.retries is not None and not _is_count(self.retries, 0):
            yield f"retries={self.retries!r} must be a whole number, at least 0"
        if not _is_duration(self.retry_delay_s):
            yield f"retry_delay_s={self.retry_delay_s!r} must be a number of seconds, at least 0"
        for kind in self.retry_on:
            if not _is_exception(kind):
                yield f"retry_on holds {kind!r}, which is no class of exceptions"


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_duration(value: object, *, above: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    return value > 0 if above else value >= 0
