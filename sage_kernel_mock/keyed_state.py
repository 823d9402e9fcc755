"""Keyed state of one step instance; the key is whatever the facts say at the moment."""

from __future__ import annotations

from collections.abc import Mapping

from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.values import Payload
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.state import copy_value

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

    def export(self) -> dict[str, dict[Payload, Payload]]:
        """Return a copy of all tables.

        Raises:
            StateError: A value cannot be copied.
        """
        return dict(copy_value("the keyed states", self._tables))

    def replace(self, tables: Mapping[str, Mapping[Payload, Payload]]) -> None:
        """Fill all tables with copies of *tables*; functions keep the table objects they have."""
        for table in self._tables.values():
            table.clear()
        for name, values in tables.items():
            self.table(name).update(copy_value(name, dict(values)))
