"""What an option's text may become: one reader per type, and its words for people.

Layer: plugins. Pure: knows types and texts; not which kernel asks.
"""

from __future__ import annotations

import enum
import math
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

__all__ = ["Address", "ByteSize", "OptionType", "Seconds", "option_type"]


@dataclass(frozen=True, slots=True)
class _Unit:
    """Marks a number that is written with a unit."""

    name: Literal["duration", "size"]


@dataclass(frozen=True, slots=True)
class Address:
    """What stands after ``://`` in a spec; the type of the field that takes it.

    Attributes:
        authority: As in ``host:port``; may be empty.
        path: Empty, or beginning with ``/``.
    """

    authority: str
    path: str = ""


Seconds: TypeAlias = Annotated[float, _Unit("duration")]
"""An option in seconds, written with a unit: ``500ms``, ``2s``, ``1m``, ``1h``; or ``0``."""

ByteSize: TypeAlias = Annotated[int, _Unit("size")]
"""An option in bytes, written ``4096``, ``64MiB``, ``1GB``."""

_DURATIONS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES: Final = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_TRUTHS: Final = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}(_[0-9]{1,40}){0,20}")
_WITH_UNIT: Final = re.compile(r"([0-9]{1,40}(?:\.[0-9]{1,40})?)([a-zA-Z]{0,3})")
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "ge": (">=", lambda value, bound: value >= bound),
    "gt": (">", lambda value, bound: value > bound),
    "le": ("<=", lambda value, bound: value <= bound),
    "lt": ("<", lambda value, bound: value < bound),
}


@dataclass(frozen=True, slots=True)
class OptionType:
    """How one option is read.

    Attributes:
        text: What is accepted, for people: ``whole number >= 1``.
        read: From text to the value; raises ValueError for a text that is not accepted.
        doc: The description that the type carries; may be empty.
        is_address: True for the field that takes the address.
    """

    text: str
    read: Callable[[str], object]
    doc: str = ""
    is_address: bool = False


def option_type(hint: object) -> OptionType:
    """Find out how to read an option whose field is annotated with *hint*.

    Known are bool, int, float, str, paths, Enum, Literal, `Seconds`, `ByteSize`, `Address`,
    unions of these with None, and ``Annotated`` ones with bounds and a description, as in
    ``Annotated[int, msgspec.Meta(ge=1, description="...")]``.

    Raises:
        TypeError: No text can become such a value: the options class must be changed.

    Example:
        >>> option_type(Seconds).read("500ms")
        0.5
        >>> option_type(Literal["thread", "sim"]).text
        'thread | sim'
    """
    base, marks = _unwrap(hint)
    unit = next((mark for mark in marks if isinstance(mark, _Unit)), None)
    found = _with_unit(unit) if unit else _plain(base)
    for mark in marks:
        found = _bounded(found, mark)
    return found


def _unwrap(hint: object) -> tuple[object, tuple[object, ...]]:
    if get_origin(hint) is Annotated:
        base, *marks = get_args(hint)
        return base, tuple(marks)
    return hint, ()


def _plain(base: object) -> OptionType:
    origin = get_origin(base)
    if origin is Literal:
        return _choice({str(value): value for value in get_args(base)})
    if origin in (Union, types.UnionType):
        return _union([option_type(part) for part in get_args(base)])
    if isinstance(base, type):
        if issubclass(base, enum.Enum):
            return _choice({str(member.value): member for member in base})
        if base in _SIMPLE:
            return _SIMPLE[base]
    raise TypeError(f"options cannot be of type {base!r}")


def _choice(values: dict[str, object]) -> OptionType:
    def read(text: str) -> object:
        if text not in values:
            raise ValueError(text)
        return values[text]

    return OptionType(" | ".join(values), read)


def _union(parts: list[OptionType]) -> OptionType:
    # None first: `none` would be a text, too.
    ordered = sorted(parts, key=lambda part: part is not _NONE)

    def read(text: str) -> object:
        for part in ordered:
            try:
                return part.read(text)
            except ValueError:
                continue
        raise ValueError(text)

    shown = " | ".join(part.text for part in sorted(parts, key=lambda part: part is _NONE))
    return OptionType(shown, read, is_address=any(part.is_address for part in parts))


def _bounded(inner: OptionType, mark: object) -> OptionType:
    """Add the bounds and the description of *mark*, which has the attributes of `msgspec.Meta`."""
    if isinstance(mark, str):
        return OptionType(inner.text, inner.read, mark, inner.is_address)
    bounds = list(_bounds(mark))

    def read(text: str) -> object:
        value = inner.read(text)
        if value is not None and not all(holds(value) for _, holds in bounds):
            raise ValueError(text)
        return value

    shown = " and ".join(words for words, _ in bounds)
    doc = getattr(mark, "description", None) or inner.doc
    return OptionType(f"{inner.text} {shown}".rstrip(), read, doc, inner.is_address)


def _bounds(mark: object) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    for name, (sign, compare) in _BOUNDS.items():
        if (bound := getattr(mark, name, None)) is not None:
            yield f"{sign} {bound}", partial(_is_within, compare, bound)
    if (least := getattr(mark, "min_length", None)) is not None:
        yield f"of at least {least} characters", lambda value: len(str(value)) >= least
    if (most := getattr(mark, "max_length", None)) is not None:
        yield f"of at most {most} characters", lambda value: len(str(value)) <= most
    if (pattern := getattr(mark, "pattern", None)) is not None:
        yield f"matching {pattern}", lambda value: re.search(pattern, str(value)) is not None


def _is_within(compare: Callable[[Any, Any], bool], bound: object, value: object) -> bool:
    return compare(value, bound)


def _with_unit(unit: _Unit) -> OptionType:
    if unit.name == "duration":
        return OptionType("duration (500ms, 2s, 1m, 1h)", _read_duration)
    return OptionType("size (4096, 64MiB, 1GB)", _read_size)


def _read_duration(text: str) -> float:
    if text == "0":
        return 0.0
    number, unit = _number_and_unit(text)
    # Without a unit nobody knows whether seconds or milliseconds were meant.
    if unit not in _DURATIONS:
        raise ValueError(text)
    return float(number) * _DURATIONS[unit]


def _read_size(text: str) -> int:
    number, unit = _number_and_unit(text)
    if unit.lower() not in _SIZES:
        raise ValueError(text)
    factor = _SIZES[unit.lower()]
    if "." not in number:
        return int(number) * factor
    size = float(number) * factor
    if size != int(size):
        raise ValueError(text)
    return int(size)


def _number_and_unit(text: str) -> tuple[str, str]:
    match = _WITH_UNIT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return match[1], match[2]


def _read_truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError(text)
    return _TRUTHS[text.lower()]


def _read_whole(text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _read_number(text: str) -> float:
    if len(text) > 400 or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _read_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text)


def _read_none(text: str) -> None:
    if text != "none":
        raise ValueError(text)


def _refuse(text: str) -> object:
    """An address stands before the '?', never in an option."""
    raise ValueError(text)


_NONE: Final = OptionType("none", _read_none)
_SIMPLE: Final[dict[object, OptionType]] = {
    bool: OptionType("true | false", _read_truth),
    int: OptionType("whole number", _read_whole),
    float: OptionType("number", _read_number),
    str: OptionType("text", str),
    Path: OptionType("path", _read_path),
    types.NoneType: _NONE,
    Address: OptionType("address (NAME://authority/path)", _refuse, is_address=True),
}
