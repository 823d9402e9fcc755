"""R15: the key group of a key is a function of the key alone, everywhere and for ever."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import os
import re
import subprocess
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.communication import KEY_GROUPS, key_group, key_groups, owner_of
from sage_kernel_api.communication.key_groups import encode_key
from sage_kernel_api.errors import KeyEncodingError

_PAGE = Path(__file__).parents[2] / "docs" / "formats" / "keys.md"
_ROW = re.compile(r"\| `(.+)` \| `([0-9a-f]*)` \| (\d+) \| (\d) \|")
VECTORS = [match.groups() for match in _ROW.finditer(_PAGE.read_text(encoding="utf-8"))]
NAMES = {
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "UUID": uuid.UUID,
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "timezone": dt.timezone,
}


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    ONE = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int
    note: str = field(default="", compare=False)


@dataclass
class Mutable:
    x: int


# Of fixed offset: in others, Python calls ambiguous times unequal to all times elsewhere.
_ZONES = [dt.UTC, dt.timezone(dt.timedelta(hours=2))]
_NEAR, _FAR = dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)
_atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.decimals(-(10**20), 10**20)
    | st.sampled_from([decimal.Decimal("inf"), decimal.Decimal("1e400")])
    | st.fractions()
    | st.text(st.characters(), max_size=8)
    | st.binary(max_size=8)
    | st.dates()
    | st.datetimes(_NEAR, _FAR)
    | st.datetimes(_NEAR, _FAR, timezones=st.sampled_from(_ZONES))
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Color.RED, Level.ONE, Point(1, 2), Point(1, 2, "note")])
)
keys = st.recursive(
    _atoms,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(("expression", "encoding", "group", "owner"), VECTORS)
def test_r15_the_published_vectors_hold(
    expression: str, encoding: str, group: str, owner: str
) -> None:
    """State that an earlier release wrote must be found again."""
    key = eval(expression, dict(NAMES))  # the page is ours

    assert encode_key(key).hex() == encoding
    assert (key_group(key), owner_of(key_group(key), 3)) == (int(group), int(owner))


def test_the_vectors_were_found() -> None:
    """A page whose table changed its shape would test nothing."""
    assert len(VECTORS) == 36


@given(keys, keys)
def test_equal_keys_and_only_they_encode_alike(one: object, other: object) -> None:
    """Two encodings of one key would split its state; one of two would mix theirs."""
    assert (encode_key(one) == encode_key(other)) == (one == other)


@given(keys)
def test_a_group_is_in_range(key: object) -> None:
    """A group out of range would have no owner."""
    assert key_group(key) in range(KEY_GROUPS)


@given(st.lists(keys) | st.lists(st.text(st.characters())) | st.lists(st.integers()))
def test_many_keys_have_the_groups_that_they_have_alone(many: list[Any]) -> None:
    """The fast way moves state; the slow way routes records: they must meet."""
    assert key_groups(many) == [key_group(key) for key in many]


@given(st.integers(0, KEY_GROUPS - 1), st.integers(1, KEY_GROUPS))
def test_owners_are_contiguous_and_nearly_equal(group: int, parallelism: int) -> None:
    """An instance without groups would idle; rescaling moves ranges."""
    owners = [owner_of(g, parallelism) for g in range(KEY_GROUPS)]
    sizes = Counter(owners).values()

    assert owners == sorted(owners)
    assert set(owners) == set(range(parallelism))
    assert max(sizes) - min(sizes) <= 1
    assert owner_of(group, parallelism) == owners[group]


@pytest.mark.parametrize(
    "same",
    [
        (1, 1.0, True, decimal.Decimal(1), fractions.Fraction(1), Level.ONE),
        (0, 0.0, -0.0, False, decimal.Decimal("-0")),
        (10**400, decimal.Decimal("1e400")),
        (0.5, decimal.Decimal("0.50"), fractions.Fraction(1, 2)),
        (Point(1, 2), Point(1, 2, "another note")),
        (
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2026, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        ),
    ],
)
def test_keys_that_python_calls_equal_are_one_key(same: tuple[object, ...]) -> None:
    """State tables are dictionaries: they already think so."""
    assert len({encode_key(key) for key in same}) == 1


def test_falsy_keys_are_different_keys() -> None:
    """SAGE sent them round robin."""
    falsy: list[object] = [0, "", b"", (), None, frozenset()]

    assert len({encode_key(key) for key in falsy}) == len(falsy)


_nested: Any = ()
for _ in range(100_000):
    _nested = (_nested,)


@pytest.mark.parametrize(
    "key",
    [
        object(),
        [1],
        {"a": 1},
        float("nan"),
        decimal.Decimal("NaN"),
        decimal.Decimal("sNaN"),
        decimal.Decimal("1e999999999"),
        Mutable(1),
        Point,
        (1, [2]),
        frozenset({(1, float("nan"))}),
        dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
    ids=lambda key: type(key).__name__ if type(key) is object else repr(key),
)
def test_a_key_without_a_stable_encoding_is_refused(key: object) -> None:
    """A guess would split state between processes."""
    with pytest.raises(KeyEncodingError):
        key_group(key)


def test_a_key_that_is_nested_too_deeply_is_refused() -> None:
    """R20: no input may crash the interpreter's stack."""
    with pytest.raises(KeyEncodingError, match="nested too deeply"):
        key_group(_nested)


