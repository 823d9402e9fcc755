"""The state of one running step: to bytes at a snapshot, from bytes at a restart.

Layer: engine. Knows how operators offer state; knows nothing of barriers and stores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.errors import CheckpointError, StateError
from sage_kernel_api.runnable import StatefulRunnable, TransactionalRunnable, UpgradingRunnable
from sage_kernel_api.storage.state_upgrade import STATE_VERSION
from sage_kernel_api.values import Payload
from sage_kernel_default.checkpoint.values import KeyedChanges, StepSnapshot
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.ports import NamedValues
from sage_kernel_default.engine.segments import Time
from sage_kernel_default.engine.tables import TrackedTable
from sage_kernel_default.engine.tally import total

if TYPE_CHECKING:  # brought by those who have one: lanes of a job without checkpoints start sooner
    from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = [
    "FINISHED",
    "Pending",
    "decode_pending",
    "encode_pending",
    "has_finished",
    "is_transactional",
    "keyed_changes",
    "operator_entries",
    "restore_operator",
    "restored_handles",
    "restored_pending",
]

SAVED: Final = "__saved__"
"""Entry of the values that the function saved by name."""
FINISHED: Final = "__finished__"
"""Entry of a step whose ``finish`` is done: it must not emit its last results again."""
_RESERVED: Final = frozenset({SAVED, FINISHED, STATE_VERSION})

Pending = tuple[int, Payload, Payload, Time]
"""A record inside of a step: number of its edge among the step's inputs, the record, its key and
event time."""


# --- to bytes ---------------------------------------------------------------------------------


def operator_entries(operator: Operator, codec: ValueCodec) -> dict[str, bytes]:
    """Return what the step's operator, and the values saved by name, have to keep.

    Raises:
        StateError: A value cannot be encoded; the message names it. Private fields (their name
            begins with an underscore) are left out instead, as the contract says.
    """
    entries: dict[str, bytes] = {}
    runnable = operator.runnable
    if _is_stateful(runnable):
        for name, value in cast("StatefulRunnable", runnable).snapshot_state().items():
            try:
                entries[name] = codec.encode(value)
            except Exception as error:
                if name.startswith("_"):
                    continue
                raise StateError(
                    f"{name!r} ({type(value).__name__}) cannot be part of a checkpoint: {error} "
                    "Name what makes up the state in __state_include__, or leave it out by "
                    "__state_exclude__."
                ) from error
    if (
        _is_upgrading(runnable)
        and (version := cast("UpgradingRunnable", runnable).state_version) > 1
    ):
        entries[STATE_VERSION] = codec.encode(version)
    manager = operator.context.state_manager
    if isinstance(manager, NamedValues) and (saved := manager.export_values()):
        entries[SAVED] = codec.encode(dict(saved))
    return entries


def keyed_changes(operator: Operator, codec: ValueCodec) -> list[KeyedChanges]:
    """Return what has changed in the step's keyed tables since the last call.

    Raises:
        StateError: A key or value cannot be encoded; the message names table and key.
    """
    # Imported here: jobs without checkpoints need none of it, and their lanes start sooner.
    from sage_kernel_default.checkpoint.tables import pack_table

    found: list[KeyedChanges] = []
    records = total(operator.counters.ins)
    for name, table in operator.context.tables.items():
        if isinstance(table, TrackedTable) and (changes := table.take_changes(records)) is not None:
            found += pack_table(
                codec,
                name,
                changes.entries,
                changes.deleted,
                is_base=changes.is_base,
                key_columns=changes.key_columns,
            )
            table.settle()
    return found


def encode_pending(records: Sequence[Pending], codec: ValueCodec) -> list[bytes]:
    """Return records that are inside of a step, as four columns; more may be joined to them."""
    if not records:
        return []
    return [codec.encode_column(list(column)) for column in zip(*records, strict=True)]


def decode_pending(parts: Sequence[bytes], codec: ValueCodec) -> list[Pending]:
    """Undo `encode_pending`."""
    columns = [codec.decode_column(part) for part in parts]
    return [
        record
        for place in range(0, len(columns), 4)
        for record in zip(*columns[place : place + 4], strict=True)
    ]


# --- from bytes -------------------------------------------------------------------------------


def restore_operator(
    operator: Operator, saved: Sequence[StepSnapshot], codec: ValueCodec, index: int
) -> None:
    """Give a new, unopened step the state of its predecessors.

    Args:
        operator: The step; its instance is *index*.
        saved: Of all old instances, by index; empty if there is no state, but may have been
            an earlier attempt.
        codec: For users' values.
        index: The instance.

    Raises:
        CheckpointError: The state belongs to another number of instances and cannot be shared.
    """
    parallelism = operator.step.parallelism
    is_same = len(saved) == parallelism
    mine = saved[index : index + 1] if is_same else saved
    _restore_entries(operator, saved, mine, codec, is_same=is_same)
    stored = Counter[str]()
    for one in mine:
        for chunk in one.keyed:
            stored[chunk.table] = (
                (0 if chunk.is_base else stored[chunk.table]) + chunk.rows + chunk.deletions
            )
    if not saved:
        return
    from sage_kernel_default.checkpoint.tables import unpack_tables  # as in `keyed_changes`

    for name, entries in unpack_tables(codec, saved, index, parallelism).items():
        table = operator.context.table(name)
        assert isinstance(table, TrackedTable), "made under a desk"
        upgraded = _upgraded_table(operator.runnable, _version_in(mine, codec), name, entries)
        table.fill(upgraded)
        table.note_stored(stored[name], wants_base=not is_same or upgraded is not entries)


def _restore_entries(
    operator: Operator,
    saved: Sequence[StepSnapshot],
    mine: Sequence[StepSnapshot],
    codec: ValueCodec,
    *,
    is_same: bool,
) -> None:
    states = [
        {n: codec.decode(v) for n, v in one.operator.items() if n not in _RESERVED} for one in mine
    ]
    runnable = operator.runnable
    if _is_upgrading(runnable):
        upgrading, version = cast("UpgradingRunnable", runnable), _version_in(mine, codec)
        states = [dict(upgrading.upgrade_state(version, state)) for state in states]
    is_stateful = _is_stateful(runnable)
    shares = is_stateful and cast("StatefulRunnable", runnable).state_sharing == "all"
    stuck = [one for one in mine if SAVED in one.operator] or ([] if shares else any(states))
    if not is_same and stuck:
        step = operator.step
        raise CheckpointError(
            f"The state of step {step.id!r} belongs to {len(saved)} instances and cannot be shared "
            f"by {step.parallelism}. Set parallelism={len(saved)} for this step, or keep its state "
            "by key."
        )
    if is_stateful:
        cast("StatefulRunnable", runnable).restore_state(states if shares or any(states) else [])
    elif any(states):
        raise CheckpointError(
            f"Step {operator.step.id!r} has state ({', '.join(sorted(states[0]))}), and what runs "
            "it now takes none. Give steps a uid, so that each finds its own state again."
        )
    manager = operator.context.state_manager
    if is_same and mine and SAVED in mine[0].operator and isinstance(manager, NamedValues):
        manager.import_values(cast("Mapping[str, Payload]", codec.decode(mine[0].operator[SAVED])))


def _version_in(saved: Sequence[StepSnapshot], codec: ValueCodec) -> int:
    """Return the version of stored state; all instances of a step have left the same one."""
    found = [
        codec.decode(one.operator[STATE_VERSION]) for one in saved if STATE_VERSION in one.operator
    ]
    if found and type(found[0]) is not int:
        raise StateError(f"Stored state has the version {found[0]!r:.80}, which is no number.")
    return found[0] if found else 1


def _upgraded_table(
    runnable: object, version: int, table: str, rows: dict[Payload, Payload]
) -> dict[Payload, Payload]:
    if not _is_upgrading(runnable):
        return rows
    upgraded = cast("UpgradingRunnable", runnable).upgrade_table(version, table, rows)
    return rows if upgraded is rows else dict(upgraded)


def has_finished(saved: Sequence[StepSnapshot], index: int, parallelism: int) -> bool:
    """Tell whether the step had done its ``finish``: this instance, or all, if they are others."""
    mine = saved[index : index + 1] if len(saved) == parallelism else saved
    return bool(mine) and all(FINISHED in one.operator for one in mine)


def restored_handles(
    saved: Sequence[StepSnapshot], codec: ValueCodec, index: int, parallelism: int
) -> list[Payload]:
    """Return the transactions that a checkpoint has decided; all, if the instances are others.

    Which of them it commits is then a matter of the step (see `TransactionalSinkFunction`): it must
    know of all, so as not to begin anew what another instance has begun.
    """
    is_same = len(saved) == parallelism
    return [
        handle
        for one in saved
        if one.handle is not None and (one.index == index or not is_same)
        for handle in cast("list[Payload]", codec.decode(one.handle))
    ]


def restored_pending(
    saved: Sequence[StepSnapshot], codec: ValueCodec, index: int, operator: Operator
) -> list[Pending]:
    """Return this instance's share of the records that were inside of the step."""
    parallelism = operator.step.parallelism
    if len(saved) == parallelism:
        return decode_pending(saved[index].in_flight, codec)
    everything = [record for one in saved for record in decode_pending(one.in_flight, codec)]
    return [
        record
        for place, record in enumerate(everything)
        if _owner(operator, record, place, parallelism) == index
    ]


def _owner(operator: Operator, record: Pending, place: int, parallelism: int) -> int:
    if operator.sees_keys and record[2] is not None:
        return owner_of(key_group(record[2]), parallelism)
    return place % parallelism


def is_transactional(operator: Operator) -> TransactionalRunnable | None:
    """Return the step's instance if its output becomes visible with a checkpoint."""
    runnable = operator.runnable
    members = ("coordinate", "recover", "pre_commit", "commit")
    if all(callable(getattr(runnable, name, None)) for name in members):
        return cast("TransactionalRunnable", runnable)
    return None


def _is_upgrading(runnable: object) -> bool:
    return callable(getattr(runnable, "upgrade_table", None))


def _is_stateful(runnable: object) -> bool:
    return callable(getattr(runnable, "snapshot_state", None))
