"""A tracked table behaves as a dictionary, and its changes rebuild it."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sage_kernel_default.engine.tables import MISSING, TrackedTable

_KEYS = st.integers(0, 12) | st.none() | st.booleans()


class _TableMachine(RuleBasedStateMachine):
    """Beside each other: the table, a plain dictionary, and what a store would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.table = TrackedTable()
        self.model: dict[Any, Any] = {}
        self.stored: dict[Any, Any] = {}

    @rule(key=_KEYS, value=st.integers())
    def put(self, key: Any, value: int) -> None:
        self.table[key] = self.model[key] = value

    @rule(key=_KEYS)
    def pop(self, key: Any) -> None:
        assert self.table.pop(key, MISSING) == self.model.pop(key, MISSING)

    @rule()
    def clear(self) -> None:
        self.table.clear()
        self.model.clear()

    @rule()
    def snapshot(self) -> None:
        changes = self.table.take_changes()
        if changes is not None:
            if changes.is_base:
                self.stored.clear()
            for key in changes.deleted:
                self.stored.pop(key, None)
            self.stored.update(changes.entries)
            self.table.settle()
        assert self.stored == self.model

    @rule()
    def restart(self) -> None:
        self.table = TrackedTable()
        self.table.fill(self.stored)
        self.table.note_stored(len(self.stored), wants_base=False)
        self.model = dict(self.stored)

    @invariant()
    def equals_the_dictionary(self) -> None:
        assert dict(self.table) == self.model
        assert len(self.table) == len(self.model)
        assert all(self.table.get(key) == self.model[key] for key in self.model)
        assert (99 in self.table, None in self.table) == (False, None in self.model)


TestTable = _TableMachine.TestCase
TestTable.settings = settings(max_examples=60, stateful_step_count=30)


def test_only_changed_keys_are_given_to_the_store() -> None:
    """A checkpoint of a million keys of which ten have changed must cost ten."""
    table = TrackedTable()
    table.delta.update(dict.fromkeys(range(5000), 0))
    table.take_changes()
    table.settle()

    table[7] = 1
    changes = table.take_changes()

    assert changes is not None
    assert (changes.entries, changes.is_base) == ({7: 1}, False)
    table.settle()
    assert table.take_changes() is None


def test_the_store_never_holds_much_more_than_the_table() -> None:
    """Ten hot keys, a million snapshots: without a new base the disk would fill up."""
    table = TrackedTable()
    rows, most = 0, 0

    for number in range(3000):
        for key in range(10):
            table[key] = number
        changes = table.take_changes()
        assert changes is not None
        rows = len(changes.entries) + (0 if changes.is_base else rows)
        table.settle()
        most = max(most, rows)

    assert most <= 1024
