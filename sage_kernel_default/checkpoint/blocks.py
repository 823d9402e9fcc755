"""The values of many keys as one column: tuples of one length are written item by item.

Layer: checkpoint. Pure. Runs in the lane of the task, where each nanosecond per key is felt: what
is done for each value is done by the interpreter's own functions, never by a loop in Python. The
format is described in ``docs/formats/checkpoints.md``.

Most values of large tables are alike: numbers, or tuples of a few scalars, of which one is often
the key itself. Such a tuple costs a fifth in columns of what it costs as a value of its own, and
what is the key is not written at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import is_
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.msgpack import Decoder

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage import value_codec
from sage_kernel_api.storage.scalars import SCALARS
from sage_kernel_api.storage.value_codec import ValueCodec, split_column
from sage_kernel_api.values import Payload

__all__ = ["BLOCK_ROWS", "decode_values", "encode_values", "split_values"]

BLOCK_ROWS: Final = 256
"""Values that are looked at together, several times: so few that they stay in the cache."""

_BLOCKS: Final = b"\xc1"
"""How a column of blocks begins. MessagePack never uses it; plain columns begin as arrays do."""

_MOST_ITEMS: Final = 16
"""Longer tuples are written as values: columns of so few rows would not pay."""

_TUPLE: Final = {tuple}

_encode = msgspec.msgpack.Encoder().encode
# Of each block: its rows, the items of each tuple (0: values of any kind), and its columns.
_split_blocks = Decoder(list[tuple[int, int, Raw]]).decode
_decode_items = Decoder(list[list[Any] | None]).decode


def encode_values(codec: ValueCodec, values: Iterator[Payload], keys: Sequence[Payload]) -> bytes:
    """Return the column of the values of *keys*.

    Args:
        codec: Of the job.
        values: As many as there are keys are taken from it.
        keys: In the same order. `decode_values` needs them again.

    Raises:
        StateError: A value cannot be kept, or all together are too large. The message does not
            say which one.
    """
    blocks: list[tuple[int, int, list[bytes | None]]] = []
    size = 0
    for start in range(0, len(keys), BLOCK_ROWS):
        some = keys[start : start + BLOCK_ROWS]
        block = list(islice(values, len(some)))
        columns = _columns_of(block, some)
        width = 0 if columns is None else len(columns)
        columns = columns or [codec.encode_column(block)]
        blocks.append((len(some), width, columns))
        size += sum(len(column) for column in columns if column is not None)
        if size > value_codec.MAX_VALUE_BYTES:
            raise StateError(f"Values take {size} bytes together, which is too much for a column.")
    if any(width for _, width, _ in blocks):
        return _BLOCKS + _encode([_written(*block) for block in blocks])
    return _joined([(rows, data) for rows, _, [data] in blocks if data is not None])


def decode_values(codec: ValueCodec, column: bytes, keys: Sequence[Payload]) -> list[Payload]:
    """Return the values of a column: undo `encode_values`.

    Raises:
        StateError: It is damaged, or holds what *codec* does not allow.
    """
    if column[:1] != _BLOCKS:
        return codec.decode_column(column)
    values: list[Payload] = []
    for width, data, some in _blocks_of(column, keys):
        if width:
            values += _tuples_of(width, data, some)
        else:
            plain = codec.decode_column(data)
            _check_rows(len(plain), some)
            values += plain
    return values


def split_values(codec: ValueCodec, column: bytes, keys: Sequence[Payload]) -> list[Raw]:
    """Return the values of a column one by one, each in the value format, as `split_column`.

    Args:
        codec: Knows the keys' classes; those of other values are not looked at.
        column: Of `encode_values`.
        keys: Those of the column, decoded.

    Raises:
        StateError: It is damaged.
    """
    if column[:1] != _BLOCKS:
        return split_column(column)
    values: list[Raw] = []
    for width, data, some in _blocks_of(column, keys):
        plain = codec.encode_column(_tuples_of(width, data, some)) if width else data
        parts = split_column(plain)
        _check_rows(len(parts), some)
        values += parts
    return values


def _columns_of(block: list[Payload], keys: Sequence[Payload]) -> list[bytes | None] | None:
    """Return one column for each item of the tuples; None if these are no such tuples."""
    first = block[0]
    if type(first) is not tuple or not 0 < len(first) <= _MOST_ITEMS:
        return None
    # Exact types: what comes back must have the type that went in.
    if set(map(type, block)) != _TUPLE:
        return None
    try:
        # Of all ways to turn rows into columns the one that goes over the memory least often.
        turned = list(zip(*block, strict=True))
    except ValueError:  # tuples of several lengths
        return None
    columns: list[bytes | None] = []
    for column in turned:
        # The very object, not an equal one: 1 and True are equal, and are not the same.
        if all(map(is_, column, keys)):
            columns.append(None)
        elif not SCALARS.issuperset(map(type, column)):
            return None
        else:
            try:
                columns.append(_encode(column))
            except (OverflowError, UnicodeEncodeError):
                # Numbers and texts that MessagePack does not know: the codec does.
                return None
    return columns


def _written(rows: int, width: int, columns: list[bytes | None]) -> tuple[int, int, Any]:
    raw = [None if column is None else Raw(column) for column in columns]
    return rows, width, raw if width else raw[0]


def _joined(blocks: Sequence[tuple[int, bytes]]) -> bytes:
    """Return arrays as one."""
    rows = sum(rows for rows, _ in blocks)
    return b"".join([_array_head(rows), *(data[len(_array_head(n)) :] for n, data in blocks)])


def _array_head(size: int) -> bytes:
    if size < 1 << 4:
        return bytes([0x90 | size])
    if size < 1 << 16:
        return b"\xdc" + size.to_bytes(2, "big")
    return b"\xdd" + size.to_bytes(4, "big")


def _blocks_of(
    column: bytes, keys: Sequence[Payload]
) -> Iterator[tuple[int, Raw, Sequence[Payload]]]:
    """Yield width, columns and keys of each block.

    Raises:
        StateError: These are no blocks, or not for so many keys.
    """
    try:
        blocks = _split_blocks(memoryview(column)[1:])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise StateError(f"Stored values are damaged: {error}.") from error
    place = 0
    for rows, width, data in blocks:
        if rows < 1 or place + rows > len(keys) or not 0 <= width <= _MOST_ITEMS:
            raise StateError("Stored values are damaged: they do not belong to these keys.")
        yield width, data, keys[place : place + rows]
        place += rows
    if place != len(keys):
        raise StateError("Stored values are damaged: they do not belong to these keys.")


def _tuples_of(width: int, data: Raw, keys: Sequence[Payload]) -> list[tuple[Payload, ...]]:
    try:
        columns = _decode_items(data)
        if len(columns) == width:
            found = [keys if column is None else column for column in columns]
            tuples = list(zip(*found, strict=True))
            _check_rows(len(tuples), keys)
            return tuples
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise StateError(f"Stored values are damaged: {error}.") from error
    raise StateError(f"Stored values are damaged: {len(columns)} items instead of {width}.")


def _check_rows(count: int, keys: Sequence[Payload]) -> None:
    if count != len(keys):
        raise StateError(f"Stored values are damaged: {count} for {len(keys)} keys.")
