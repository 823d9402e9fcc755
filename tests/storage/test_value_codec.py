"""R18: values come back exactly, and reading them runs no code."""

from __future__ import annotations

import contextlib
import datetime as dt
import doctest
import enum
import math
import os
import pathlib
import pickle
import re
import subprocess
import sys
import tracemalloc
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext
from msgspec.msgpack import encode as pack

from sage_kernel_api.errors import ConfigurationError, StateError
from sage_kernel_api.storage import state_classes, value_codec
from sage_kernel_api.storage.state_classes import state_class, state_class_of
from sage_kernel_api.storage.value_codec import (
    MAX_DEPTH,
    ValueCodec,
    join_column,
    split_column,
)
from tests.storage.value_names import CODEC, NAMES, Color, Order, Point

_PAGE = Path(__file__).parents[2] / "docs" / "formats" / "values.md"
_ROW = re.compile(r"^\| `(.+)` \| `([0-9a-f]+)` \|$", re.MULTILINE)
VECTORS = [match.groups() for match in _ROW.finditer(_PAGE.read_text(encoding="utf-8"))]
KEY = b"0123456789abcdef"

_ZONES: list[dt.tzinfo] = [
    dt.UTC,
    dt.timezone(dt.timedelta(hours=2, microseconds=1), "here"),
    zoneinfo.ZoneInfo("Europe/Berlin"),
]
_hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(), max_size=6)
    | st.binary(max_size=6)
    | st.dates()
    | st.times()
    | st.times(timezones=st.sampled_from(_ZONES))
    | st.datetimes()
    | st.datetimes(timezones=st.sampled_from(_ZONES))
    | st.timedeltas()
    | st.sampled_from(_ZONES)
    | st.decimals().filter(lambda number: not number.is_snan())  # not hashable
    | st.fractions()
    | st.uuids()
    | st.builds(range, st.integers(), st.integers(), st.integers(1))
    | st.builds(pathlib.Path, st.text("ab/.", max_size=6))
    | st.builds(pathlib.PureWindowsPath, st.text("ab\\:", max_size=6)).filter(
        lambda path: type(path)(str(path)) == path  # see the test of those that differ
    )
    | st.builds(Order, st.text(max_size=3), st.integers(0))
    | st.sampled_from([Color.RED, Point(1)]),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    _hashable | st.binary(max_size=4).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_hashable, inner, max_size=4)
        | st.dictionaries(_hashable, inner, max_size=3).map(OrderedDict)
        | st.dictionaries(_hashable, inner, max_size=3).map(lambda d: defaultdict(list, d))
        | st.sets(_hashable, max_size=4)
        | st.lists(_hashable, max_size=4).map(Counter)
        | st.lists(inner, max_size=3).map(lambda items: deque(items, 5))
    ),
    max_leaves=10,
)


def same(one: Any, other: Any) -> bool:
    """Equal in value, type, order and sign, all the way down; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, complex):
        return repr(one) == repr(other)
    if isinstance(one, (set, frozenset)):
        return CODEC.encode(one) == CODEC.encode(other)
    if isinstance(one, dict):
        factories = [getattr(item, "default_factory", None) for item in (one, other)]
        return factories[0] is factories[1] and same([*one.items()], [*other.items()])
    if isinstance(one, (list, tuple, deque)):
        limits = [getattr(item, "maxlen", None) for item in (one, other)]
        return limits[0] == limits[1] and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Order):
        return same((one.item, one.count), (other.item, other.count))
    if isinstance(one, (dt.time, dt.datetime)):
        return (repr(one), one.fold) == (repr(other), other.fold)
    return repr(one) == repr(other)


@pytest.mark.parametrize(("expression", "encoding"), VECTORS)
def test_the_published_vectors_hold(expression: str, encoding: str) -> None:
    """State that an earlier release wrote must be read by this one."""
    value = eval(expression, dict(NAMES))  # the page is ours

    assert CODEC.encode(value).hex() == encoding
    assert same(CODEC.decode(bytes.fromhex(encoding)), value)


def test_the_vectors_were_found() -> None:
    """A page whose table changed its shape would test nothing."""
    assert len(VECTORS) == 59


@given(values)
def test_a_value_comes_back_with_its_types_and_order(value: object) -> None:
    """A tuple that became a list would crash the user's function after a restart only."""
    data = CODEC.encode(value)

    assert same(CODEC.decode(data), value)
    assert CODEC.encode(CODEC.decode(data)) == data


@given(st.lists(values, max_size=5))
def test_a_column_gives_the_same_as_its_values(column: list[object]) -> None:
    """The fast way of many values must not be another format."""
    data = CODEC.encode_column(column)

    assert same(CODEC.decode_column(data), column)
    assert [bytes(item) for item in split_column(data)] == [CODEC.encode(item) for item in column]
    assert join_column(split_column(data)) == data


