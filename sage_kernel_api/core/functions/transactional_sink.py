"""Sinks whose output becomes visible only together with a checkpoint.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from sage_kernel_api.core.functions.element_functions import SinkFunction
from sage_kernel_api.values import Payload

__all__ = ["TransactionalSinkFunction"]

I_contra = TypeVar("I_contra", contravariant=True)


class TransactionalSinkFunction(SinkFunction[I_contra], ABC):
    """A sink that writes in transactions: exactly-once where the kernel takes checkpoints.

    Life: ``recover``, ``open``, then again and again ``begin``, any number of ``execute``, and
    ``pre_commit`` or ``abort``; ``commit`` comes some time after its ``pre_commit``, when other
    transactions may have begun; in the end ``close``. On a kernel without checkpoints there is one
    transaction, committed when the input has ended, and aborted by a failure.

    Calls come one after another. What `begin`, `pre_commit` and `commit` raise fails the job.

    Source:
        Carbone et al. 2017, "State Management in Apache Flink", VLDB 10(12), section 4.3.
    """

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction."""

    @abstractmethod
    def pre_commit(self, epoch: int) -> Payload:
        """End the transaction: make what it wrote durable, and keep it invisible.

        Args:
            epoch: Number of the checkpoint, growing; 0 on a kernel without checkpoints.

        Returns:
            A handle, plain data, with which `commit` can make it visible in another process, too.
            It covers everything that was pre-committed before and not committed, because a
            checkpoint that failed is made up for by the next one. None for nothing.
        """

    @abstractmethod
    def commit(self, handle: Payload) -> None:
        """Make visible what *handle* stands for. Doing so twice is harmless.

        The checkpoint with it is durable, so this must succeed in the end: it fails only for what
        a person has to mend.
        """

    @abstractmethod
    def abort(self) -> None:
        """Throw away the transaction that has begun. What was pre-committed stays."""

    @abstractmethod
    def recover(self, handles: Sequence[Payload]) -> None:
        """Commit *handles*, done before or not, and throw away all else of earlier attempts.

        Called once, before ``open``.

        Args:
            handles: Of the checkpoint that the job begins with; empty for a new beginning. If the
                number of instances has changed, each one gets those of all old ones; instance *i*
                of *n* commits those of the old instances ``i, i + n, ...``.
        """
