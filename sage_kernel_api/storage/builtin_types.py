"""The builtin and standard-library types that msgpack does not know, as extension types.

Layer: storage. The format is described, with test vectors, in ``docs/formats/values.md``. One
table each way; every entry turns an object into plain parts, or parts into an equal object.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import pathlib
import struct
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload

__all__ = ["FROM_BYTES", "FROM_PARTS", "TO_BYTES", "TO_PARTS", "Code"]


class Code:
    """Extension types of the format. Numbers are never used again for something else."""

    TUPLE: Final = 1
    SET: Final = 2
    FROZENSET: Final = 3
    BIG_INT: Final = 4
    SURROGATE_STR: Final = 5
    BYTEARRAY: Final = 6
    COMPLEX: Final = 7
    RANGE: Final = 8
    DATE: Final = 9
    TIME: Final = 10
    DATETIME: Final = 11
    TIMEDELTA: Final = 12
    ZONE: Final = 13
    DECIMAL: Final = 14
    FRACTION: Final = 15
    UUID: Final = 16
    PATH: Final = 17
    DEQUE: Final = 18
    ORDERED_DICT: Final = 19
    COUNTER: Final = 20
    DEFAULT_DICT: Final = 21
    OBJECT: Final = 32
    PICKLE: Final = 33


_FACTORIES: Final[dict[str, type[Any]]] = {
    kind.__name__: kind for kind in (int, float, str, bytes, list, dict, set, tuple, bool)
}
_PATHS: Final[dict[str, type[pathlib.PurePath]]] = {
    "path": pathlib.Path,
    "pure-posix": pathlib.PurePosixPath,
    "pure-windows": pathlib.PureWindowsPath,
}
_MICROSECOND: Final = dt.timedelta(microseconds=1)


def _zone_parts(zone: dt.tzinfo | None) -> Payload:
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        # What its constructor was given: an unnamed zone and a zone named like one differ.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined] # pickle's own door
        return [offset // _MICROSECOND, *name]
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return zone.key
    raise StateError(
        f"The time zone {zone!r} cannot be kept. Use datetime.timezone or a zoneinfo.ZoneInfo "
        "with a key."
    )


def _zone_of(parts: Payload) -> dt.tzinfo | None:
    if parts is None:
        return None
    if isinstance(parts, str):
        return zoneinfo.ZoneInfo(parts)
    offset, *name = parts
    return dt.timezone(dt.timedelta(microseconds=offset), *name)


def _time_parts(value: dt.time | dt.datetime) -> list[Payload]:
    clock = [value.hour, value.minute, value.second, value.microsecond, value.fold]
    return [*clock, _zone_parts(value.tzinfo)]


def _time_of(parts: list[Payload]) -> dt.time:
    hour, minute, second, us, fold, zone = parts
    return dt.time(hour, minute, second, us, _zone_of(zone), fold=fold)


def _datetime_of(parts: list[Payload]) -> dt.datetime:
    year, month, day, hour, minute, second, us, fold, zone = parts
    return dt.datetime(year, month, day, hour, minute, second, us, _zone_of(zone), fold=fold)


def _flat(items: Mapping[Payload, Payload]) -> list[Payload]:
    return [part for item in items.items() for part in item]


def _pairs(parts: list[Payload]) -> list[tuple[Payload, Payload]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


def _default_dict_parts(value: defaultdict[Payload, Payload]) -> list[Payload]:
    factory = value.default_factory
    name = None if factory is None else getattr(factory, "__name__", "")
    if factory is not None and _FACTORIES.get(str(name)) is not factory:
        raise StateError(
            f"The defaultdict's factory {factory!r} cannot be kept. Use one of "
            f"{', '.join(_FACTORIES)}, or a dict."
        )
    return [name, *_flat(value)]


def _default_dict_of(parts: list[Payload]) -> defaultdict[Payload, Payload]:
    name, *items = parts
    return defaultdict(None if name is None else _FACTORIES[name], _pairs(items))


def _path_parts(value: pathlib.PurePath) -> list[Payload]:
    kind = "path" if isinstance(value, pathlib.Path) else _PURE_NAMES[type(value)]
    text = str(value)
    if type(value)(text) != value:
        raise StateError(
            f"{value!r} cannot be stored: its text, {text!r}, means another path. Python 3.11 has "
            "such paths for a server without a share; keep the text that it was made of."
        )
    return [kind, text]


_PURE_NAMES: Final = {cls: name for name, cls in _PATHS.items()}

TO_PARTS: Final[dict[type[Any], tuple[int, Callable[[Any], list[Payload]]]]] = {
    range: (Code.RANGE, lambda v: [v.start, v.stop, v.step]),
    dt.date: (Code.DATE, lambda v: [v.year, v.month, v.day]),
    dt.time: (Code.TIME, _time_parts),
    dt.datetime: (Code.DATETIME, lambda v: [v.year, v.month, v.day, *_time_parts(v)]),
    dt.timedelta: (Code.TIMEDELTA, lambda v: [v.days, v.seconds, v.microseconds]),
    dt.timezone: (Code.ZONE, lambda v: [_zone_parts(v)]),
    zoneinfo.ZoneInfo: (Code.ZONE, lambda v: [_zone_parts(v)]),
    fractions.Fraction: (Code.FRACTION, lambda v: [v.numerator, v.denominator]),
    deque: (Code.DEQUE, lambda v: [v.maxlen, *v]),
    OrderedDict: (Code.ORDERED_DICT, _flat),
    Counter: (Code.COUNTER, _flat),
    defaultdict: (Code.DEFAULT_DICT, _default_dict_parts),
    # The concrete class is another one on each platform.
    type(pathlib.Path()): (Code.PATH, _path_parts),
    pathlib.PurePosixPath: (Code.PATH, _path_parts),
    pathlib.PureWindowsPath: (Code.PATH, _path_parts),
}
"""By exact type: what an object consists of, as values of the format."""

FROM_PARTS: Final[dict[int, Callable[[list[Payload]], Payload]]] = {
    Code.SET: set,
    Code.FROZENSET: frozenset,
    Code.RANGE: lambda parts: range(*parts),
    Code.DATE: lambda parts: dt.date(*parts),
    Code.TIME: _time_of,
    Code.DATETIME: _datetime_of,
    Code.TIMEDELTA: lambda parts: dt.timedelta(*parts),
    Code.ZONE: lambda parts: _zone_of(*parts),
    Code.FRACTION: lambda parts: fractions.Fraction(*parts),
    Code.DEQUE: lambda parts: deque(parts[1:], parts[0]),
    Code.ORDERED_DICT: lambda parts: OrderedDict(_pairs(parts)),
    Code.COUNTER: lambda parts: Counter(dict(_pairs(parts))),
    Code.DEFAULT_DICT: _default_dict_of,
    Code.PATH: lambda parts: _PATHS[parts[0]](parts[1]),
}

TO_BYTES: Final[dict[type[Any], tuple[int, Callable[[Any], bytes]]]] = {
    bytearray: (Code.BYTEARRAY, bytes),
    complex: (Code.COMPLEX, lambda v: struct.pack(">dd", v.real, v.imag)),
    decimal.Decimal: (Code.DECIMAL, lambda v: str(v).encode()),
    uuid.UUID: (Code.UUID, lambda v: v.bytes),
}
"""By exact type: what an object is as bytes."""

FROM_BYTES: Final[dict[int, Callable[[bytes], Payload]]] = {
    Code.BIG_INT: lambda data: int.from_bytes(data, "big", signed=True),
    Code.SURROGATE_STR: lambda data: data.decode("utf-8", "surrogatepass"),
    Code.BYTEARRAY: bytearray,
    Code.COMPLEX: lambda data: complex(*struct.unpack(">dd", data)),
    Code.DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    Code.UUID: lambda data: uuid.UUID(bytes=data),
}
