"""Where checkpoints go: the interface between the coordinator and a store.

Layer: checkpoint. A Protocol only.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from sage_kernel_default.checkpoint.values import EpochInfo, EpochRecord, OpenedJob, RestoredJob

__all__ = ["CheckpointStore"]


class CheckpointStore(Protocol):
    """Keep the epochs of one job.

    An epoch is all or nothing (R4), survives the process and the machine once `commit` returned
    (R3), and is verified before it is used (R6). One owner at a time: a second one is refused
    (R7). Order of calls: `open`, then the others, then `close`. Thread use: one thread at a
    time; calls may come from different threads one after the other, and block on the disk.

    After an error of `commit` or `delete` nothing has happened, and the store goes on working;
    except for a `CheckpointInDoubtError`: then the call has happened wholly or not at all, which
    only the next `open` can tell, and the store takes no more calls but `close`.
    """

    @abstractmethod
    def open(self, job_name: str) -> OpenedJob:
        """Take the job's place in the store and verify all that a restore will need.

        Args:
            job_name: Any text: a key, never a path.

        Raises:
            StoreLockedError: Another owner is alive.
            StoreCorruptError: Something is missing, damaged, swapped, or older than it was.
            StoreFormatError: Written by a newer release, or by somebody else.
            CheckpointError: The place cannot be read or written.
            Nothing was changed by a call that raised.
        """

    @abstractmethod
    def load(self, epoch: int | None = None) -> RestoredJob:
        """Return all state of an epoch.

        Args:
            epoch: A completed one that was not deleted; None for the latest.

        Raises:
            CheckpointError: There is no such epoch, or it cannot be read.
        """

    @abstractmethod
    def commit(self, record: EpochRecord) -> EpochInfo:
        """Store an epoch; it is durable when this returns. Older ones go as retention says.

        It lies on top of the latest epoch: keyed changes are applied to what that one has.
        Operator state, handles and in-flight records are those of the record alone.

        Raises:
            CheckpointInDoubtError: See above.
            CheckpointError: It was not stored (disk full, say), or the record is not valid: not
                newer, an instance missing or twice, a step forgotten.
        """

    @abstractmethod
    def epochs(self) -> list[EpochInfo]:
        """Return the completed epochs, oldest first."""

    @abstractmethod
    def delete(self, epoch: int) -> bool:
        """Remove an epoch. Returns False if there was none.

        Raises:
            CheckpointInDoubtError: See above.
            CheckpointError: It is the latest one, or the disk failed; nothing changed.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the place up. Any number of times; also after an error, and without `open`."""
