"""From a key to its key group: the same everywhere, for ever (promise R15).

Layer: communication. Pure functions; the format is described, with test vectors, in
``docs/formats/keys.md``.

State and records of one key meet because every kernel, process and release computes the same
group. So nothing here depends on `hash()`, the platform, or the order of a set. Keys that are
equal in Python (``1``, ``1.0``, ``True``) are one key here too, because state tables are
dictionaries.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Final

from sage_kernel_api.errors import KeyEncodingError
from sage_kernel_api.values import Payload

__all__ = ["KEY_GROUPS", "encode_key", "key_group", "key_groups", "owned_groups", "owner_of"]

KEY_GROUPS: Final = 1024
"""Number of key groups, and so the largest parallelism of a keyed step. Part of the format."""

_LARGEST_EXPONENT: Final = 10_000


def key_group(key: Payload) -> int:
    """Return the key group of *key*, in ``range(KEY_GROUPS)``.

    Args:
        key: None, bool, int, float, str, bytes, Decimal, Fraction, UUID, date, time, datetime,
            timedelta, an Enum member, or a tuple, frozenset or frozen dataclass of these.

    Raises:
        KeyEncodingError: The key (or a part of it) is of another type, or is not a number.

    Example:
        >>> key_group("a") == key_group("a"), key_group(1) == key_group(1.0)
        (True, True)

    Source:
        The final mix is fmix32 of MurmurHash3 (Appleby, public domain), applied to CRC-32 of
        the canonical encoding, because CRC-32 alone spreads short keys badly over 2**n groups.
    """
    return _mix(zlib.crc32(encode_key(key)))


def key_groups(keys: Sequence[Payload]) -> list[int]:
    """Return the key group of each of many keys: as `key_group`, several times faster.

    Raises:
        KeyEncodingError: As `key_group`.

    Example:
        >>> key_groups(["a", "b"]) == [key_group("a"), key_group("b")]
        True
    """
    kinds = set(map(type, keys))
    crc32, mix = zlib.crc32, _mix
    try:
        # A checksum goes on where another one ended, so the tag costs nothing.
        if kinds == {str}:
            start = crc32(b"s")
            return [mix(crc32(key.encode(), start)) for key in keys]
        if kinds == {int} and max(map(abs, keys)) < 1 << 4000:
            return [mix(crc32(b"i%d" % key)) for key in keys]
    except UnicodeEncodeError:
        pass
    return [mix(crc32(encode_key(key))) for key in keys]


def _mix(mixed: int) -> int:
    mixed ^= mixed >> 16
    mixed = mixed * 0x85EBCA6B & 0xFFFFFFFF
    mixed ^= mixed >> 13
    mixed = mixed * 0xC2B2AE35 & 0xFFFFFFFF
    return (mixed ^ mixed >> 16) % KEY_GROUPS


def owner_of(group: int, parallelism: int) -> int:
    """Return which of *parallelism* instances owns a key group: contiguous, near-equal ranges.

    Args:
        group: In ``range(KEY_GROUPS)``.
        parallelism: In ``range(1, KEY_GROUPS + 1)``.

    Example:
        >>> [owner_of(group, 2) for group in (0, 511, 512, 1023)]
        [0, 0, 1, 1]

    Source:
        Carbone et al. 2017, "State Management in Apache Flink", section 4.1 (key groups).
    """
    return group * parallelism // KEY_GROUPS


def owned_groups(parallelism: int) -> list[range]:
    """Return the key groups of each of *parallelism* instances, as `owner_of` says."""
    first = [-(-index * KEY_GROUPS // parallelism) for index in range(parallelism + 1)]
    return [range(*pair) for pair in pairwise(first)]


def encode_key(key: Payload) -> bytes:
    """Return the canonical encoding of *key*: equal keys, and only they, encode alike.

    Raises:
        KeyEncodingError: As `key_group`.
    """
    try:
        return _encode(key)
    except RecursionError:
        raise KeyEncodingError(
            f"The key of type {type(key).__name__} is nested too deeply to be encoded."
        ) from None
    except KeyEncodingError as problem:
        if isinstance(key, (tuple, frozenset)) or is_dataclass(key):
            raise KeyEncodingError(f"{problem} (inside the key {_shorten(key)})") from None
        raise


def _encode(key: Payload) -> bytes:
    # Exact types first: they are nearly all keys that there are.
    kind = type(key)
    if kind is str:
        return _encode_str(key)
    if kind is int:
        return b"i%d" % key if -(1 << 4000) < key < 1 << 4000 else _encode_big(key)
    if key is None:
        return b"n"
    if kind is tuple:
        return _encode_items(b"t", [_encode(item) for item in key])
    return _encode_rare(key)


def _encode_rare(key: Payload) -> bytes:
    if isinstance(key, (int, float, decimal.Decimal, fractions.Fraction)):
        return _encode_number(key)
    if isinstance(key, str):
        return _encode_str(key)
    if isinstance(key, bytes):
        return b"b" + key
    if isinstance(key, tuple):
        return _encode_items(b"t", [_encode(item) for item in key])
    if isinstance(key, frozenset):
        return _encode_items(b"f", sorted(_encode(item) for item in key))
    if isinstance(key, enum.Enum):
        return _encode_items(b"e", [_type_name(key), key.name.encode()])
    if isinstance(key, uuid.UUID):
        return b"u" + key.bytes
    if isinstance(key, (dt.date, dt.time, dt.timedelta)):
        return _encode_time(key)
    if is_dataclass(key) and type(key).__hash__ is not None and not isinstance(key, type):
        return _encode_dataclass(key)
    raise KeyEncodingError(
        f"The key {_shorten(key)} of type {type(key).__name__} has no stable encoding. Use None, "
        "a number, str, bytes, a date or time, UUID, an Enum member, or a tuple, frozenset or "
        "frozen dataclass of these."
    )


def _encode_str(key: str) -> bytes:
    # A lone surrogate is a legal str; it must neither fail nor meet another key.
    return b"s" + key.encode("utf-8", "surrogatepass")


def _encode_number(key: int | float | decimal.Decimal | fractions.Fraction) -> bytes:
    """Encode by value, since ``1 == 1.0 == True == Decimal(1) == Fraction(1)``."""
    if isinstance(key, decimal.Decimal):
        # Not `math.isfinite`: by way of a float, 1e400 would become infinity.
        if not key.is_finite():
            return _encode_infinity(key.is_nan(), key)
        if abs(key.adjusted()) > _LARGEST_EXPONENT:
            raise KeyEncodingError(
                f"The key {key!r} has too large an exponent; keys go to 1e{_LARGEST_EXPONENT}."
            )
    elif isinstance(key, float) and not math.isfinite(key):
        return _encode_infinity(math.isnan(key), key)
    numerator, denominator = key.as_integer_ratio()
    if denominator == 1:
        return _encode(int(numerator))
    return _encode_items(b"q", [_encode(numerator), _encode(denominator)])


def _encode_infinity(is_nan: bool, key: float | decimal.Decimal) -> bytes:
    if is_nan:
        raise KeyEncodingError(
            f"The key {key!r} is not equal to itself, so no two records could share it. "
            "Map it to a key of its own, for example None."
        )
    return b"+" if key > 0 else b"-"


def _encode_big(key: int) -> bytes:
    # Decimal text of huge ints is quadratic, and refused by Python past 4300 digits.
    return b"I" + key.to_bytes(key.bit_length() // 8 + 1, "big", signed=True)


def _encode_time(key: dt.date | dt.time | dt.timedelta) -> bytes:
    if isinstance(key, dt.timedelta):
        return b"D%d,%d,%d" % (key.days, key.seconds, key.microseconds)
    if isinstance(key, dt.datetime):
        # Aware datetimes are equal when they name the same instant, in whatever zone.
        aware = key.utcoffset() is not None
        try:
            naive = key.astimezone(dt.UTC).replace(tzinfo=None) if aware else key
        except OverflowError:
            raise KeyEncodingError(f"The key {key!r} has no time in UTC.") from None
        return (b"Z" if aware else b"T") + naive.isoformat().encode()
    if isinstance(key, dt.time):
        offset = key.utcoffset()
        if offset is None:
            return b"c" + key.isoformat().encode()
        since_midnight = dt.datetime.combine(dt.date(2000, 1, 2), key.replace(tzinfo=None)) - offset
        return b"C" + since_midnight.isoformat().encode()
    return b"d" + key.isoformat().encode()


def _encode_dataclass(key: Payload) -> bytes:
    # The fields that take part in ==, since equal keys must encode alike.
    parts = [_encode(getattr(key, field.name)) for field in fields(key) if field.compare]
    return _encode_items(b"o", [_type_name(key), *parts])


def _encode_items(tag: bytes, items: list[bytes]) -> bytes:
    # Lengths before contents, so that no two different sequences run together.
    return b"".join([tag, *(b"%d:%b" % (len(item), item) for item in items)])


def _type_name(key: Payload) -> bytes:
    return f"{type(key).__module__}.{type(key).__qualname__}".encode()


def _shorten(key: Payload) -> str:
    text = repr(key)
    return text if len(text) <= 80 else f"{text[:77]}..."
