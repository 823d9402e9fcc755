"""Operators that gather records into lists: of any key, or of one key each.

Layer: core.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, ClassVar, Literal, cast

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.core.operators.keyed_fold_operators import KeyedOperator
from sage_kernel_api.values import Capability, Payload

__all__ = [
    "KeyedMicroBatchOperator",
    "MicroBatchOperator",
    "TimedKeyedMicroBatchOperator",
    "TimedMicroBatchOperator",
]


class _GatheringOperator(BaseOperator):
    """What both share: lists that wait until they are full, old, or the last ones.

    Attributes:
        size: Number of records of a full list.
        timeout_us: How long the first record of a list waits at most; None for ever.
    """

    kind = "batch"
    size: int = 1
    timeout_us: int | None = None

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        # By key, in the order of time: all wait equally long.
        self._due_us: dict[Payload, int] = {}

    @property
    @abstractmethod
    def waiting(self) -> MutableMapping[Payload, Payload]:
        """The lists by key."""

    @abstractmethod
    def emit(self, key: Payload, records: list[Payload]) -> None:
        """Hand a list on."""

    def open(self) -> None:
        """Start the clock for the lists of a restored state."""
        super().open()
        for key in self.waiting:
            self._note_begin(key)

    def gather(self, key: Payload, data: Payload) -> None:
        """Put a record into the list of its key."""
        records = self.waiting.get(key)
        if records is None:
            records = []
            self._note_begin(key)
        records.append(data)
        self.waiting[key] = records
        if len(records) >= self.size:
            self._flush(key)

    def finish(self) -> None:
        """Hand on the lists that are not full."""
        for key in list(self.waiting):
            self._flush(key)

    def _note_begin(self, key: Payload) -> None:
        if self.timeout_us is not None:
            now_us = cast("SupportsEventTime", self.context).processing_time_us()
            self._due_us[key] = now_us + self.timeout_us

    def _flush(self, key: Payload) -> None:
        records = self.waiting.pop(key)
        self._due_us.pop(key, None)
        # After a restore with fewer instances, there may be more than one list's worth.
        for begin in range(0, len(records), self.size):
            self.emit(key, records[begin : begin + self.size])


class MicroBatchOperator(_GatheringOperator):
    """Gathers the records of an instance, whatever their keys. A `StatefulRunnable`."""

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self._waiting: dict[Payload, list[Payload]] = {}

    @property
    def waiting(self) -> MutableMapping[Payload, Payload]:
        """The one list, under the key None."""
        return self._waiting

    def emit(self, key: Payload, records: list[Payload]) -> None:
        """Hand it on."""
        self.context.send_data(records)

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Gather *data*."""
        self.gather(None, data)

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """``all``: the waiting records of old instances are dealt out to the new ones."""
        return "all"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return the records that wait, and whose they are."""
        context = self.context
        place = (context.get_parallel_index(), context.get_parallelism())
        return {"waiting": self._waiting.get(None, []), "place": place}

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Take the own records; at another parallelism, those of every n-th old instance."""
        index, parallelism = self.context.get_parallel_index(), self.context.get_parallelism()
        records = [
            record
            for state in states
            for old_index, old_parallelism in [state["place"]]
            if (old_index if old_parallelism == parallelism else old_index % parallelism) == index
            for record in state["waiting"]
        ]
        if records:
            self._waiting[None] = records


class KeyedMicroBatchOperator(_GatheringOperator, KeyedOperator):
    """Gathers the records of each key."""

    table_name = "__batch"

    @property
    def waiting(self) -> MutableMapping[Payload, Payload]:
        """The lists by key."""
        return self.table

    def emit(self, key: Payload, records: list[Payload]) -> None:
        """Hand a list on under its key."""
        self.send_under(key, records)

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Gather *data*."""
        self.gather(self.store.key, data)


class _WithTimeLimit(_GatheringOperator):
    """Hands lists on when their first record has waited long enough; a `TimedRunnable`."""

    needs: ClassVar[tuple[Capability, ...]] = (Capability.TIMERS,)

    def on_watermark(self, watermark_us: int) -> None:
        """Do nothing: lists are gathered by number and by the clock."""

    def next_due_us(self) -> int | None:
        """Return when the oldest list has waited long enough."""
        return next(iter(self._due_us.values()), None)

    def on_processing_time(self, now_us: int) -> None:
        """Hand on the lists that have waited long enough."""
        while (due_us := self.next_due_us()) is not None and due_us <= now_us:
            self._flush(next(iter(self._due_us)))


class TimedMicroBatchOperator(_WithTimeLimit, MicroBatchOperator):
    """Gathers the records of an instance, with a time limit."""


class TimedKeyedMicroBatchOperator(_WithTimeLimit, KeyedMicroBatchOperator):
    """Gathers the records of each key, with a time limit."""
