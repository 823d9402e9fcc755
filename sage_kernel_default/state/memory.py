"""Named values of one step instance, in memory, for as long as the job lives.

Layer: state.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from sage_kernel_api.errors import StateError
from sage_kernel_api.storage import StateManager
from sage_kernel_api.values import Payload

__all__ = ["MemoryStateManager"]

_IMMUTABLE: Final = frozenset({type(None), bool, int, float, complex, str, bytes})


class MemoryStateManager(StateManager):
    """Keep copies of values by name."""

    def __init__(self) -> None:
        self._values: dict[str, Payload] = {}
        self._checkpoints: dict[str, dict[str, Payload]] = {}

    def save_state(self, key: str, state: Payload) -> bool:
        """Keep a copy of *state* under *key*."""
        if type(state) not in _IMMUTABLE:
            state = self._copy(key, state)
        self._values[key] = state
        return True

    def load_state(self, key: str, default: Any = None) -> Any:
        """Return a copy of the last saved value of *key*, or *default* itself."""
        try:
            state = self._values[key]
        except KeyError:
            return default
        return state if type(state) in _IMMUTABLE else self._copy(key, state)

    def clear_state(self, key: str) -> bool:
        """Forget *key*."""
        if key not in self._values:
            return False
        del self._values[key]
        return True

    def create_checkpoint(self, checkpoint_id: str) -> bool:
        """Remember all values as they are now."""
        if checkpoint_id in self._checkpoints:
            return False
        # The values are private copies which nobody changes in place: sharing them is safe.
        self._checkpoints[checkpoint_id] = dict(self._values)
        return True

    def restore_checkpoint(self, checkpoint_id: str) -> bool:
        """Set all values to what they were at that checkpoint."""
        if checkpoint_id not in self._checkpoints:
            return False
        self._values = dict(self._checkpoints[checkpoint_id])
        return True

    def export_values(self) -> Mapping[str, Payload]:
        """Return all values; to be encoded at once."""
        return self._values

    def import_values(self, values: Mapping[str, Payload]) -> None:
        """Set all values."""
        self._values = dict(values)

    def _copy(self, key: str, state: Payload) -> Payload:
        try:
            return copy.deepcopy(state)
        except Exception as error:
            raise StateError(
                f"The value of {key!r} ({type(state).__name__}) cannot be copied: "
                f"{type(error).__name__}: {error}. Keep plain data; locks, sockets and "
                "generators cannot be state."
            ) from error
