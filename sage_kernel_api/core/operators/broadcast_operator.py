"""The operator of functions with broadcast state.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from sage_kernel_api.core.functions.broadcast_function import broadcast_states, restore_broadcast
from sage_kernel_api.core.operators.process_operator import ProcessOperator
from sage_kernel_api.values import Payload

__all__ = ["BroadcastProcessOperator"]

_STATES: Final = "broadcast states"


class BroadcastProcessOperator(ProcessOperator):
    """Calls ``process`` for records of input 0 and ``process_broadcast`` for those of input 1."""

    kind = "broadcast_process"
    keeps_keyed_state = True

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Hand *data* and the way out to the method of its input."""
        function = self.function
        if input_index == 0:
            function.process(data, self.out)
            return
        function.is_broadcasting = True
        try:
            function.process_broadcast(data, self.out)
        finally:
            function.is_broadcasting = False

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """``all``, since all instances have the same; ``own`` if the function has other state."""
        return "own" if super().snapshot_state() else "all"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the function's own state and its broadcast states."""
        return {**super().snapshot_state(), _STATES: dict(broadcast_states(self.function))}

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Take the broadcast states from any instance, and the function's own state."""
        for state in states[:1]:
            restore_broadcast(self.function, state.get(_STATES, {}))
        rest = [{n: value for n, value in state.items() if n != _STATES} for state in states]
        super().restore_state([state for state in rest if state])
