"""Where a service runs.

Layer: lifecycle. Pure; for kernels and environments, so that all of them read it the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast, get_args

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.lifecycle.pipeline_config import Placement

__all__ = ["service_placement"]


def service_placement(factory: Callable[..., Any], said: str | None = None) -> Placement:
    """Return where a service runs.

    Args:
        factory: What makes it. A class may say it in its attribute ``placement``; one that is no
            text means something else and says nothing.
        said: What was said at its registration, which comes first; None for nothing.

    Returns:
        ``process`` for a process of its own; ``kernel``, also where nobody says anything.

    Raises:
        ConfigurationError: There is no such placement.

    Example:
        >>> class Model:
        ...     placement = "process"
        >>> service_placement(Model), service_placement(dict)
        ('process', 'kernel')
    """
    placement: object = said
    if said is None and isinstance(factory, type):
        placement = getattr(factory, "placement", None)
        placement = placement if isinstance(placement, str) else None
    if placement is None:
        return "kernel"
    if placement not in get_args(Placement):
        name = getattr(factory, "__qualname__", repr(factory))
        raise ConfigurationError(
            f"Service {name} has placement={placement!r}; it is one of "
            f"{', '.join(get_args(Placement))}."
        )
    return cast("Placement", placement)
