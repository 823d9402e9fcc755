"""Values keep their exact types on the way; what cannot travel says so at once."""

from __future__ import annotations

import array
import enum
import threading
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import ValueEncodingError
from sage_kernel_default.processes import decode, decode_frame, encode, encode_frame

Pair = namedtuple("Pair", "a b")


class Level(enum.IntEnum):
    LOW = 1


class Number(int): ...


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        *(True, 1, 1.0, 1j, None, ..., "x", b"x", bytearray(b"x"), 2**70, "\ud800"),
        *(Pair(1, 2), Level.LOW, Number(3), Word("w"), OrderedDict(a=1), frozenset({1})),
        *(np.int64(3), np.float64(0.5), np.str_("s"), array.array("i", [1])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_type_is_changed_on_the_way(value: Any) -> None:
    """A fast codec that makes ``bytes`` of a ``bytearray`` gives wrong results in silence."""
    back, (nested,) = decode(encode((value, [value])))

    assert (type(back), back) == (type(value), value)
    assert type(nested) is type(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    )
)
def test_builtin_values_survive(value: Any) -> None:
    """Nested builtins are what most streams carry."""
    assert repr(decode(encode(value))) == repr(value)


@pytest.mark.parametrize("count", [0, 10, 100_000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_any_size_and_order_survive(count: int, order: Any) -> None:
    """Large arrays travel outside of the pickle, which must not show."""
    value = np.asarray(np.arange(count * 2.0).reshape(count, 2), order=order)

    assert np.array_equal(decode(encode([value, value[::2]]))[1], value[::2])
    assert np.array_equal(decode(encode(value)), value)


def test_large_arrays_are_not_copied_into_the_pickle() -> None:
    """The copy would halve the speed of every stream of images."""
    encoded = encode(np.zeros(1_000_000, "u1"))

    assert len(encoded.head) < 1000
    assert [len(buffer) for buffer in encoded.buffers] == [1_000_000]


def test_an_unpicklable_value_is_named_where_it_is_emitted() -> None:
    """Among a thousand records the user must see which one it was."""
    lock = threading.Lock()

    with pytest.raises(ValueEncodingError, match=r"A lock cannot travel.*_thread\.lock") as raised:
        encode_frame([1, lock, 3], None)

    assert isinstance(raised.value.__cause__, TypeError)


def test_a_value_that_contains_itself_survives() -> None:
    """Graphs of objects are values too."""
    value: list[Any] = []
    value.append(value)

    back = decode(encode(value))

    assert back[0] is back


def test_shared_parts_of_a_frame_are_sent_once() -> None:
    """A thousand records that share one large text must not become a thousand texts."""
    text = "x" * 10_000

    assert len(encode_frame([(text, n) for n in range(1000)], None).head) < 30_000


_FIELDS = st.none() | st.integers() | st.text() | st.floats() | st.lists(st.booleans())


@given(
    st.lists(st.tuples(st.text(), _FIELDS), min_size=10, max_size=40)
    | st.lists(st.tuples(_FIELDS) | st.tuples(_FIELDS, _FIELDS), min_size=10, max_size=40)
    | st.lists(st.tuples() | _FIELDS | st.tuples(_FIELDS), min_size=10, max_size=40)
    | st.lists(st.builds(Pair, _FIELDS, _FIELDS) | st.tuples(_FIELDS, _FIELDS), min_size=10),
    st.booleans(),
    st.booleans(),
)
def test_frames_of_any_records_arrive_as_they_were(
    values: list[Any], has_keys: bool, has_times: bool
) -> None:
    """Tuples of one length take a way of their own, which records of other kinds must not take."""
    keys = [repr(value) for value in values] if has_keys else None
    times: list[int | None] | None = [*range(len(values))] if has_times else None

    back = decode_frame(encode_frame(values, keys, times))

    assert repr(back) == repr((values, keys, times))
    assert list(map(type, back[0])) == list(map(type, values))


def test_records_of_a_frame_share_what_they_shared() -> None:
    """Also a key with its record: a million keys must not become two million texts."""
    shared: list[int] = []
    names = [f"name {number}" for number in range(100)]

    values, keys, _ = decode_frame(encode_frame([(name, shared) for name in names], names))

    assert all(value[1] is values[0][1] for value in values)
    assert keys is not None
    assert all(value[0] is key for value, key in zip(values, keys, strict=True))


def test_a_frame_of_tuples_carries_no_tuples() -> None:
    """Its columns are encoded instead: half of the speed of an exchange comes from that."""
    values = [("key", float(number)) for number in range(1000)]

    columns, _, _ = decode(encode_frame(values, None))

    assert columns == (("key",) * 1000, tuple(map(float, range(1000))))


def test_records_that_are_their_own_keys_travel_once() -> None:
    """Columns would send the parts of each record a second time, beside the key."""
    records = [(f"text {number}", number) for number in range(64)]

    encoded = encode_frame(records, [*records])
    values, keys, _ = decode_frame(encoded)

    assert values == keys == records
    assert keys is not None
    assert all(value is key for value, key in zip(values, keys, strict=True))


def test_an_unpicklable_part_of_a_tuple_is_named_with_its_record() -> None:
    """The user knows records; of the columns that they cross in nobody has heard."""
    values: list[Any] = [("a", number) for number in range(100)]
    values[70] = ("b", threading.Lock())

    with pytest.raises(ValueEncodingError, match=r"A tuple cannot travel.*\('b', <unlocked"):
        encode_frame(values, None)


def test_local_functions_and_classes_travel_by_value() -> None:
    """What pickle refuses by name is still a value that users emit."""

    class Local:
        size = 3

    back = decode(encode((Local(), lambda x: x + 1)))

    assert type(back[0]) is Local
    assert back[1](1) == 2


def test_a_class_that_comes_back_keeps_what_the_program_did_to_it() -> None:
    """A round trip must not reset the attributes of the user's class."""

    class Local:
        count = 0

    sent = encode(Local())
    Local.count = 7
    decode(sent)

    assert Local.count == 7
