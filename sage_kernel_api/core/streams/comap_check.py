"""One function for each input of a comap: checked when the graph is built.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.operators import is_comap_class
from sage_kernel_api.errors import InterfaceError
from sage_kernel_api.values import Payload

__all__ = ["check_comap"]


def check_comap(function: Callable[..., Any], more: tuple[Payload, ...], inputs: int) -> None:
    """Check that there is one function for each input.

    Raises:
        InterfaceError: A ``mapN`` is missing, or there are fewer or more callables than inputs.
    """
    if is_comap_class(function):
        missing = [f"map{index}" for index in range(inputs) if not hasattr(function, f"map{index}")]
        if missing:
            raise InterfaceError(
                f"{function.__name__} lacks {', '.join(missing)}: comap on {inputs} streams "
                f"calls map0 to map{inputs - 1}."
            )
    elif len(more) + 1 != inputs or not all(callable(each) for each in (function, *more)):
        raise InterfaceError(
            f"comap on {inputs} streams takes a class, or {inputs} callables, one for each; "
            f"it got {len(more) + 1}."
        )
