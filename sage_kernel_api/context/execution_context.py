"""What a running step may ask for, and how it hands records on.

Layer: context.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from sage_kernel_api.context.runtime_context import RuntimeContext
from sage_kernel_api.runnable import Runnable
from sage_kernel_api.values import Payload

__all__ = ["ExecutionContext", "RunnableFactory"]


class ExecutionContext(RuntimeContext, Protocol):
    """The surroundings of one operator and its function. Thread use: the owning task's thread."""

    @abstractmethod
    def send_data(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
    ) -> bool:
        """Hand one record to the steps downstream; waits for room where they are slow.

        Args:
            data: The record. Passed by reference inside a process; the sender gives it up.
            target: Name of a side output; None for the main output.
            partition_key: New key of the record. None keeps the one of the record that is
                being processed; `NONE_KEY` makes the key None.

        Returns:
            True if some downstream step got it; False if nothing is connected to that output
            (the record is then counted as dropped by design, not lost).

        Raises:
            ChannelClosedError: The job is ending. The record was not sent.
            KeyEncodingError: The record must be routed by a key that has no stable encoding.
        """

    @abstractmethod
    def get_parallel_index(self) -> int:
        """Return which instance of the step this is: from 0 to ``get_parallelism() - 1``."""

    @abstractmethod
    def get_parallelism(self) -> int:
        """Return the number of instances of the step, at least 1."""

    @property
    @abstractmethod
    def parallel_index(self) -> int:
        """Same as `get_parallel_index`, under the name that SAGE programs read."""

    @property
    @abstractmethod
    def parallelism(self) -> int:
        """Same as `get_parallelism`, under the name that SAGE programs read."""

    @abstractmethod
    def is_source(self) -> bool:
        """Tell whether the step has no inputs."""

    @abstractmethod
    def should_stop(self) -> bool:
        """Tell whether the job is being cancelled or stopped; long loops look at it."""

    @abstractmethod
    def get_key(self) -> Any:
        """Return the key of the record that is being processed.

        The key given by the last ``keyby``, kept through all steps since; None outside of
        record processing and for records that never had one.
        """


class RunnableFactory(Protocol):
    """Makes one instance of a step; a kernel calls it once per parallel instance.

    Safe to call from several threads. Must be importable or picklable to leave the process.
    """

    @abstractmethod
    def __call__(self, context: ExecutionContext, /) -> Runnable:
        """Return a new, unopened instance bound to *context*."""
