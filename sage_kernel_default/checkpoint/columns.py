"""Merge changes of one table without decoding values.

Layer: checkpoint. Pure. Keys may have two encodings and yet be one key in Python (``1`` and
``True``), so they are compared as what they are: texts, whole numbers or bytes alone as
themselves, which is fast, and mixed ones by their canonical encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.msgpack import Decoder

from sage_kernel_api.communication.key_groups import encode_key
from sage_kernel_api.errors import KeyEncodingError, StateError
from sage_kernel_api.storage.value_codec import ValueCodec, join_column, split_column
from sage_kernel_default.checkpoint.blocks import split_values
from sage_kernel_default.checkpoint.tables import CHUNK_ROWS
from sage_kernel_default.checkpoint.values import EMPTY_COLUMN, KeyedChanges

__all__ = ["merge_changes"]

# Strict: none of them takes what another type wrote.
_SIMPLE: Final[tuple[Decoder[Any], ...]] = (
    Decoder(list[str]),
    Decoder(list[int]),
    Decoder(list[bytes]),
)
_BUILTINS: Final = ValueCodec()
_encode = msgspec.msgpack.encode


def merge_changes(chunks: Sequence[KeyedChanges]) -> list[KeyedChanges] | None:
    """Return fewer changes with the same effect.

    Args:
        chunks: Of one table and instance, in order, at least one. If one is a base, so is the
            result, and deleted keys are gone for good.

    Returns:
        The merged chunks; None if keys cannot be compared (they are objects of the user's
        classes), so that the chunks must stay as they are.

    Raises:
        StateError: A column is damaged.
    """
    columns = [column for chunk in chunks for column in (chunk.keys, chunk.deleted)]
    for decoder in _SIMPLE:
        try:
            keys = [decoder.decode(column) for column in columns]
        except msgspec.MsgspecError:
            continue
        return _merge(chunks, keys, keys, keys)
    raw = [list(map(bytes, split_column(column))) for column in columns]
    try:
        decoded = [list(map(_BUILTINS.decode, column)) for column in raw]
        same = [list(map(encode_key, column)) for column in decoded]
    except (StateError, KeyEncodingError):
        return None
    return _merge(chunks, decoded, same, [list(map(Raw, column)) for column in raw])


def _merge(
    chunks: Sequence[KeyedChanges],
    decoded: Sequence[list[Any]],
    same: Sequence[list[Any]],
    keys: Sequence[list[Any]],
) -> list[KeyedChanges]:
    """Merge; *same* says which keys are one, *keys* is what to write; keys and deleted in turn."""
    live: dict[Any, Raw] = {}
    shown: dict[Any, Any] = {}
    gone: dict[Any, Any] = {}
    for number, chunk in enumerate(chunks):
        if chunk.is_base:
            live.clear()
            gone.clear()
        for one in same[2 * number] if gone else ():
            gone.pop(one, None)
        values = split_values(_BUILTINS, chunk.values, decoded[2 * number])
        live.update(zip(same[2 * number], values, strict=True))
        for one, key in zip(same[2 * number + 1], keys[2 * number + 1], strict=True):
            live.pop(one, None)
            gone[one] = key
        if same is not keys:
            shown.update(zip(same[2 * number], keys[2 * number], strict=True))
    is_base = any(chunk.is_base for chunk in chunks)
    rows = [shown[one] for one in live] if same is not keys else [*live]
    deleted = [] if is_base else [*gone.values()]
    return _chunks(chunks[0].table, rows, [*live.values()], deleted, is_base)


def _chunks(
    table: str, keys: list[Any], values: list[Raw], deleted: list[Any], is_base: bool
) -> list[KeyedChanges]:
    chunks = [
        KeyedChanges(
            *(table, _encode(keys[start : start + CHUNK_ROWS])),
            *(
                join_column(values[start : start + CHUNK_ROWS]),
                len(keys[start : start + CHUNK_ROWS]),
            ),
            is_base=is_base and start == 0,
        )
        for start in range(0, len(keys), CHUNK_ROWS)
    ]
    if is_base and not chunks:
        chunks.append(KeyedChanges(table, EMPTY_COLUMN, EMPTY_COLUMN, 0, is_base=True))
    if deleted:
        column = _encode(deleted)
        chunks.append(
            KeyedChanges(
                *(table, EMPTY_COLUMN, EMPTY_COLUMN, 0), deleted=column, deletions=len(deleted)
            )
        )
    return chunks