def test_the_refusal_names_the_part_and_the_whole() -> None:
    """The user sees a tuple and must learn which item is wrong."""
    with pytest.raises(KeyEncodingError, match=r"\[2\] of type list .*inside the key \(1, \[2\]\)"):
        key_group((1, [2]))


def test_r15_other_hash_seeds_give_the_same_groups() -> None:
    """Python's own hash differs from process to process."""
    code = (
        "from sage_kernel_api.communication import key_group;"
        "print([key_group(k) for k in ('a', b'b', ('c', 1), frozenset('abcdef'), None)])"
    )

    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }

    assert len(shown) == 1


def test_short_keys_spread_evenly() -> None:
    """A bad mix would leave instances without work."""
    counts = Counter(owner_of(key_group(f"user{n}"), 8) for n in range(8_000))

    assert min(counts.values()) > 850
    assert max(counts.values()) < 1_150


@pytest.mark.parametrize("key", [2**4000 - 1, 1 - 2**4000], ids=["largest", "smallest"])
def test_r15_numbers_are_written_as_text_up_to_a_fixed_size(key: int) -> None:
    """The border is part of the format: on its other side lies other state."""
    assert encode_key(key) == b"i%d" % key
    assert key_groups([key, 1]) == [key_group(key), key_group(1)]


@pytest.mark.parametrize(
    ("key", "size_bytes"),
    [(2**4000, 502), (-(2**4000), 502), (2**4007 - 1, 502), (2**4007, 503), (-(2**9000), 1127)],
    ids=["first", "first negative", "largest without", "smallest with a byte for the sign", "far"],
)
def test_r15_larger_numbers_are_written_in_binary(key: int, size_bytes: int) -> None:
    """Their text would take a time that grows with its square."""
    written = encode_key(key)

    assert written[:1] == b"I"
    assert int.from_bytes(written[1:], "big", signed=True) == key
    assert len(written) == size_bytes
    assert key_groups([key, 1]) == [key_group(key), key_group(1)]


def test_r15_members_and_dataclasses_are_written_with_their_type() -> None:
    """Two types with equal values are two keys; moving a class to another module is a change."""
    name = f"{__name__}.Color".encode()
    point = f"{__name__}.Point".encode()

    assert encode_key(Color.RED) == b"e%d:%b3:RED" % (len(name), name)
    assert encode_key(Point(1, 2, "note")) == b"o%d:%b2:i12:i2" % (len(point), point)
    assert encode_key(Level.ONE) == b"i1"


