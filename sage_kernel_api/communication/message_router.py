"""Which of several receivers gets a record.

Layer: communication.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from sage_kernel_api.values import Payload

__all__ = ["MessageRouter"]


class MessageRouter(Protocol):
    """Choose among the instances of one step downstream. Pure but for the round-robin counter."""

    @abstractmethod
    def route_by_key(self, data: Payload, key: Payload) -> str:
        """Return the receiver of every record whose key is *key*.

        A function of the key and the number of receivers alone, the same in every process:
        receiver number ``owner_of(key_group(key), receivers)``.

        Raises:
            KeyEncodingError: *key* has no stable encoding.
        """

    @abstractmethod
    def route_round_robin(self, data: Payload) -> str:
        """Return each receiver in turn, beginning with the first."""

    @abstractmethod
    def route_broadcast(self, data: Payload) -> list[str]:
        """Return all receivers, in the order of their parallel index."""
