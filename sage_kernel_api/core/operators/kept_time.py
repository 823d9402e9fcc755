"""Event time as part of an operator's state, so that it does not go back after a crash.

Layer: core.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = ["TimeKeepingOperator"]


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
        """``all``: at another parallelism, every instance begins at the earliest of the times."""
        return "all"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the time, and whose it is."""
        context = self.context
        return {
            "time_us": self.time_us,
            "index": context.get_parallel_index(),
            "parallelism": context.get_parallelism(),
        }

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Begin at the time of this instance; at another parallelism, at the earliest one."""
        me = (self.context.get_parallel_index(), self.context.get_parallelism())
        own = [state for state in states if (state["index"], state["parallelism"]) == me]
        times: list[int] = [state["time_us"] for state in own or states]
        self.time_us = min(times, default=MIN_WATERMARK_US)
