"""Keyed tables to columns and back.

Layer: checkpoint. Pure. Runs in the lane of the task, where users' values live.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from sage_kernel_api.communication import key_groups, owned_groups
from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload
from sage_kernel_default.checkpoint.blocks import decode_values, encode_values
from sage_kernel_default.checkpoint.values import EMPTY_COLUMN, KeyedChanges, StepSnapshot

if TYPE_CHECKING:  # brought by those who have one: lanes of a job without checkpoints start sooner
    from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = ["CHUNK_ROWS", "pack_table", "unpack_table", "unpack_tables"]

CHUNK_ROWS: Final = 1 << 16
"""Keys of one chunk, at most: bounds what is in memory twice."""


def pack_table(
    codec: ValueCodec,
    table: str,
    changed: Mapping[Payload, Payload],
    deleted: Collection[Payload] = (),
    *,
    is_base: bool = False,
    key_columns: list[bytes] | None = None,
) -> list[KeyedChanges]:
    """Encode what changed in a table.

    Args:
        codec: Of the job.
        table: Its name.
        changed: Keys that were set, with their values.
        deleted: Keys that were deleted; none of them in *changed*.
        is_base: *changed* is the whole table. Worth it when half of the keys changed: such
            changes replace what is stored instead of lying on top.
        key_columns: Columns of the first keys, as an earlier call has left them here; those of
            further full chunks are added. For bases whose first keys have not changed: they
            need not be encoded again.

    Returns:
        Chunks, to be applied in order; none if nothing changed, at least one if *is_base*.

    Raises:
        StateError: A key or value cannot be kept; the message names table and key.
    """
    chunks: list[KeyedChanges] = []
    known: list[bytes] = [] if key_columns is None else key_columns
    # Columns from the beginning: a pair for each key would cost more than its encoding.
    all_keys, values = list(changed), iter(changed.values())
    for start in range(0, len(all_keys), CHUNK_ROWS):
        keys = all_keys[start : start + CHUNK_ROWS]
        try:
            packed = (
                _key_column(codec, keys, known, start // CHUNK_ROWS),
                encode_values(codec, values, keys),
            )
        except StateError:
            chunks += _pack_rows(codec, table, keys, [changed[key] for key in keys])
            values = islice(changed.values(), start + len(keys), None)
        else:
            chunks.append(KeyedChanges(table, *packed, rows=len(keys)))
    if is_base:
        first, *others = chunks or [KeyedChanges(table, EMPTY_COLUMN, EMPTY_COLUMN, 0)]
        base = KeyedChanges(table, first.keys, first.values, first.rows, is_base=True)
        return [base, *others]
    gone = iter(deleted)
    while keys := list(islice(gone, CHUNK_ROWS)):
        column = _encode_keys(codec, table, keys)
        chunks.append(
            KeyedChanges(table, EMPTY_COLUMN, EMPTY_COLUMN, 0, deleted=column, deletions=len(keys))
        )
    return chunks


def unpack_table(
    codec: ValueCodec, chunks: Iterable[KeyedChanges], into: dict[Payload, Payload]
) -> None:
    """Apply changes of one table, in order, to *into*.

    Raises:
        StateError: They cannot be decoded. *into* has part of the changes.
    """
    for chunk in chunks:
        if chunk.is_base:
            into.clear()
        keys = codec.decode_column(chunk.keys)
        values = decode_values(codec, chunk.values, keys)
        deleted = codec.decode_column(chunk.deleted)
        if (len(keys), len(values), len(deleted)) != (chunk.rows, chunk.rows, chunk.deletions):
            raise StateError(f"Stored columns of the table {chunk.table!r} differ in length.")
        into.update(zip(keys, values, strict=True))
        for key in deleted:
            into.pop(key, None)


def unpack_tables(
    codec: ValueCodec, snapshots: Sequence[StepSnapshot], index: int, parallelism: int
) -> dict[str, dict[Payload, Payload]]:
    """Return the keyed tables of one new instance, from the snapshots of all old ones.

    At the old parallelism an instance reads its own snapshot alone; at another one it reads
    all, and keeps the keys whose group it owns now.

    Args:
        codec: Of the job.
        snapshots: Of all instances of the step, as in `RestoredJob`.
        index: The new instance, in ``range(parallelism)``.
        parallelism: New number of instances.

    Raises:
        StateError: They cannot be decoded.
    """
    if len(snapshots) == parallelism:
        return _tables_of(codec, snapshots[index])
    tables: dict[str, dict[Payload, Payload]] = {}
    for snapshot in snapshots:
        for name, rows in _tables_of(codec, snapshot).items():
            mine = tables.setdefault(name, {})
            groups = key_groups([*rows])
            owned = owned_groups(parallelism)[index]
            mine.update(
                item for item, group in zip(rows.items(), groups, strict=True) if group in owned
            )
    return tables


def _tables_of(codec: ValueCodec, snapshot: StepSnapshot) -> dict[str, dict[Payload, Payload]]:
    tables: dict[str, dict[Payload, Payload]] = {}
    for chunk in snapshot.keyed:
        unpack_table(codec, [chunk], tables.setdefault(chunk.table, {}))
    return tables


def _key_column(codec: ValueCodec, keys: list[Payload], known: list[bytes], number: int) -> bytes:
    if number < len(known):
        return known[number]
    column = codec.encode_column(keys)
    # The last one is not full: more keys may come.
    if number == len(known) and len(keys) == CHUNK_ROWS:
        known.append(column)
    return column


def _pack_rows(
    codec: ValueCodec, table: str, keys: list[Payload], values: list[Payload]
) -> list[KeyedChanges]:
    """Pack what could not be packed in one go."""
    try:
        packed = codec.encode_column(keys), encode_values(codec, iter(values), keys)
    except StateError as error:
        if len(keys) == 1:
            raise _blame(error, table, keys[0]) from error
        # Too large together, or one of them is wrong: halves find out which, and which one.
        half = len(keys) // 2
        return [
            *_pack_rows(codec, table, keys[:half], values[:half]),
            *_pack_rows(codec, table, keys[half:], values[half:]),
        ]
    return [KeyedChanges(table, *packed, rows=len(keys))]


def _encode_keys(codec: ValueCodec, table: str, keys: list[Payload]) -> bytes:
    try:
        return codec.encode_column(keys)
    except StateError as error:
        for key in keys:
            try:
                codec.encode(key)
            except StateError:
                raise _blame(error, table, key) from error
        raise


def _blame(error: StateError, table: str, key: Payload) -> StateError:
    shown = repr(key)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return StateError(f"State {table!r}, key {shown}: {error}")