@given(st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """R20: a damaged file must not crash the program with an error of a library."""
    for read in (CODEC.decode, CODEC.decode_column, split_column):
        with contextlib.suppress(StateError):
            read(data)


@given(values, st.data())
def test_any_changed_byte_is_read_or_refused(value: object, draw: st.DataObject) -> None:
    """As above, nearer to what is valid."""
    data = bytearray(CODEC.encode(value))
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] = draw.draw(st.integers(0, 255))

    with contextlib.suppress(StateError):
        CODEC.decode(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x91" * 1_000_000,
        b"\x81" * 1_000_000,
        b"\xc0\xc0",
        b"",
        pack(Ext(99, b"")),
        pack(Ext(14, b"1" * 30 + b"x")),
        pack(Ext(15, pack([1, 0]))),
        pack(Ext(8, pack([1, 2, 0]))),
        pack(Ext(13, pack(["../../etc/passwd"]))),
        pack(Ext(17, pack(["nonsense", "a"]))),
        pack(Ext(21, pack(["eval"]))),
        pack(Ext(2, pack([[1]]))),
        pack(Ext(19, pack([1]))),
        pack(Ext(32, pack(["os:system", "true"]))),
        pack(Ext(32, pack([["a"], "true"]))),
        pack(Ext(32, pack(["shop.Order", [1]]))),
        pack(Ext(32, pack(["shop.Color", "GREEN"]))),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_hostile_bytes_are_refused_in_bounded_memory(data: bytes) -> None:
    """Five bytes that promise four billion items must not take the memory for them."""
    tracemalloc.start()
    try:
        with pytest.raises(StateError):
            CODEC.decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 64 * 1024 * 1024


@pytest.fixture
def high_recursion_limit() -> Iterator[None]:
    """As programs have it that work on deep trees, and processes in which mypy ran."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1 << 17)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("high_recursion_limit")
@pytest.mark.parametrize("levels", [1_000, 50_000])
def test_nested_extensions_cannot_overflow_the_stack(levels: int) -> None:
    """Each level of an extension is a call in C and one in Python."""
    data = pack([])
    for _ in range(levels):
        data = pack(Ext(1, b"\x91" + data))

    for _ in range(2):  # a refusal leaves nothing behind that the next one would trip over
        with pytest.raises(StateError, match="nested too deeply"):
            CODEC.decode(data)
    assert CODEC.decode(CODEC.encode(tuple([0] * 2_000))) == tuple([0] * 2_000)


class Level(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


@dataclass
class Stranger:
    x: int = 1


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Level.ONE,
        Text("a"),
        Stranger(),
        Stranger,
        len,
        iter("a"),
        [1, {"a": Stranger()}],
        {Level.ONE: 1},
        (1, (2, Level.ONE)),
        defaultdict(lambda: 1),
        dt.datetime(2026, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {})()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_type_that_would_not_come_back_is_refused(value: object) -> None:
    """An IntEnum that came back as an int would be found out much later."""
    with pytest.raises(StateError, match="cannot be kept"):
        CODEC.encode(value)


@pytest.mark.parametrize("text", ["//a/", "//:/", "//a/b", "//a/b/c", "c:a", "//a//b"])
def test_a_windows_path_comes_back_or_is_refused(text: str) -> None:
    """Python 3.11 writes a server without a share so that it is read as a folder."""
    path = pathlib.PureWindowsPath(text)

    if type(path)(str(path)) == path:
        assert CODEC.decode(CODEC.encode(path)) == path
    else:
        with pytest.raises(StateError, match="means another path"):
            CODEC.encode(path)


def test_a_value_that_contains_itself_is_refused() -> None:
    """R20: it has no end."""
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(StateError, match="contains itself"):
        CODEC.encode(endless)


def test_the_depth_limit_is_exact_and_can_be_read() -> None:
    """What was written must be readable, also from deep within a program."""
    fits: Any = 1
    for _ in range(MAX_DEPTH):
        fits = (fits,)

    assert CODEC.decode(CODEC.encode(fits)) == fits
    with pytest.raises(StateError, match=f"deeper than {MAX_DEPTH}"):
        CODEC.encode([[fits]])


def test_a_value_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store could not take it, and would say so in the middle of a checkpoint."""
    monkeypatch.setattr(value_codec, "MAX_VALUE_BYTES", 100)

    with pytest.raises(StateError, match="at most 100 bytes"):
        CODEC.encode("a" * 101)


def test_other_hash_seeds_give_the_same_bytes() -> None:
    """Two processes that disagree about a set would write two keys."""
    code = (
        "from sage_kernel_api.storage.value_codec import ValueCodec;"
        "print(ValueCodec().encode([set('abcdef'), frozenset([('a', 1), None, b'c'])]).hex())"
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


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("key", [None, KEY, b"another key, just as long"])
def test_r18_a_pickle_without_a_valid_signature_is_not_read(
    key: bytes | None, tmp_path: Path
) -> None:
    """Whoever can write a file could otherwise run code as the user."""
    canary = tmp_path / "canary"
    body = pickle.dumps(Canary(canary))
    signed = ValueCodec(pickle_key=KEY).encode(Canary(canary))
    codec = ValueCodec(pickle_key=key)

    forged = [pack(Ext(33, body)), pack(Ext(33, bytes(32) + body)), signed[:-1] + b"x"]
    if key != KEY:
        forged.append(signed)
    for data in forged:
        with pytest.raises(StateError, match="pickle"):
            codec.decode(data)

    assert not canary.exists()


def test_r18_the_canary_would_sing(tmp_path: Path) -> None:
    """A canary that cannot touch its file would prove nothing."""
    codec = ValueCodec(pickle_key=KEY)

    codec.decode(codec.encode(Canary(tmp_path / "canary")))

    assert (tmp_path / "canary").exists()


def test_pickle_takes_what_has_no_other_encoding_and_nothing_else() -> None:
    """A checkpoint stays readable without the key as far as it can."""
    codec = ValueCodec(pickle_key=KEY)

    assert codec.decode(codec.encode([1, Stranger(2)])) == [1, Stranger(2)]
    assert codec.encode({"a": (1, 2)}) == CODEC.encode({"a": (1, 2)})
    with pytest.raises(StateError, match="cannot be kept"):
        codec.encode(lambda: 1)


@pytest.mark.parametrize("key", [b"", b"short", "text that is long enough"])
def test_a_weak_pickle_key_is_refused(key: Any) -> None:
    """An empty key would sign everything."""
    with pytest.raises(ConfigurationError, match="at least 16 bytes"):
        ValueCodec(pickle_key=key)


@dataclass
class OrderV2:
    item: str
    note: str = "new"
    tags: list[str] = field(default_factory=list)
    count: int = 0


@dataclass
class OrderV3:
    item: str


@dataclass
class OrderV4:
    item: str
    count: int
    price: float


def test_a_class_may_gain_fields_change_their_order_and_its_name() -> None:
    """Programs live on; their state must."""
    stored = CODEC.encode(Order("tea", 3))
    codec = ValueCodec(classes=[state_class_of(OrderV2, "shop.Order2", ["shop.Order"])])

    assert codec.decode(stored) == OrderV2("tea", "new", [], 3)


@pytest.mark.parametrize(
    ("cls", "told"), [(OrderV3, "class lacks: count"), (OrderV4, "no field 'price'")]
)
def test_a_class_that_does_not_fit_its_state_is_refused(cls: type[Any], told: str) -> None:
    """A guess would lose data, or give an object that fails at first use."""
    codec = ValueCodec(classes=[state_class_of(cls, "shop.Order")])

    with pytest.raises(StateError, match=told):
        codec.decode(CODEC.encode(Order("tea", 3)))


def test_reading_an_object_does_not_run_its_init() -> None:
    """It ran once, when the object was made; what it did then is in the fields."""
    data = pack(Ext(32, pack(["shop.Order", {"item": "tea", "count": -1}])))

    assert CODEC.decode(data).count == -1


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


def test_any_class_can_say_how_it_is_kept() -> None:
    """Arrays and the like need no pickle."""
    entry = state_class_of(Celsius, to_plain=lambda c: c.degrees, from_plain=Celsius)
    codec = ValueCodec(classes=[entry])

    assert codec.decode(codec.encode([Celsius(1.5)]))[0].degrees == 1.5


@pytest.mark.parametrize(
    "wrong", [lambda: state_class(Celsius), lambda: state_class_of(Celsius, to_plain=str)]
)
def test_a_class_that_cannot_be_kept_is_refused_when_it_is_registered(wrong: Any) -> None:
    """Not in the first checkpoint."""
    with pytest.raises(ConfigurationError, match="Celsius"):
        wrong()


def test_two_classes_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one would read the state of the first."""
    monkeypatch.setattr(state_classes, "_registered", {})
    state_class(name="one")(Order)

    with pytest.raises(ConfigurationError, match="Two classes are called 'one'"):
        state_class(name="one")(Point)


def test_a_class_that_is_defined_again_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's cell is run again and again."""
    monkeypatch.setattr(state_classes, "_registered", {})

    def cell() -> type[Any]:
        class Row(NamedTuple):
            x: int

        return state_class(Row)

    old, new = cell(), cell()

    codec = ValueCodec()
    assert type(codec.decode(codec.encode(old(1)))) is new


def test_nan_keeps_its_bits_and_zero_its_sign() -> None:
    """Exact means exact."""
    assert math.copysign(1, CODEC.decode(CODEC.encode(-0.0))) == -1
    assert CODEC.encode(CODEC.decode(b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"))[-1] == 1


@pytest.mark.parametrize("module", [value_codec, state_classes])
def test_the_examples_run(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An example that is wrong is worse than none."""
    monkeypatch.setattr(state_classes, "_registered", {})

    assert doctest.testmod(module).failed == 0
