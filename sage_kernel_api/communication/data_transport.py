"""The way out of a task.

Layer: communication.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from sage_kernel_api.values import ConnectionInfo, PartitionStrategy, Payload

__all__ = ["DataTransport"]


class DataTransport(Protocol):
    """Carry the records of one task to the tasks downstream.

    Order is kept between one sender and one receiver. A full receiver makes the sender wait;
    nothing is dropped. Thread use: the owning task's thread.
    """

    @abstractmethod
    def send(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
        partition_strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand *data* to every edge of one output.

        Args:
            data: The record.
            target: Name of a side output; None for the main one.
            partition_key: As in `ExecutionContext.send_data`.
            partition_strategy: Replaces the edges' own strategy for this record; None keeps it.

        Returns:
            True if some edge took it; False if that output has no edges.

        Raises:
            ChannelClosedError: The job is ending. The record was not sent.
            KeyEncodingError: Routing by key was asked for and the key has no stable encoding.
        """

    @abstractmethod
    def broadcast(self, data: Payload) -> bool:
        """Hand *data* to every instance of every step downstream of the main output.

        Returns:
            True if some instance took it; False if there are none.

        Raises:
            ChannelClosedError: The job is ending. No further instance gets the record.
        """

    @abstractmethod
    def set_downstream_connections(self, connections: list[ConnectionInfo]) -> None:
        """Replace all edges of this task. Called before the first ``send``.

        Raises:
            PipelineError: A target is unknown, or ``forward`` meets another parallelism;
                the edges are what they were.
        """
