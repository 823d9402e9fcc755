"""What has come in of the epoch under way, and what must not be forgotten of those that failed.

Layer: checkpoint. Pure; knows tasks by their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sage_kernel_default.checkpoint.values import (
    EpochRecord,
    JsonObject,
    KeyedChanges,
    StepSnapshot,
)

__all__ = ["EpochLedger"]

_Instance: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class _Part:
    """A task's snapshot; its keyed changes stand apart, since they are handed on if it fails."""

    snapshots: Sequence[StepSnapshot]
    changes: dict[_Instance, list[KeyedChanges]]


class EpochLedger:
    """Gathers the snapshots of one epoch after the other.

    There is at most one epoch under way. Keyed changes are sent once: those of an epoch that
    failed, also of snapshots that came too late, become part of the next one. A task that has
    ended is in all later epochs with its last snapshot.
    """

    def __init__(self, tasks: Collection[str], stateful: Collection[str], epoch: int) -> None:
        """Start after an epoch.

        Args:
            tasks: Ids of all tasks of the job.
            stateful: Steps with restored state.
            epoch: The last number in use; 0 for none.
        """
        self._tasks = frozenset(tasks)
        self._stateful = set(stateful)
        self._arrived: dict[str, _Part] = {}
        self._finals: dict[str, Sequence[StepSnapshot]] = {}
        self._unstored: dict[_Instance, list[KeyedChanges]] = {}
        self._sent: dict[_Instance, list[KeyedChanges]] = {}
        self.epoch = epoch
        self.is_under_way = False

    def begin(self) -> int:
        """Begin the next epoch and return its number."""
        assert not self.is_under_way, "one epoch at a time"
        self.epoch += 1
        self.is_under_way = True
        return self.epoch

    def taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Take a snapshot of a task, in the order in which the task took them."""
        for one in snapshots:
            changes = self._unstored.setdefault((one.step, one.index), [])
            changes.extend(one.keyed)
            if one.keyed or one.operator or one.in_flight or one.handle is not None:
                self._stateful.add(one.step)
        bare = [replace(one, keyed=()) for one in snapshots]
        if is_final:
            self._finals[task] = bare
        elif self.is_under_way and epoch == self.epoch:
            # What comes from now on, as with the last snapshot, belongs to the next epoch.
            mine = {
                (one.step, one.index): self._unstored.pop((one.step, one.index)) for one in bare
            }
            self._arrived[task] = _Part(bare, mine)

    @property
    def has_ended(self) -> bool:
        """True once all tasks have handed in their last snapshot."""
        return len(self._finals) == len(self._tasks)

    @property
    def missing(self) -> list[str]:
        """The tasks that the epoch under way still waits for."""
        return sorted(self._tasks - self._arrived.keys() - self._finals.keys())

    @property
    def finished(self) -> frozenset[str]:
        """The tasks that are in the epoch under way with their last snapshot."""
        return frozenset(self._finals.keys() - self._arrived.keys())

    def record(self, metadata: JsonObject) -> EpochRecord:
        """Return the epoch under way, of which nothing is missing."""
        assert not self.missing, "asked for too early"
        self._sent = {}
        snapshots: list[StepSnapshot] = []
        for task in sorted(self._tasks):
            part = self._arrived.get(task)
            for one in part.snapshots if part is not None else self._finals[task]:
                instance = (one.step, one.index)
                source: Mapping[_Instance, list[KeyedChanges]] = (
                    part.changes if part is not None else self._unstored
                )
                self._sent[instance] = source.get(instance, [])
                if part is None:
                    self._unstored.pop(instance, None)
                if one.step in self._stateful:
                    snapshots.append(replace(one, keyed=self._sent[instance]))
        return EpochRecord(self.epoch, snapshots, metadata, is_final=not self._arrived)

    def stored(self) -> None:
        """Take note that the record is durable."""
        self._end({})

    def failed(self) -> None:
        """Give up on the epoch under way; what has changed is kept for the next one."""
        changes = dict(self._sent)
        for part in self._arrived.values():
            changes.update(part.changes)
        self._end(changes)

    def _end(self, back: Mapping[_Instance, list[KeyedChanges]]) -> None:
        for instance, changes in back.items():
            self._unstored[instance] = [*changes, *self._unstored.get(instance, [])]
        self._arrived.clear()
        self._sent = {}
        self.is_under_way = False
