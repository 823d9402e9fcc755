"""Event time as part of an operator's state, so that it does not go back after a crash.

Layer: core.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = ["TimeKeepingOperator"]

_TIME: Final = "event time"


class TimeKeepingOperator(BaseOperator):
    """A `StatefulRunnable` whose state is how far event time was.

    What was late before a crash is late after it; a window that was over does not open again.
    """

    @property
    @abstractmethod
    def time_us(self) -> int:
        """How far event time is."""

    @time_us.setter
    @abstractmethod
    def time_us(self, time_us: int) -> None:
        """Begin at that time."""

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """``all`` for the time: at another parallelism, every instance begins at the earliest one.

        ``own`` if the function has state, too.
        """
        return "own" if super().snapshot_state() else "all"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the function's state, the time, and whose it is."""
        context = self.context
        place = (context.get_parallel_index(), context.get_parallelism())
        return {**super().snapshot_state(), _TIME: (self.time_us, *place)}

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Begin at the time of this instance; at another parallelism, at the earliest one."""
        place = (self.context.get_parallel_index(), self.context.get_parallelism())
        kept: list[tuple[int, int, int]] = [state[_TIME] for state in states if _TIME in state]
        own = [time_us for time_us, *owner in kept if tuple(owner) == place]
        self.time_us = min(own or [time_us for time_us, *_ in kept], default=MIN_WATERMARK_US)
        rest = [{n: value for n, value in state.items() if n != _TIME} for state in states]
        super().restore_state([state for state in rest if state])
