"""Named values of one step instance, kept as copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.happenings import (
    CheckpointRestored,
    CheckpointTaken,
    Happening,
    StateCleared,
    StateLoaded,
    StateSaved,
    action_of,
)
from sage_kernel_mock.journal import Journal

__all__ = ["MockStateManager"]


class MockStateManager:
    """Keep values in memory; every value is copied on its way in and on its way out.

    Args:
        owner: Whose values they are; for the journal.
        journal: Gets ``save_state``, ``load_state``, ``clear_state``, ``create_checkpoint``
            and ``restore_checkpoint``.
        faults: May make any of these fail; nothing has changed then.
    """

    def __init__(self, owner: str, journal: Journal, faults: Faults) -> None:
        self._owner = owner
        self._journal = journal
        self._faults = faults
        self._values: dict[str, Payload] = {}
        self._checkpoints: dict[str, dict[str, Payload]] = {}

    def save_state(self, key: str, state: Payload) -> bool:
        """Keep a copy of *state*.

        Raises:
            StateError: The value cannot be copied; the old value stays.
        """
        copied = _copy(key, state)
        self._note(StateSaved(key, copied))
        self._values[key] = copied
        return True

    def load_state(self, key: str, default: Any = None) -> Any:
        """Return a copy of the last saved value of *key*, or *default* itself."""
        self._note(StateLoaded(key))
        return _copy(key, self._values[key]) if key in self._values else default

    def clear_state(self, key: str) -> bool:
        """Forget *key*. Returns False if there was nothing to forget."""
        self._note(StateCleared(key))
        if key not in self._values:
            return False
        del self._values[key]
        return True

    def create_checkpoint(self, checkpoint_id: str) -> bool:
        """Remember all values as they are; False if that id exists already."""
        self._note(CheckpointTaken(checkpoint_id))
        if checkpoint_id in self._checkpoints:
            return False
        # A shallow copy is enough: a kept value is never changed, only replaced.
        self._checkpoints[checkpoint_id] = dict(self._values)
        return True

    def restore_checkpoint(self, checkpoint_id: str) -> bool:
        """Set all values to what they were then; False if there is no such checkpoint."""
        self._note(CheckpointRestored(checkpoint_id))
        if checkpoint_id not in self._checkpoints:
            return False
        self._values = dict(self._checkpoints[checkpoint_id])
        return True

    def export(self) -> dict[str, Payload]:
        """Return a copy of all values, for snapshots of a step; not written down."""
        return dict(_copy("all values", self._values))

    def replace(self, values: Mapping[str, Payload]) -> None:
        """Set all values to copies of *values*; later ones are forgotten. Not written down."""
        self._values = _copy("all values", dict(values))

    def _note(self, happening: Happening) -> None:
        self._journal.write(self._owner, happening)
        self._faults.strike(self._owner, action_of(happening))


def _copy(key: str, value: Payload) -> Payload:
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise StateError(
            f"The value of {key!r} cannot be kept, because a {type(value).__name__} cannot be "
            f"copied: {error}. Keep plain data, and make threads, files and locks in open()."
        ) from error
