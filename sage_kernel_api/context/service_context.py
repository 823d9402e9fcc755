"""What a running service may ask for.

Layer: context. The seed names this module and leaves it empty; the interface is ours.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from sage_kernel_api.context.runtime_context import RuntimeContext

__all__ = ["ServiceContext"]


class ServiceContext(RuntimeContext, Protocol):
    """The surroundings of one service instance. Any worker thread of the service may use it.

    A service has no downstream: its ``transport`` drops what it is given and says so by
    returning False.
    """

    @property
    @abstractmethod
    def service_name(self) -> str:
        """Return the name that callers use; the same as ``name``."""

    @abstractmethod
    def should_stop(self) -> bool:
        """Tell whether the service is being stopped; long loops look at it."""
