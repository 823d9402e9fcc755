"""Keyed state of a function outside of any job: one key, tables in memory.

Layer: state.
"""

from __future__ import annotations

from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import Payload

__all__ = ["MemoryKeyedState"]


class MemoryKeyedState(KeyedStateStore):
    """Tables by name, for a context whose key only its user changes."""

    def __init__(self, key: Payload) -> None:
        self._key = key
        self._tables: dict[str, dict[Payload, Payload]] = {}

    @property
    def key(self) -> Payload:
        """Return the key: the configured one, until somebody sets another."""
        return self._key

    @key.setter
    def key(self, key: Payload) -> None:
        self._key = key

    def table(self, name: str) -> dict[Payload, Payload]:
        """Return the table of one state."""
        return self._tables.setdefault(name, {})
