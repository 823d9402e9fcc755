"""Users' values to bytes and back, exactly and safely (promise R18).

Layer: storage. The format (msgpack with extension types) is described, with test vectors, in
``docs/formats/values.md``. Checkpoints and savepoints consist of it.

What comes back has the very type that went in: a tuple stays a tuple, ``True`` stays ``True``. So
only exact types are taken; a subclass, which would come back as its base, is refused. Bytes can
choose values, never code: classes come from an allow-list, pickle needs a key.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.msgpack import Decoder, Encoder, Ext

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.builtin_types import FROM_BYTES, FROM_PARTS, TO_BYTES, TO_PARTS, Code
from sage_kernel_api.storage.scalars import SCALARS
from sage_kernel_api.storage.signed_pickle import SignedPickle
from sage_kernel_api.storage.state_classes import (
    StateClass,
    registered_state_classes,
    state_class_of,
)
from sage_kernel_api.values import Payload

__all__ = [
    "FORMAT_VERSION",
    "MAX_DEPTH",
    "MAX_VALUE_BYTES",
    "ValueCodec",
    "join_column",
    "split_column",
]

FORMAT_VERSION: Final = 1
"""Version of the format; a reader refuses a newer one."""

MAX_DEPTH: Final = 100
"""Containers inside of containers, at most."""

MAX_VALUE_BYTES: Final = 256 * 1024 * 1024
"""Largest encoding of one value or column, in bytes."""

_encode = Encoder().encode
# From how many bytes on the nesting of an extension is counted; fewer hold half as many levels at
# most, which fit on any stack.
_COUNTED_BYTES: Final = 1024
_split = Decoder(list[Raw])
_as_tuple = partial(Ext, Code.TUPLE)
_TUPLE: Final[frozenset[type[Any]]] = frozenset({tuple})


def _are_plain_tuples(values: Sequence[Payload]) -> bool:
    """Tell whether all are tuples of scalars: what most columns hold that are not scalars alone."""
    return _TUPLE.issuperset(map(type, values)) and SCALARS.issuperset(
        map(type, chain.from_iterable(values))
    )


def split_column(column: bytes) -> list[Raw]:
    """Return the encoded values of a column, undecoded; views into its memory.

    Raises:
        StateError: These bytes are no column.
    """
    try:
        return _split.decode(column)
    except (msgspec.DecodeError, RecursionError) as error:
        raise StateError(f"Stored values are damaged: {error}.") from error


def join_column(values: Sequence[Raw]) -> bytes:
    """Return the column of encoded values: undo `split_column`."""
    return _encode(values)


class ValueCodec:
    """Encode and decode values of one job. Immutable; any thread may use it.

    Example:
        >>> codec = ValueCodec()
        >>> codec.decode(codec.encode({"a": (1, True), 2: {0.5}}))
        {'a': (1, True), 2: {0.5}}
    """

    def __init__(
        self,
        *,
        classes: Iterable[StateClass | type[Any]] = (),
        pickle_key: bytes | None = None,
    ) -> None:
        """Make a codec that knows the registered classes (`state_class`) and *classes*.

        Args:
            classes: More classes to allow.
            pickle_key: At least 16 secret bytes: everything else is pickled and signed with
                it. None (the default): nothing is ever pickled or unpickled.

        Raises:
            ConfigurationError: A class is of no known kind, or the key is too short.
        """
        entries = [*registered_state_classes(), *map(_as_entry, classes)]
        self._by_type = {entry.cls: entry for entry in entries}
        self._by_name = {
            name: entry for entry in entries for name in (*entry.former_names, entry.name)
        }
        self._pickle = None if pickle_key is None else SignedPickle(pickle_key)
        self._decode = Decoder(ext_hook=self._read_extension).decode
        self._decode_items = Decoder(list[Any], ext_hook=self._read_extension).decode
        self._decode_tuple = Decoder(tuple[Any, ...], ext_hook=self._read_extension).decode

    def encode(self, value: Payload) -> bytes:
        """Return the encoding of *value*: always the same one, in every process.

        Values that occur several times inside of *value* are written several times.

        Raises:
            StateError: It holds an object of a type that is not allowed, contains itself, is
                nested deeper than `MAX_DEPTH`, or is larger than `MAX_VALUE_BYTES`.
        """
        if type(value) in SCALARS:
            try:
                data = _encode(value)
            except (OverflowError, UnicodeEncodeError):
                pass
            else:
                if len(data) <= MAX_VALUE_BYTES:
                    return data
        return self._guarded([value], value, is_column=False)

    def decode(self, data: bytes) -> Payload:
        """Return the value that *data* encodes.

        Raises:
            StateError: *data* is not a value of this format, or names a class that is not
                allowed. No code of anybody's was run for it.
        """
        return self._read(self._decode, data)

    def encode_column(self, values: Sequence[Payload]) -> bytes:
        """Return many values as one msgpack array; much faster than one by one.

        Raises:
            StateError: As `encode`; the message does not say which value.
        """
        return self._guarded(values, values, is_column=True)

    def decode_column(self, column: bytes) -> list[Payload]:
        """Return the values of a column: undo `encode_column`.

        Raises:
            StateError: As `decode`.
        """
        items: list[Payload] = self._read(self._decode_items, column)
        return items

    def _guarded(self, values: Sequence[Payload], shown: Payload, *, is_column: bool) -> bytes:
        try:
            data = self._encode_all(values, is_column=is_column)
        except StateError:
            raise
        except RecursionError:
            raise _too_deep() from None
        except Exception as error:
            # A class's own to_plain, a list that another thread changes, a broken pickle.
            raise StateError(
                f"A {type(shown).__name__} cannot be kept: {type(error).__name__}: {error}."
            ) from error
        if len(data) > MAX_VALUE_BYTES:
            raise StateError(
                f"A {type(shown).__name__} takes {len(data)} bytes; at most {MAX_VALUE_BYTES} "
                "bytes can be kept as one value. Split it over several keys."
            )
        return data

    def _encode_all(self, values: Sequence[Payload], *, is_column: bool) -> bytes:
        try:
            lowered = self._lower_all(values, 0, is_careful=False)
            return _encode(lowered if is_column else lowered[0])
        except (OverflowError, UnicodeEncodeError):
            # Rare scalars: looking at each number and text beforehand would cost all others.
            lowered = self._lower_all(values, 0, is_careful=True)
            return _encode(lowered if is_column else lowered[0])

    def _lower_all(
        self, values: Sequence[Payload], depth: int, *, is_careful: bool
    ) -> Sequence[Payload]:
        if is_careful:
            return [self._lower(value, depth, is_careful) for value in values]
        if SCALARS.issuperset(map(type, values)):
            return values
        if depth < MAX_DEPTH and _are_plain_tuples(values):
            return [*map(_as_tuple, map(_encode, values))]
        lowered: list[Payload] = []
        for value in values:
            kind = type(value)
            # Most values are one of these two; each further call would be felt.
            if kind in SCALARS:
                lowered.append(value)
            elif kind is tuple and depth < MAX_DEPTH and SCALARS.issuperset(map(type, value)):
                lowered.append(Ext(Code.TUPLE, _encode(value)))
            else:
                lowered.append(self._lower(value, depth, is_careful))
        return lowered

    def _lower(self, value: Payload, depth: int, is_careful: bool) -> Payload:
        """Return what msgspec encodes as the format wants it; the type of *value* is looked at."""
        kind = type(value)
        if kind in SCALARS:
            return _lower_scalar(value) if is_careful else value
        if depth >= MAX_DEPTH:
            raise _too_deep()
        if kind is tuple:
            items = self._lower_all(value, depth + 1, is_careful=is_careful)
            return Ext(Code.TUPLE, _encode(items))
        if kind is list:
            return self._lower_all(value, depth + 1, is_careful=is_careful)
        if kind is dict:
            keys = self._lower_all([*value], depth + 1, is_careful=is_careful)
            items = self._lower_all([*value.values()], depth + 1, is_careful=is_careful)
            if keys and Ext in set(map(type, keys)):
                return _raw_map(keys, items)
            return dict(zip(keys, items, strict=True))
        if kind is set or kind is frozenset:
            items = self._lower_all([*value], depth + 1, is_careful=is_careful)
            # Sorted, since the order of a set is another one in each process.
            ordered = [Raw(data) for data in sorted(map(_encode, items))]
            return Ext(Code.SET if kind is set else Code.FROZENSET, _encode(ordered))
        return self._lower_rare(value, kind, depth, is_careful)

    def _lower_rare(self, value: Payload, kind: type, depth: int, is_careful: bool) -> Ext:
        if kind in TO_BYTES:
            code, to_bytes = TO_BYTES[kind]
            return Ext(code, to_bytes(value))
        if kind in TO_PARTS:
            code, to_parts = TO_PARTS[kind]
            parts = self._lower_all(to_parts(value), depth + 1, is_careful=is_careful)
            return Ext(code, _encode(parts))
        if kind in self._by_type:
            entry = self._by_type[kind]
            plain = self._lower_all([entry.to_plain(value)], depth + 1, is_careful=is_careful)
            return Ext(Code.OBJECT, _encode([entry.name, *plain]))
        if self._pickle is not None:
            return Ext(Code.PICKLE, self._pickle.dump(value))
        raise _not_allowed(kind)

    def _read(self, decode: Any, data: bytes) -> Payload:
        try:
            return decode(data)
        except StateError:
            raise
        except RecursionError:
            raise StateError(_TOO_DEEP) from None
        except Exception as error:
            # Hostile bytes reach constructors of many types; each has exceptions of its own.
            raise StateError(
                f"Stored values are damaged: {type(error).__name__}: {error}."
            ) from error

    def _read_extension(self, code: int, data: memoryview) -> Payload:
        if len(data) < _COUNTED_BYTES:
            return self._read_content(code, data)
        # Each level is a call in C and one in Python. The recursion limit, which a program may have
        # raised, is no guard for the stack.
        if _nesting.depth > MAX_DEPTH:
            raise StateError(_TOO_DEEP)
        _nesting.depth += 1
        try:
            return self._read_content(code, data)
        finally:
            _nesting.depth -= 1

    def _read_content(self, code: int, data: memoryview) -> Payload:
        if code == Code.TUPLE:
            return self._decode_tuple(data)
        if code in FROM_PARTS:
            return FROM_PARTS[code](self._decode_items(data))
        if code in FROM_BYTES:
            return FROM_BYTES[code](bytes(data))
        if code == Code.OBJECT:
            return self._read_object(data)
        if code == Code.PICKLE:
            if self._pickle is None:
                raise StateError(
                    "Stored values contain pickle, which runs code when it is read. Give the "
                    "pickle_key that it was written with, if you trust its writer."
                )
            return self._pickle.load(bytes(data))
        raise StateError(
            f"Stored values have the unknown type {code}: they come from a newer release, or are "
            "damaged."
        )

    def _read_object(self, data: memoryview) -> Payload:
        name, plain = self._decode_items(data)
        entry = self._by_name.get(name) if isinstance(name, str) else None
        if entry is None:
            raise StateError(
                f"Stored values contain objects of the class {name!r:.200}, which this program "
                "does not allow in state. Register it with @state_class (former_names= if it was "
                "renamed)."
            )
        return entry.from_plain(plain)


class _Nesting(threading.local):
    depth = 0


_nesting = _Nesting()
_TOO_DEEP: Final = "Stored values are nested too deeply to be read."


def _lower_scalar(value: Payload) -> Payload:
    if type(value) is int and not -(1 << 63) <= value < 1 << 64:
        size = value.bit_length() // 8 + 1
        return Ext(Code.BIG_INT, value.to_bytes(size, "big", signed=True))
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return Ext(Code.SURROGATE_STR, value.encode("utf-8", "surrogatepass"))
    return value


def _raw_map(keys: Sequence[Payload], values: Sequence[Payload]) -> Raw:
    """Encode a map by hand: an `Ext` is not hashable, so it can be no key of a dict."""
    size = len(keys)
    if size < 16:
        head = bytes([0x80 | size])
    else:
        head = (
            b"\xde" + size.to_bytes(2, "big")
            if size < 1 << 16
            else b"\xdf" + size.to_bytes(4, "big")
        )
    pairs = zip(keys, values, strict=True)
    return Raw(b"".join([head, *(_encode(part) for pair in pairs for part in pair)]))


def _as_entry(item: StateClass | type[Any]) -> StateClass:
    return item if isinstance(item, StateClass) else state_class_of(item)


def _too_deep() -> StateError:
    return StateError(
        f"A value is nested deeper than {MAX_DEPTH} levels, or contains itself; it cannot be kept."
    )


def _not_allowed(kind: type) -> StateError:
    name = f"{kind.__module__}.{kind.__qualname__}"
    hint = (
        "Convert it with .item() or .tolist()"
        if kind.__module__.partition(".")[0] == "numpy"
        else "Register its class with @state_class (a dataclass, NamedTuple or Enum needs no more)"
    )
    return StateError(
        f"A value of type {name} cannot be kept in state. {hint}, keep plain data, or give a "
        "pickle_key."
    )
