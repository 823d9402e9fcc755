"""Values in columns come back as they were, to the type; damaged ones are reported."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.state_classes import state_class
from sage_kernel_api.storage.value_codec import ValueCodec, split_column
from sage_kernel_default.checkpoint.blocks import (
    BLOCK_ROWS,
    decode_values,
    encode_values,
    split_values,
)

CODEC = ValueCodec()
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()), max_size=3)
    | st.binary(max_size=3)
)
_any_value = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@st.composite
def _alike(draw: st.DrawFn) -> list[Any]:
    """Draw tuples of one length, in which some items are the key, or merely equal to it."""
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.tuples(*[_scalars] * width), min_size=1, max_size=8))
    key_at = draw(st.sampled_from([None, *range(width)]))
    keys = [object_of(number) for number in range(len(rows))]
    if key_at is not None:
        rows = [(*r[:key_at], k, *r[key_at + 1 :]) for r, k in zip(rows, keys, strict=True)]
    return rows


def object_of(number: int) -> Any:
    """Return the key of a row; equal ones are other objects only where Python makes them so."""
    return f"key{number}" if number % 2 else number


def exactly(values: Sequence[Any]) -> list[str]:
    """Return what differs wherever a type or a sign does."""
    return [repr(value) for value in values]


@given(_alike() | st.lists(_any_value, min_size=1, max_size=8))
def test_values_come_back_exactly(values: list[Any]) -> None:
    """``True`` that comes back as ``1``, or a tuple as a list, changes what a program does."""
    keys = [object_of(number) for number in range(len(values))]

    column = encode_values(CODEC, iter(values), keys)

    assert exactly(decode_values(CODEC, column, keys)) == exactly(values)
    # A savepoint has the values one by one, in the format of everybody.
    plain = split_column(CODEC.encode_column(values))
    assert [bytes(raw) for raw in split_values(CODEC, column, keys)] == [bytes(r) for r in plain]


def test_what_is_the_key_is_not_written_again() -> None:
    """A count by word would else write each word twice."""
    keys = [f"a rather long word {number}" for number in range(1000)]

    column = encode_values(CODEC, iter([(key, 7) for key in keys]), keys)

    assert len(column) < 1100
    assert decode_values(CODEC, column, keys) == [(key, 7) for key in keys]


def test_blocks_of_other_shapes_stand_side_by_side() -> None:
    """One odd value among a million must not make the others dear, or be lost."""
    values: list[Any] = [(f"k{number}", number) for number in range(3 * BLOCK_ROWS + 5)]
    values[BLOCK_ROWS + 3] = {"odd": [1]}
    values[-1] = ("k", 1 << 70)
    keys = list(range(len(values)))

    column = encode_values(CODEC, iter(values), keys)

    assert decode_values(CODEC, column, keys) == values
    assert len(column) < len(CODEC.encode_column(values))


@pytest.mark.parametrize("rows", [1, 15, 16, BLOCK_ROWS, BLOCK_ROWS + 1, 66_000])
def test_columns_of_one_kind_are_plain(rows: int) -> None:
    """Whoever reads the format need not know blocks for the simplest of tables."""
    values = list(range(rows))

    column = encode_values(CODEC, iter(values), values)

    assert column == CODEC.encode_column(values)


class _Pair(NamedTuple):
    word: str
    seen: int


@state_class(name="tests.blocks.Seen")
class _Seen(NamedTuple):
    word: str
    seen: int


class _Count(int):
    pass


@pytest.mark.parametrize("value", [_Pair("a", 1), ("a", _Count(1)), (object(), 1)])
def test_subclasses_are_refused_as_everywhere(value: Any) -> None:
    """They would come back as their base."""
    with pytest.raises(StateError, match="cannot be kept"):
        encode_values(CODEC, iter([("b", 2), value]), ["b", "a"])


def test_registered_classes_are_no_plain_tuples() -> None:
    """A `NamedTuple` has the length of its fields and must not come back as a tuple."""
    codec = ValueCodec()
    values = [_Seen("a", 1), _Seen("b", 2)]

    column = encode_values(codec, iter(values), ["a", "b"])

    assert [type(value) for value in decode_values(codec, column, ["a", "b"])] == [_Seen, _Seen]


def test_the_key_in_a_value_may_be_anything_that_a_key_may_be() -> None:
    """Keys of several parts are common, and are tuples themselves."""
    keys = [("composed", 1), ("composed", 2)]
    values = [(keys[0], 1.5), (keys[1], None)]

    column = encode_values(CODEC, iter(values), keys)

    assert exactly(decode_values(CODEC, column, keys)) == exactly(values)


@pytest.mark.parametrize("block", [[2, 1, [["a"]]], [2, 1, [["a", "b", "c"]]], [2, 0, ["a"]]])
def test_a_block_of_more_or_fewer_values_than_keys_is_reported(block: list[Any]) -> None:
    """Values would go to other keys than theirs, or be lost at the end without a word."""
    column = b"\xc1" + msgspec.msgpack.encode([block, [2, 1, [["d", "e"]]]])

    with pytest.raises(StateError, match="damaged"):
        decode_values(CODEC, column, ["k1", "k2", "k3", "k4"])
    with pytest.raises(StateError, match="damaged"):
        split_values(CODEC, column, ["k1", "k2", "k3", "k4"])


def test_damaged_columns_are_reported() -> None:
    """R6, R20: bytes from a disk give values or our error, whatever they are."""
    keys = [f"k{number}" for number in range(600)]
    column = encode_values(
        CODEC, iter([(key, n, "x" * (n % 3)) for n, key in enumerate(keys)]), keys
    )
    rng = random.Random(4)
    reported = 0

    for number in range(3000):
        damaged = bytearray(column)
        if number % 3:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(1, len(damaged)) :]
        for read in (decode_values, split_values):
            try:
                found = read(CODEC, bytes(damaged), keys)
            except StateError:
                reported += 1
            else:
                assert len(found) == len(keys)

    assert reported > 1000, "most damage cannot be read at all"


def test_a_column_for_other_keys_is_reported() -> None:
    """R6: values must never be told to belong to keys that they were not written with."""
    keys = ["a", "b", "c"]
    column = encode_values(CODEC, iter([(key, 1) for key in keys]), keys)

    for others in (keys[:2], [*keys, "d"]):
        with pytest.raises(StateError, match="do not belong to these keys"):
            decode_values(CODEC, column, others)


def _vectors() -> list[tuple[list[Any], bytes]]:
    text = (Path(__file__).parents[2] / "docs/formats/checkpoints.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- vectors -->")[2].partition("## ")[0]
    found = re.findall(r"^\| `(.+)` \| `([0-9a-f ]+)` \|$", rows, re.MULTILINE)
    return [(ast.literal_eval(values), bytes.fromhex(column)) for values, column in found]


@pytest.mark.parametrize(("values", "column"), _vectors(), ids=str)
def test_columns_are_those_that_the_format_describes(values: list[Any], column: bytes) -> None:
    """Whoever reads a checkpoint from the description alone must find what is there."""
    keys = [
        value[0] if type(value) is tuple and value[0] in "ab" else "ab"[number]
        for number, value in enumerate(values)
    ]

    assert encode_values(CODEC, iter(values), keys) == column
    assert exactly(decode_values(CODEC, column, keys)) == exactly(values)
