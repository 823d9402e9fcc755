"""The embedded kernel ``default``: a streaming engine in your process.

Its parts are imported when they are first asked for: the process of a lane needs no facade.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sage_kernel_default.facade import DefaultKernelFacade
    from sage_kernel_default.lanes.simulated import SimulatedDriver
    from sage_kernel_default.options import DefaultOptions

__all__ = ["DefaultKernelFacade", "DefaultOptions", "SimulatedDriver"]

_HOMES = {
    "DefaultKernelFacade": "facade",
    "DefaultOptions": "options",
    "SimulatedDriver": "lanes.simulated",
}

if not TYPE_CHECKING:  # a type checker knows the names from above, and must miss all others

    def __getattr__(name: str) -> object:
        """Import the part that has *name* (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
