"""What the context of a step offers beside the rest if its kernel keeps state by key.

Layer: context.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

from sage_kernel_api.storage.keyed_state import KeyedStateStore

__all__ = ["SupportsKeyedState"]


@runtime_checkable
class SupportsKeyedState(Protocol):
    """An `ExecutionContext` of a kernel with `Capability.KEYED_STATE`."""

    @property
    @abstractmethod
    def keyed_state(self) -> KeyedStateStore:
        """Return the keyed state of this instance; the same object each time."""
