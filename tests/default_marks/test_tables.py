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
        self.table = TrackedTable(base_from=3)
        self.records = 0
        self.model: dict[Any, Any] = {}
        self.stored: dict[Any, Any] = {}

    @rule(key=_KEYS, value=st.integers())
    def put(self, key: Any, value: int) -> None:
        self.table[key] = self.model[key] = value

    @rule(value=st.integers())
    def put_all(self, value: int) -> None:
        for key in range(13):
            self.put(key, value)

    @rule(key=_KEYS)
    def pop(self, key: Any) -> None:
        assert self.table.pop(key, MISSING) == self.model.pop(key, MISSING)

    @rule()
    def clear(self) -> None:
        self.table.clear()
        self.model.clear()

    @rule(records=st.sampled_from([0, 1, 3, 100]))
    def snapshot(self, records: int) -> None:
        self.records += records
        changes = self.table.take_changes(self.records)
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
        self.table, self.records = TrackedTable(base_from=3), 0
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


def _epoch(table: TrackedTable, keys: range, records: int) -> tuple[int, bool]:
    """Set the keys, take a snapshot; return how many entries were stored, and whether as a base."""
    for key in keys:
        table[key] = records
    changes = table.take_changes(records)
    assert changes is not None
    stored = (len(changes.entries), changes.is_base)
    table.settle()
    return stored


def test_a_table_of_which_most_changes_is_stored_whole_without_a_note_of_keys() -> None:
    """What the loop pays for a key is then what it pays in a plain dictionary."""
    table = TrackedTable()
    _epoch(table, range(4000), 4000)

    _epoch(table, range(3000), 7000)
    assert (len(table.delta), len(table.base)) == (4000, 0)

    assert _epoch(table, range(3000), 10_000) == (4000, True)


def test_a_table_that_was_hot_goes_back_to_its_changes() -> None:
    """As soon as few records come, and after a while in any case: they may be of few keys."""
    table = TrackedTable()
    _epoch(table, range(4000), 4000)
    _epoch(table, range(4000), 8000)
    assert _epoch(table, range(1), 8001) == (4000, True)
    assert _epoch(table, range(1), 8002) == (1, False)

    _epoch(table, range(4000), 12_000)
    stored = [_epoch(table, range(5), 12_000 + 4000 * number) for number in range(1, 40)]

    assert stored.count((4000, True)) < 10
    assert stored[-20:] == [(5, False)] * 20
