"""The simplest transport that fits the contract: for kernels with one instance of each step.

Layer: communication.
"""

from __future__ import annotations

from collections.abc import Callable

from sage_kernel_api.errors import PipelineError
from sage_kernel_api.values import NONE_KEY, ConnectionInfo, PartitionStrategy, Payload

__all__ = ["PlainTransport"]


class PlainTransport:
    """Hand every record of the main output to one function.

    Side outputs lead nowhere, and strategies do not differ where each step has one instance.

    Args:
        emit: Takes a record and its key; returns whether anybody gets it. None: nobody does.

    Attributes:
        key: The key of the record that is being processed; the kernel sets it.
    """

    def __init__(self, emit: Callable[[Payload, Payload], bool] | None = None) -> None:
        self.key: Payload = None
        self._emit = emit

    def send(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
        partition_strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand on one record; False if nobody gets it."""
        if target is not None or self._emit is None:
            return False
        key = self.key if partition_key is None else partition_key
        return self._emit(data, None if key is NONE_KEY else key)

    def broadcast(self, data: Payload) -> bool:
        """Same as ``send(data)``."""
        return self.send(data)

    def set_downstream_connections(self, connections: list[ConnectionInfo]) -> None:
        """Refuse every connection.

        Raises:
            PipelineError: Always, unless *connections* is empty: there are no named receivers.
        """
        if connections:
            names = [name for connection in connections for name in connection.targets]
            raise PipelineError(
                f"Nothing is called {', '.join(map(repr, names)) or '(no name)'}: this kernel has "
                "no named receivers outside of its jobs."
            )
