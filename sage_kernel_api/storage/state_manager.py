"""Named values of one function that outlive a restart.

Layer: storage.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from sage_kernel_api.values import Payload

__all__ = ["StateManager"]


class StateManager(Protocol):
    """Keep the named values of one step instance.

    Values are private to the instance and are copied on the way in and out: changing an
    object after ``save_state`` changes nothing that was saved. Each call is atomic.
    Thread use: the owning task's thread.
    """

    @abstractmethod
    def save_state(self, key: str, state: Payload) -> bool:
        """Keep *state* under *key*, in place of what was there.

        Returns:
            True: it is kept.

        Raises:
            StateError: The value cannot be encoded; the old value stays.
        """

    @abstractmethod
    def load_state(self, key: str, default: Any = None) -> Any:
        """Return the last saved value of *key*, or *default* if there is none."""

    @abstractmethod
    def clear_state(self, key: str) -> bool:
        """Forget *key*. Returns False if there was nothing to forget."""

    @abstractmethod
    def create_checkpoint(self, checkpoint_id: str) -> bool:
        """Remember all values as they are now under *checkpoint_id*.

        Returns:
            True if it was taken; False if that id exists already (the old one stays).

        Raises:
            CheckpointError: It could not be kept; nothing changed.
        """

    @abstractmethod
    def restore_checkpoint(self, checkpoint_id: str) -> bool:
        """Set all values to what they were at that checkpoint; later keys are forgotten.

        Returns:
            True if it was restored; False if there is no such checkpoint (nothing changed).

        Raises:
            CheckpointError: It cannot be read; nothing changed.
        """