class Word(str):
    """A subclass, as libraries have for paths and tokens."""


class Pair(tuple[int, int]):
    """A subclass, as every named tuple is."""


def test_subclasses_are_the_keys_that_they_equal() -> None:
    """A table finds them under either, so their records have to meet."""
    assert encode_key(Word("a")) == encode_key("a")
    assert encode_key(Pair((1, 2))) == encode_key((1, 2))
    assert key_groups([Word("a"), "a"]) == [key_group("a")] * 2


@pytest.mark.parametrize(
    ("key", "encoding"),
    [
        (dt.time(3, 4, 5, fold=1), b"c03:04:05"),
        (dt.time(3, 4, tzinfo=dt.UTC), b"C2000-01-02T03:04:00"),
        (dt.time(1, tzinfo=dt.timezone(dt.timedelta(hours=2))), b"C2000-01-01T23:00:00"),
        (dt.time(3, fold=1, tzinfo=dt.UTC), b"C2000-01-02T03:00:00"),
        (dt.datetime(2026, 1, 2, fold=1), b"T2026-01-02T00:00:00"),
        (dt.timedelta(days=-1, seconds=5, microseconds=7), b"D-1,5,7"),
        (decimal.Decimal("-Infinity"), b"-"),
        (fractions.Fraction(-1, 3), b"q3:i-12:i3"),
    ],
    ids=repr,
)
def test_r15_rare_keys_are_written_as_documented(key: object, encoding: bytes) -> None:
    """What is rare is what a rewrite forgets."""
    assert encode_key(key) == encoding


def test_r15_the_zone_of_the_machine_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a job may run in another country."""
    naive, aware = dt.datetime(2026, 1, 2, 3), dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)
    monkeypatch.setenv("TZ", "XYZ-5")
    time.tzset()
    try:
        assert encode_key(naive) == b"T2026-01-02T03:00:00"
        assert encode_key(aware) == b"Z2026-01-02T03:00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def said_of(key: object) -> str:
    with pytest.raises(KeyEncodingError) as caught:
        key_group(key)
    return str(caught.value)


def test_a_refusal_says_what_to_use_instead() -> None:
    """The message is all that a user sees of the encoding."""
    allowed = (
        "Use None, a number, str, bytes, a date or time, UUID, an Enum member, or a tuple, "
        "frozenset or frozen dataclass of these."
    )
    assert said_of([1]) == f"The key [1] of type list has no stable encoding. {allowed}"
    assert said_of(["y" * 77]).startswith(f"The key ['{'y' * 75}... of type list has no")
    assert said_of(["y" * 76]).startswith(f"The key ['{'y' * 76}'] of type list has no")
    assert said_of((1, [2])) == (
        f"The key [2] of type list has no stable encoding. {allowed} (inside the key (1, [2]))"
    )
    assert said_of(Point(1, [2])).endswith(  # type: ignore[arg-type]  # what is tested
        " (inside the key Point(x=1, y=[2], note=''))"
    )
    assert said_of(float("nan")) == (
        "The key nan is not equal to itself, so no two records could share it. Map it to a key of "
        "its own, for example None."
    )
    assert said_of(decimal.Decimal("1e10001")) == (
        "The key Decimal('1E+10001') has too large an exponent; keys go to 1e10000."
    )
    assert said_of(decimal.Decimal("1e-10001")).endswith("keys go to 1e10000.")
    assert said_of(dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))).endswith(
        " has no time in UTC."
    )
    assert said_of(_nested) == "The key of type tuple is nested too deeply to be encoded."


def test_r15_the_largest_exponents_are_keys() -> None:
    """The limit is documented, so it must hold from both sides."""
    assert key_group(decimal.Decimal("1e10000")) == key_group(10**10_000)
    assert encode_key(decimal.Decimal("1e-10000"))[:1] == b"q"
