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
