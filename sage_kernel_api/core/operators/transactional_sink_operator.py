"""Runs a sink that writes in transactions.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sage_kernel_api.core.functions import TransactionalSinkFunction
from sage_kernel_api.core.operators.element_operators import SinkOperator
from sage_kernel_api.values import Payload

__all__ = ["TransactionalSinkOperator"]


class TransactionalSinkOperator(SinkOperator):
    """A `TransactionalRunnable`: carries out what the kernel decides, or decides at the end."""

    _is_coordinated = False
    _has_recovered = False
    _has_begun = False

    def coordinate(self) -> None:
        """Leave it to the kernel when to commit."""
        self._is_coordinated = True

    def recover(self, handles: Sequence[Payload]) -> None:
        """Let the function commit these and forget all else."""
        self._has_recovered = True
        self._sink.recover([handle for handle in handles if handle is not None])

    def open(self) -> None:
        """Clear away what earlier attempts left, open the function, begin a transaction."""
        if not self._has_recovered:
            self.recover(())
        super().open()
        self._begin()

    def pre_commit(self, epoch: int) -> Payload:
        """End the transaction and begin the next one."""
        handle = self._sink.pre_commit(epoch)
        self._has_begun = False
        self._begin()
        return handle

    def commit(self, handle: Payload) -> None:
        """Let the function make it visible."""
        if handle is not None:
            self._sink.commit(handle)

    def finish(self) -> None:
        """Commit, unless the kernel will."""
        if not self._is_coordinated:
            handle = self._sink.pre_commit(0)
            self._has_begun = False
            self.commit(handle)

    def close(self) -> None:
        """Throw away what was not pre-committed, and close the function."""
        try:
            if self._has_begun:
                self._has_begun = False
                self._sink.abort()
        finally:
            super().close()

    def _begin(self) -> None:
        self._sink.begin()
        self._has_begun = True

    @property
    def _sink(self) -> TransactionalSinkFunction[Payload]:
        return cast("TransactionalSinkFunction[Payload]", self.function)
