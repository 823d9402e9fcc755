"""Keyed state of one step instance; the key is whatever the facts say at the moment."""

from __future__ import annotations

from collections.abc import Mapping

from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import Payload
from sage_kernel_mock.facts import MockFacts

__all__ = ["MockKeyedState"]


class MockKeyedState(KeyedStateStore):
    """Tables by name, which a test may read and fill.

    Example:
        >>> facts = MockFacts(key="a")
        >>> state = MockKeyedState(facts)
        >>> state.table("count")[state.key] = 1
        >>> facts.key = "b"
        >>> state.table("count"), state.key
        ({'a': 1}, 'b')
    """

    def __init__(self, facts: MockFacts) -> None:
        self._facts = facts
        self._tables: dict[str, dict[Payload, Payload]] = {}

    @property
    def key(self) -> Payload:
        """Return the key that the facts tell."""
        return self._facts.key

    @key.setter
    def key(self, key: Payload) -> None:
        self._facts.key = key

    def table(self, name: str) -> dict[Payload, Payload]:
        """Return the table of one state."""
        return self._tables.setdefault(name, {})

    @property
    def tables(self) -> Mapping[str, dict[Payload, Payload]]:
        """Return all tables by name; the live ones."""
        return self._tables
