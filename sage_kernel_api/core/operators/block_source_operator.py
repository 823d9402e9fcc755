"""Runs a source that hands on records by the block.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from sage_kernel_api.core.functions import BlockSourceFunction
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.core.policies import SourceError
from sage_kernel_api.runnable import KIND_SOURCE, SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["BlockSourceOperator"]

# How long a source that failed and shall go on is left alone.
_AFTER_ERROR_S = 0.01


class BlockSourceOperator(BaseOperator):
    """Hands on what the function's ``poll`` gives; its state is the function's position.

    Attributes:
        source_error: What an exception of the function does.
    """

    kind = KIND_SOURCE
    source_error: SourceError = "fail"

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """Return what the function says."""
        return self._source.state_sharing

    def poll(self, limit: int) -> SourcePoll:
        """Ask the function."""
        try:
            return self._source.poll(limit)
        except Exception:
            if self.source_error == "fail":
                raise
            name, policy = self.context.name, self.source_error
            self.logger.exception("source %s failed; policy: %s", name, policy)
        return SOURCE_ENDED if policy == "end" else SourcePoll((), "idle", _AFTER_ERROR_S)

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the position."""
        return {"position": self._source.tell()}

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Go on where the instances of the earlier run were; with no states, from the begin."""
        if not states:
            return
        source = self._source
        source.seek(source.merge([state["position"] for state in states]))

    @property
    def _source(self) -> BlockSourceFunction[Payload]:
        return cast("BlockSourceFunction[Payload]", self.function)
