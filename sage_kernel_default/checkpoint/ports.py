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

    After an error of `commit` or `delete` the store is as it was before the call, or the call
    has happened; `latest` of the next `open` tells. Such a store takes no more calls but
    `close`: whether the disk holds what it reported can only be found out by reading again.
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

        Keyed state of a step that is not in the record is kept; so is that of its instances that
        are in it without changes. Operator state, handles and in-flight records are those of
        the record alone.

        Raises:
            CheckpointError: It could not be stored (disk full, say), or the record is not valid
                (an epoch that is not newer, an instance twice).
        """

    @abstractmethod
    def epochs(self) -> list[EpochInfo]:
        """Return the completed epochs, oldest first."""

    @abstractmethod
    def delete(self, epoch: int) -> bool:
        """Remove an epoch. Returns False if there was none.

        Raises:
            CheckpointError: It is the latest one; nothing changed.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the place up. Any number of times; also after an error, and without `open`."""
