"""From the segments of one epoch, and what changed since, to those of the next.

Layer: checkpoint. Pure, but for reading and writing bodies through the functions passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from sage_kernel_api.errors import CheckpointError
from sage_kernel_default.checkpoint.columns import merge_changes
from sage_kernel_default.checkpoint.compaction import runs_to_merge
from sage_kernel_default.checkpoint.manifest import Manifest, SegmentRef
from sage_kernel_default.checkpoint.segments import (
    digest_of,
    keyed_body,
    operator_body,
)
from sage_kernel_default.checkpoint.values import EpochRecord, KeyedChanges, StepSnapshot

__all__ = ["SHARE_KEYS_FROM", "NextLayers", "parallelism_by_step"]

SHARE_KEYS_FROM: Final = 4096
"""The keys of so many rows get a row of their own: a hot table has the same ones each time, and
so writes them once."""

Owner: TypeAlias = tuple[str, int, str | None]


class NextLayers:
    """Build the list of segments of one new epoch."""

    def __init__(
        self,
        record: EpochRecord,
        previous: Manifest | None,
        *,
        next_id: int,
        write: Callable[[int, bytes], None],
        read: Callable[[SegmentRef], KeyedChanges],
    ) -> None:
        """Prepare for *record* on top of *previous*; *write* takes bodies by id."""
        self._record = record
        self._steps = parallelism_by_step(record)
        self.next_id = next_id
        self._write = write
        self._read = read
        self.written_bytes = 0
        self._unwritten: dict[int, bytes] = {}
        self._fresh: dict[int, KeyedChanges] = {}
        self._old: dict[Owner, list[SegmentRef]] = {}
        self._key_rows: dict[tuple[Owner, str], int] = {}
        for ref in previous.segments if previous is not None else ():
            owner = (ref.step, ref.index, ref.table)
            self._old.setdefault(owner, []).append(ref)
            if ref.keys_id:
                self._key_rows[owner, ref.keys_digest] = ref.keys_id
        if previous is not None:
            self._check_steps(previous)

    def build(self) -> tuple[SegmentRef, ...]:
        """Write what is new and return all segments, in the order in which they apply.

        Raises:
            CheckpointError: The record does not fit what is stored.
            Whatever *write* and *read* raise.
        """
        segments: list[SegmentRef] = []
        order = sorted(self._record.snapshots, key=lambda snapshot: (snapshot.step, snapshot.index))
        for snapshot in order:
            segments.append(self._operator_segment(snapshot))
            tables = {table for step, index, table in self._old if (step, index) == _who(snapshot)}
            tables |= {changes.table for changes in snapshot.keyed}
            for table in sorted(table for table in tables if table is not None):
                segments += self._table_segments(snapshot, table)
        return tuple(segments)

    def _operator_segment(self, snapshot: StepSnapshot) -> SegmentRef:
        body = operator_body(snapshot)
        old = self._old.get((*_who(snapshot), None), [])
        digest = digest_of(*_who(snapshot), None, body)
        if old and old[0].digest == digest:
            return old[0]
        ref = self._new(snapshot, None, body, digest)
        self._write_those_of([ref])
        return ref

    def _table_segments(self, snapshot: StepSnapshot, table: str) -> list[SegmentRef]:
        segments = list(self._old.get((*_who(snapshot), table), ()))
        for changes in snapshot.keyed:
            if changes.table == table:
                segments = [] if changes.is_base else segments
                segments.append(self._new_keyed(snapshot, changes))
        count = runs_to_merge(segments)
        if count:
            chunks = [self._changes_of(ref) for ref in segments[-count:]]
            # What lies at the bottom is a base, said or not: there is nothing below it.
            if count == len(segments):
                chunks.insert(0, KeyedChanges(table, b"\x90", b"\x90", 0, is_base=True))
            merged = merge_changes(chunks)
            if merged is not None:
                segments[-count:] = [self._new_keyed(snapshot, chunk) for chunk in merged]
        self._write_those_of(segments)
        return segments

    def _new_keyed(self, snapshot: StepSnapshot, changes: KeyedChanges) -> SegmentRef:
        shares_keys = changes.rows >= SHARE_KEYS_FROM
        body = keyed_body(changes, with_keys=not shares_keys)
        digest = digest_of(*_who(snapshot), changes.table, body)
        ref = self._new(snapshot, changes, body, digest)
        self._fresh[ref.id] = changes
        return self._with_keys(ref, changes.keys) if shares_keys else ref

    def _with_keys(self, ref: SegmentRef, keys: bytes) -> SegmentRef:
        """Give the keys a row of their own, or that of an older segment with the same keys."""
        owner = (ref.step, ref.index, ref.table)
        digest = digest_of(*owner, keys)
        # Also a row of this epoch that merging made superfluous: it is written once it is used.
        row = self._key_rows.get((owner, digest))
        if row is None:
            row = self._key_rows[owner, digest] = self._take_id(keys)
        return replace(ref, keys_id=row, keys_digest=digest, keys_bytes=len(keys))

    def _new(
        self, snapshot: StepSnapshot, changes: KeyedChanges | None, body: bytes, digest: str
    ) -> SegmentRef:
        return SegmentRef(
            *(self._take_id(body), *_who(snapshot), changes.table if changes else None, digest),
            *(len(body), changes.rows if changes else 0, changes.deletions if changes else 0),
            *(changes.is_base if changes else False, self._record.epoch),
        )

    def _take_id(self, body: bytes) -> int:
        # Written later: merging may make it superfluous at once.
        self._unwritten[self.next_id] = body
        self.next_id += 1
        return self.next_id - 1

    def _changes_of(self, ref: SegmentRef) -> KeyedChanges:
        fresh = self._fresh.get(ref.id)
        return fresh if fresh is not None else self._read(ref)

    def _write_those_of(self, segments: list[SegmentRef]) -> None:
        for ref in segments:
            for row in ref.rows_used:
                if (body := self._unwritten.pop(row, None)) is not None:
                    self._write(row, body)
                    self.written_bytes += len(body)
        self._unwritten.clear()
        self._fresh.clear()

    def _check_steps(self, previous: Manifest) -> None:
        """Drop what the record drops; refuse what it merely forgets."""
        for step, parallelism in previous.steps.items():
            if step not in self._steps:
                if step not in self._record.dropped_steps:
                    raise CheckpointError(
                        f"Epoch {self._record.epoch} has no snapshot of the step {step!r}, which "
                        "has stored state; nothing was stored."
                    )
                self._forget(step)
            elif self._steps[step] != parallelism:
                self._check_rescaled(step)
                self._forget(step)

    def _check_rescaled(self, step: str) -> None:
        tables = {table for owner, _, table in self._old if owner == step and table is not None}
        for snapshot in self._record.snapshots:
            if snapshot.step != step:
                continue
            bases = {changes.table for changes in snapshot.keyed if changes.is_base}
            if missing := sorted(tables - bases):
                raise CheckpointError(
                    f"Epoch {self._record.epoch}: the step {step!r} has another parallelism than "
                    f"before, but instance {snapshot.index} sent only changes of {missing[0]!r}, "
                    "not the whole table; nothing was stored."
                )

    def _forget(self, step: str) -> None:
        self._old = {owner: refs for owner, refs in self._old.items() if owner[0] != step}


def parallelism_by_step(record: EpochRecord) -> dict[str, int]:
    """Return the parallelism of each step of a record.

    Raises:
        CheckpointError: An instance is missing, is there twice, or disagrees with the others.
    """
    found: dict[str, list[StepSnapshot]] = {}
    for snapshot in record.snapshots:
        found.setdefault(snapshot.step, []).append(snapshot)
    for step, snapshots in found.items():
        parallelism = snapshots[0].parallelism
        indexes = sorted(snapshot.index for snapshot in snapshots)
        if indexes != list(range(parallelism)) or {s.parallelism for s in snapshots} != {
            parallelism
        }:
            raise CheckpointError(
                f"Epoch {record.epoch}: the step {step!r} of parallelism {parallelism} sent "
                f"snapshots of the instances {indexes}; nothing was stored."
            )
    return {step: snapshots[0].parallelism for step, snapshots in found.items()}


def _who(snapshot: StepSnapshot) -> tuple[str, int]:
    return snapshot.step, snapshot.index
