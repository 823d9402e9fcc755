"""Keyed tables survive as columns, also at another parallelism."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.errors import StateError
from sage_kernel_api.storage import value_codec
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_default.checkpoint import StepSnapshot, tables
from sage_kernel_default.checkpoint.tables import pack_table, unpack_table, unpack_tables

CODEC = ValueCodec()
_keys = st.integers(-3, 3) | st.booleans() | st.floats(-2, 2) | st.text("ab", max_size=2)
_changes = st.lists(
    st.tuples(st.dictionaries(_keys, st.integers()), st.sets(_keys), st.booleans()), max_size=5
)


@given(_changes)
def test_changes_applied_in_order_give_the_table(changes: list[Any]) -> None:
    """A deleted key that comes back is the classical mistake; ``1`` and ``True`` are one key."""
    table: dict[Any, int] = {}
    stored = []
    for changed, gone, is_base in changes:
        table = {} if is_base else table
        deleted = [key for key in gone if key not in changed and not is_base]
        for key in deleted:
            table.pop(key, None)
        table.update(changed)
        stored += pack_table(CODEC, "t", changed, deleted, is_base=is_base)

    restored: dict[Any, Any] = {}
    unpack_table(CODEC, stored, restored)

    assert restored == table


@given(
    st.dictionaries(st.integers() | st.text(max_size=3), st.integers(), max_size=40),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_r8_every_key_reaches_its_owner_at_another_parallelism(
    table: dict[Any, int], old: int, new: int
) -> None:
    """A key that nobody or two instances own would be lost or counted twice."""
    snapshots = []
    for index in range(old):
        mine = {k: v for k, v in table.items() if owner_of(key_group(k), old) == index}
        snapshots.append(StepSnapshot("s", index, old, keyed=pack_table(CODEC, "t", mine)))

    parts = [unpack_tables(CODEC, snapshots, index, new).get("t", {}) for index in range(new)]

    assert sum(len(part) for part in parts) == len(table)
    for index, part in enumerate(parts):
        for key, value in part.items():
            assert (owner_of(key_group(key), new), table[key]) == (index, value)


def test_an_empty_base_forgets_what_was_there() -> None:
    """A table that was cleared must not come back."""
    restored: dict[Any, Any] = {}

    unpack_table(
        CODEC,
        [*pack_table(CODEC, "t", {1: 1}), *pack_table(CODEC, "t", {}, is_base=True)],
        restored,
    )

    assert restored == {}


def test_large_tables_are_packed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million keys in one piece would be in memory twice."""
    monkeypatch.setattr(tables, "CHUNK_ROWS", 10)
    table = {n: n for n in range(95)}

    chunks = pack_table(CODEC, "t", table, [f"gone{n}" for n in range(15)])

    assert [chunk.rows for chunk in chunks] == [10] * 9 + [5, 0, 0]
    assert [chunk.deletions for chunk in chunks[-2:]] == [10, 5]
    restored: dict[Any, Any] = {}
    unpack_table(CODEC, chunks, restored)
    assert restored == table


def test_keys_that_were_encoded_are_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a table that is stored whole each second, only the values differ."""
    monkeypatch.setattr(tables, "CHUNK_ROWS", 10)
    table = {f"k{n}": n for n in range(25)}
    known: list[bytes] = []
    first = pack_table(CODEC, "t", table, is_base=True, key_columns=known)
    assert len(known) == 2

    table.update({f"k{n}": -n for n in range(32)})
    again = pack_table(CODEC, "t", table, is_base=True, key_columns=known)

    assert [a.keys is f.keys for a, f in zip(again, first, strict=False)] == [True, True, False]
    assert len(known) == 3
    restored: dict[Any, Any] = {}
    unpack_table(CODEC, [*first, *again], restored)
    assert restored == table


def test_large_values_split_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that fit one by one must not fail because they are many."""
    monkeypatch.setattr(value_codec, "MAX_VALUE_BYTES", 1_000)
    table = dict.fromkeys(range(9), "x" * 300)

    chunks = pack_table(CODEC, "t", table)

    assert len(chunks) > 1
    restored: dict[Any, Any] = {}
    unpack_table(CODEC, chunks, restored)
    assert restored == table


@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_value_that_cannot_be_kept_is_named_by_its_key(at: int) -> None:
    """Among a million keys the user must learn which."""
    table: dict[str, object] = {f"user{n}": n for n in range(10)}
    table[f"user{at}"] = object()

    with pytest.raises(StateError, match=f"State 'total', key 'user{at}': .*builtins.object"):
        pack_table(CODEC, "total", table)


def test_a_deleted_key_that_cannot_be_kept_is_named() -> None:
    """Keys of unregistered classes fail at the first checkpoint, whatever happens to them."""
    with pytest.raises(StateError, match="State 't', key <object"):
        pack_table(CODEC, "t", {}, [1, object()])
