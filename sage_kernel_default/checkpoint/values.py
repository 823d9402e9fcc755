"""What a checkpoint is made of, as bytes: the values that tasks, coordinator and store exchange.

Layer: checkpoint. Pure. Users' values are encoded in the lane of their task, where an error can
name the step; from here on everything is bytes, so that it travels and is stored alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "EMPTY_COLUMN",
    "EpochInfo",
    "EpochRecord",
    "JsonObject",
    "KeyedChanges",
    "OpenedJob",
    "RestoredJob",
    "StepSnapshot",
]

JsonObject: TypeAlias = Mapping[str, Any]
"""What `json.dumps` takes: str keys; str, int, float, bool, None, lists and objects."""

EMPTY_COLUMN = b"\x90"
"""A column without entries."""


@dataclass(frozen=True, slots=True)
class KeyedChanges:
    """Some changed keys of one keyed table, by column: a checkpoint may have a million of them.

    A column is one msgpack array with one item an entry, as `ValueCodec.encode_column` writes
    it; a column of values may also consist of blocks, as `encode_values` writes it, which say
    something only together with their keys. Key groups are not in here: they are a function of
    the key, and needed only where the parallelism changes. Keys that are equal in Python may be
    written differently (``1``, ``True``); whoever applies changes does it to a dict, in order.

    Attributes:
        table: Name of the table (of the declared state).
        keys: Column of the keys that were set.
        values: Column of their values.
        deleted: Column of the keys that were deleted; none of them is in *keys*.
        rows: Entries of *keys*, and of *values*.
        deletions: Entries of *deleted*.
        is_base: True: forget what earlier changes of this table and instance said. The first of
            the chunks that hold a whole table.
    """

    table: str
    keys: bytes
    values: bytes
    rows: int
    deleted: bytes = EMPTY_COLUMN
    deletions: int = 0
    is_base: bool = False

    @property
    def size_bytes(self) -> int:
        """Size of the three columns."""
        return len(self.keys) + len(self.values) + len(self.deleted)


@dataclass(frozen=True, slots=True)
class StepSnapshot:
    """State of one instance of a step at one epoch.

    Attributes:
        step: Its ``uid``, or the step's id if the user gave none.
        index: The instance, in ``range(parallelism)``.
        parallelism: Instances of the step when it was taken. The instance owns the key groups
            that `owner_of` says.
        operator: All operator state, by name. Not incremental.
        keyed: Keyed tables, oldest first. On the way to a store: what changed since the last
            completed epoch. From a store: all that there is.
        handle: What the step's ``pre_commit`` returned; None if there is nothing to commit.
        in_flight: Records that were inside of the step (calls under way, feedback edges).
    """

    step: str
    index: int
    parallelism: int
    operator: Mapping[str, bytes] = field(default_factory=dict)
    keyed: Sequence[KeyedChanges] = ()
    handle: bytes | None = None
    in_flight: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch on its way to the store: every instance of every step with state.

    A task that ended earlier is in every later record, with its last snapshot (and without
    keyed changes, once they were stored). Where a step has another parallelism than in the
    epoch before, each instance sends every table whole (``is_base``).

    Attributes:
        epoch: Larger than every completed epoch of the job; need not be the next number.
        metadata: For people and for checks at restore: plan fingerprint, kernel, versions.
        snapshots: In any order; ``(step, index)`` at most once; all instances of a step with
            equal parallelism.
        dropped_steps: Steps that had state in the epoch before and are not in *snapshots* on
            purpose. Any other missing step is refused.
        is_final: True for the last epoch of a job that reached the end of its input.
    """

    epoch: int
    snapshots: Sequence[StepSnapshot]
    metadata: JsonObject = field(default_factory=dict)
    is_final: bool = False
    dropped_steps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EpochInfo:
    """One completed epoch, without its state.

    Attributes:
        epoch: Its number.
        completed_at_s: Seconds since 1970 (UTC), on the store's clock.
        size_bytes: State that can be restored from it, as encoded.
        written_bytes: What was new in it.
        is_final: As in its `EpochRecord`.
        metadata: As in its `EpochRecord`.
    """

    epoch: int
    completed_at_s: float
    size_bytes: int
    written_bytes: int
    is_final: bool
    metadata: JsonObject


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """What a store says when it is opened.

    Attributes:
        attempt: Counts the successful openings of this job, from 1, durably: a fencing token. A
            larger one is younger, also across crashes.
        latest: The last completed epoch; None for a job that has none yet.
        warnings: Promises that cannot hold here, each as one sentence with its id.
    """

    attempt: int
    latest: EpochInfo | None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RestoredJob:
    """All state of one epoch, verified; independent of the store that it came from.

    Attributes:
        info: The epoch.
        steps: Snapshots by step, one per instance, in the order of `StepSnapshot.index`.
    """

    info: EpochInfo
    steps: Mapping[str, Sequence[StepSnapshot]]
