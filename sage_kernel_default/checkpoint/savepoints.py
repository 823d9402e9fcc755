"""Between epochs of this kernel and portable savepoints.

Layer: checkpoint. The format and the rules of restoring belong to the API; this module only turns
one shape into the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from msgspec import Raw

from sage_kernel_api.communication import key_groups
from sage_kernel_api.errors import StateError
from sage_kernel_api.storage.savepoints import (
    InstanceState,
    KeyedRows,
    OldStep,
    Savepoint,
    SavepointHeader,
    owned_groups,
    write_savepoint_file,
)
from sage_kernel_api.storage.savepoints.files import SavepointFiles
from sage_kernel_api.storage.state_upgrade import STATE_VERSION
from sage_kernel_api.storage.value_codec import ValueCodec, join_column, split_column
from sage_kernel_api.values import Payload
from sage_kernel_default.checkpoint.blocks import split_values
from sage_kernel_default.checkpoint.ports import CheckpointStore
from sage_kernel_default.checkpoint.values import (
    EpochInfo,
    EpochRecord,
    JsonObject,
    KeyedChanges,
    RestoredJob,
    StepSnapshot,
)

_NO_STATE: Final = frozenset({"__finished__", STATE_VERSION})
"""Reserved names of the format that tell of an instance: nothing is lost with them."""

__all__ = [
    "drop_steps",
    "has_transactions",
    "old_steps_of",
    "restore_from_savepoint",
    "store_anew",
    "write_savepoint",
]


def write_savepoint(
    job: RestoredJob,
    path: Path,
    *,
    job_name: str,
    codec: ValueCodec,
    kernel: str = "default",
    files: SavepointFiles | None = None,
) -> int:
    """Write an epoch as a savepoint.

    Args:
        job: All state of the epoch, as a store gives it.
        path: Does not exist yet.
        job_name: What the savepoint calls the job.
        codec: Of the job: keys are decoded to find their groups.
        kernel: What it calls the kernel.
        files: The disk; the machine's own by default.

    Returns:
        Its size in bytes.

    Raises:
        CheckpointError: It could not be written; nothing is left at *path*.
        StateError: A key cannot be decoded; the same.
    """
    header = SavepointHeader(
        job=job_name,
        kernel=kernel,
        epoch=job.info.epoch,
        created_at_s=job.info.completed_at_s,
        steps={step: len(snapshots) for step, snapshots in job.steps.items()},
        metadata=job.info.metadata,
    )
    return write_savepoint_file(path, header, _states_of(job, codec), files=files)


def restore_from_savepoint(savepoint: Savepoint) -> RestoredJob:
    """Read a savepoint as an epoch, with the instances that its steps had.

    What other instances make of it is what they make of an epoch of their own: keyed tables by
    `unpack_tables`, the rest as `plan_restore` says, which is to be asked first.

    Raises:
        CheckpointError: The file has changed since it was opened, or cannot be read.
    """
    steps = {}
    for name, step in savepoint.steps.items():
        snapshots = []
        for state, groups in zip(step.instances, owned_groups(step.parallelism), strict=True):
            snapshots.append(
                StepSnapshot(
                    *(name, state.index, step.parallelism, state.operator),
                    keyed=[_changes_of(rows) for rows in savepoint.rows(name, groups)],
                    handle=state.handle,
                    in_flight=state.in_flight,
                )
            )
        steps[name] = snapshots
    header = savepoint.header
    info = EpochInfo(
        *(header.epoch, header.created_at_s, savepoint.size_bytes, savepoint.size_bytes),
        is_final=False,
        metadata=header.metadata,
    )
    return RestoredJob(info, steps)


def store_anew(
    store: CheckpointStore, job: RestoredJob, dropped: Collection[str], metadata: JsonObject
) -> EpochInfo:
    """Store all state as the first epoch of an empty store, without the steps *dropped*.

    Raises:
        CheckpointError: As `CheckpointStore.commit`.
    """
    snapshots = [one for step, states in job.steps.items() if step not in dropped for one in states]
    return store.commit(EpochRecord(max(job.info.epoch, 1), snapshots, metadata))


def drop_steps(
    store: CheckpointStore, job: RestoredJob, dropped: Collection[str], metadata: JsonObject
) -> EpochInfo:
    """Store another epoch after the latest, *job*, that differs only in lacking some steps.

    Raises:
        CheckpointError: As `CheckpointStore.commit`.
    """
    snapshots = [
        # Keyed state lies below already.
        replace(one, keyed=())
        for step, states in job.steps.items()
        if step not in dropped
        for one in states
    ]
    epoch = job.info.epoch + 1
    return store.commit(EpochRecord(epoch, snapshots, metadata, dropped_steps=frozenset(dropped)))


def has_transactions(job: RestoredJob) -> bool:
    """True if the output of some sink waits for its commit."""
    return any(one.handle is not None for states in job.steps.values() for one in states)


def old_steps_of(state: Savepoint | RestoredJob) -> list[OldStep]:
    """Describe stored state as `plan_restore` wants it."""
    if isinstance(state, Savepoint):
        return [
            _old_step(name, step.instances, has_keyed=any(t.keys for t in step.tables.values()))
            for name, step in state.steps.items()
        ]
    return [
        _old_step(name, snapshots, has_keyed=any(c.rows for s in snapshots for c in s.keyed))
        for name, snapshots in state.steps.items()
    ]


def _old_step(
    name: str, states: Sequence[InstanceState | StepSnapshot], *, has_keyed: bool
) -> OldStep:
    return OldStep(
        *(name, len(states)),
        has_operator_state=any(set(state.operator) - _NO_STATE for state in states),
        has_keyed_state=has_keyed,
        has_in_flight=any(state.in_flight for state in states),
        has_handles=any(state.handle is not None for state in states),
    )


def _changes_of(rows: KeyedRows) -> KeyedChanges:
    return KeyedChanges(rows.table, rows.keys, rows.values, rows.rows)


def _states_of(job: RestoredJob, codec: ValueCodec) -> Iterator[InstanceState | KeyedRows]:
    for name, snapshots in sorted(job.steps.items()):
        for snapshot in snapshots:
            yield InstanceState(
                *(name, snapshot.index, snapshot.operator, snapshot.handle, snapshot.in_flight)
            )
        tables = {changes.table for snapshot in snapshots for changes in snapshot.keyed}
        for table in sorted(tables):
            yield from _rows_of(name, table, snapshots, codec)


def _rows_of(
    step: str, table: str, snapshots: Sequence[StepSnapshot], codec: ValueCodec
) -> Iterator[KeyedRows]:
    """Yield one table by key group. It is in memory once, undecoded but for its keys."""
    groups: dict[int, tuple[list[Payload], list[Raw]]] = {}
    for snapshot in snapshots:
        merged = _merged(table, snapshot, codec)
        for (key, value), group in zip(merged.items(), key_groups([*merged]), strict=True):
            keys, values = groups.setdefault(group, ([], []))
            keys.append(key)
            values.append(value)
    for group in sorted(groups):
        keys, values = groups.pop(group)
        # In the order of their encodings: the same state gives the same savepoint.
        encoded = [bytes(raw) for raw in split_column(codec.encode_column(keys))]
        order = sorted(range(len(keys)), key=encoded.__getitem__)
        yield KeyedRows(
            *(step, table, group, join_column([Raw(encoded[number]) for number in order])),
            *(join_column([values[number] for number in order]), len(order)),
        )


def _merged(table: str, snapshot: StepSnapshot, codec: ValueCodec) -> Mapping[Payload, Raw]:
    merged: dict[Payload, Raw] = {}
    for changes in snapshot.keyed:
        if changes.table != table:
            continue
        if changes.is_base:
            merged.clear()
        keys = codec.decode_column(changes.keys)
        values = split_values(codec, changes.values, keys)
        if len(keys) != len(values):
            raise StateError(f"Stored columns of the table {table!r} differ in length.")
        merged.update(zip(keys, values, strict=True))
        for key in codec.decode_column(changes.deleted):
            merged.pop(key, None)
    return merged
