"""A tracked table behaves as a dictionary, and its changes rebuild it."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_default.checkpoint import tables as checkpoint_tables
from sage_kernel_default.checkpoint.tables import pack_table, unpack_table
from sage_kernel_default.engine.tables import MISSING, TableChanges, TrackedTable

_CODEC = ValueCodec()
_RECORDS = count(10_000, 10_000)
"""How many a step may have taken at one snapshot after the other."""
_KEYS = st.integers(0, 12) | st.none() | st.booleans()


class _TableMachine(RuleBasedStateMachine):
    """Beside each other: the table, a plain dictionary, and what a store would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.table = TrackedTable(base_from=3)
        self.records = 0
        self.model: dict[Any, Any] = {}
        self.stored: dict[Any, Any] = {}
        self.patch = pytest.MonkeyPatch()
        # So that there are full chunks, whose keys are not encoded again.
        self.patch.setattr(checkpoint_tables, "CHUNK_ROWS", 4)

    def teardown(self) -> None:
        self.patch.undo()

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
            chunks = pack_table(
                _CODEC,
                "t",
                changes.entries,
                changes.deleted,
                is_base=changes.is_base,
                key_columns=changes.key_columns,
            )
            unpack_table(_CODEC, chunks, self.stored)
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


def test_of_flat_values_one_key_in_six_makes_a_table_hot() -> None:
    """To look for changes costs more than to store all; of dear values, only if half change."""
    flat, deep = TrackedTable(), TrackedTable()
    for number, table in enumerate((flat, deep)):
        _epoch(table, range(4000), 4000)
        for key in range(800):
            table[key] = (key, 1.5) if number == 0 else [key]
        table.take_changes(4800)
        table.settle()

    assert (len(flat.delta), len(flat.base)) == (4000, 0)
    assert (len(deep.delta), len(deep.base)) == (0, 4000)


def test_a_table_that_was_hot_goes_back_to_its_changes() -> None:
    """As soon as few records come, or many records of few keys."""
    table = TrackedTable()
    _epoch(table, range(4000), 4000)
    _epoch(table, range(4000), 8000)
    assert _epoch(table, range(1), 8001) == (4000, True)
    assert _epoch(table, range(1), 8002) == (1, False)

    for number in range(16):
        assert _epoch(table, range(1), 8003 + number) == (1, False)
    _epoch(table, range(4000), 12_000)
    stored = [_epoch(table, range(5), 12_000 + 4000 * number) for number in range(1, 5)]

    assert stored == [(4000, True), *[(5, False)] * 3]


def test_values_that_are_changed_in_place_do_not_keep_a_table_hot_for_ever() -> None:
    """They look as before, so for a while all of them count as changed; then it is found out."""
    table = TrackedTable()
    values: dict[int, list[int]] = {key: [] for key in range(4000)}
    table.delta.update(values)
    for records, keys in ((4000, range(0)), (8000, range(4000))):
        for key in keys:
            table[key] = values[key]
        table.take_changes(records)
        table.settle()
    assert len(table.delta) == 4000

    epochs = 0
    while table.delta:
        table[epochs % 5] = values[epochs % 5]
        epochs += 1
        table.take_changes(8000 + 4000 * epochs)
        table.settle()

    assert 10 < epochs < 30


def test_values_that_are_the_same_object_again_do_not_send_a_table_to_and_fro() -> None:
    """Each way moves all entries, which is what being hot shall spare."""
    table = TrackedTable()
    was_hot = []
    for epoch in range(1, 17):
        for key in range(4000):
            table[key] = True  # nobody can tell it from the one before
        table.take_changes(4000 * epoch)
        table.settle()
        was_hot.append(len(table.base) == 0)

    turns = sum(one != other for one, other in pairwise(was_hot))
    assert turns <= 2
    assert dict(table) == dict.fromkeys(range(4000), True)


def test_key_columns_last_until_a_key_goes() -> None:
    """They stand for keys in their order: one that went and came back stands elsewhere."""
    table = TrackedTable()
    changes = _filled(table, range(4000))
    changes.key_columns.append(b"of a table that is not stored whole again and again")
    table.settle()
    changes = _filled(table, range(4000))
    assert changes.key_columns == []
    changes.key_columns.append(b"as encoded")
    table.settle()

    assert _filled(table, range(4100)).key_columns == [b"as encoded"]
    table.settle()
    assert _filled(table, range(4200)).key_columns == [b"as encoded"]
    assert table.pop(9999, None) is None
    assert _filled(table, range(0)).key_columns == [b"as encoded"]
    table.pop(3)
    changes = _filled(table, range(0))
    assert changes.key_columns == []
    changes.key_columns.append(b"as encoded")
    table.settle()
    table.clear()
    assert _filled(table, range(5)).key_columns == []


def _filled(table: TrackedTable, keys: range) -> TableChanges:
    for key in keys:
        table[key] = object()
    table.note_stored(0, wants_base=True)
    changes = table.take_changes(next(_RECORDS))
    assert changes is not None
    return changes
