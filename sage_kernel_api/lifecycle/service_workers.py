"""How many calls of a service run at once.

Layer: lifecycle. Pure; for kernels and environments, so that all of them read it the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from sage_kernel_api.errors import ConfigurationError

__all__ = ["service_workers"]


def service_workers(factory: Callable[..., Any], said: int | None = None) -> int:
    """Return the number of workers of a service.

    Args:
        factory: What makes it. A class may say it in its attribute ``workers``; one that is no
            whole number (a property, a list) means something else and says nothing.
        said: What was said at its registration, which comes first; None for nothing.

    Returns:
        At least 1, which is also the number where nobody says anything.

    Raises:
        ConfigurationError: The number is below 1, or *said* is no whole number.

    Example:
        >>> class Model:
        ...     workers = 4
        >>> service_workers(Model), service_workers(dict)
        (4, 1)
    """
    workers: object = said
    if said is None and isinstance(factory, type):
        workers = getattr(factory, "workers", None)
        workers = workers if _is_number(workers) else None
    if workers is None:
        return 1
    if not _is_number(workers) or workers < 1:
        name = getattr(factory, "__qualname__", repr(factory))
        raise ConfigurationError(
            f"Service {name} has workers={workers!r}; that is a whole number from 1."
        )
    return workers


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
