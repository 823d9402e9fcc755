"""Operators that bring records in, a frame at a time.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.operators.base_operator import BaseOperator
from sage_kernel_api.core.operators.collection_place import (
    CollectionPlace,
    is_used_up,
    note_use,
)
from sage_kernel_api.core.operators.sequence_window import SequenceWindow
from sage_kernel_api.core.policies import SourceError
from sage_kernel_api.errors import StateError
from sage_kernel_api.runnable import KIND_SOURCE, SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload, StopSignal

__all__ = ["BatchOperator", "CollectionOperator", "SourceOperator"]

# How long an idle source is left alone when the user gave no delay.
_IDLE_S = 0.01


class CollectionOperator(BaseOperator):
    """Hands on slices of a collection; no record is touched one by one.

    A sequence is split over the parallel instances: instance *i* of *n* has ``i, i + n, ...``.
    """

    kind = KIND_SOURCE

    def __init__(
        self, execution_context: ExecutionContext, function_class: Callable[..., Any], items: Any
    ) -> None:
        super().__init__(execution_context, function_class)
        self._items = items
        self._iterator: Iterator[Payload] = iter(())
        self._sequence: Sequence[Payload] | None = None
        self._place = CollectionPlace(
            execution_context.get_parallel_index(), execution_context.get_parallelism()
        )
        self._position = 0

    @property
    def state_sharing(self) -> Literal["own", "all"]:
        """Tell that other instances can go on with what is left."""
        return "all"

    def snapshot_state(self) -> Mapping[str, Payload]:
        """Return how much of the collection was handed on, and how it was shared before."""
        return self._place.state(self._position)

    def restore_state(self, states: Sequence[Mapping[str, Payload]]) -> None:
        """Leave out what was handed on; before ``open``.

        Raises:
            StateError: The items came from an iterator which an earlier attempt has read.
        """
        if is_used_up(self._items):
            raise StateError(
                f"The source {self.context.name!r} reads a {type(self._items).__name__}, which can "
                "be read only once, and an earlier attempt has begun to. Give from_collection() a "
                "list or a range, or from_source() a function with tell() and seek()."
            )
        self._place = self._place.after(states)

    def open(self) -> None:
        """Take this instance's share, without what was handed on before."""
        index, count = self.context.get_parallel_index(), self.context.get_parallelism()
        items, place = self._items, self._place
        self._position = place.count
        if isinstance(items, (range, list, tuple, str, bytes)) and not place.earlier:
            self._sequence = items if count == 1 else items[index::count]
            return
        note_use(items)
        left = place.left(items)
        self._iterator = islice(left, index + count * place.count, None, count)

    def poll(self, limit: int) -> SourcePoll:
        """Return the next slice."""
        if self._sequence is not None:
            return self._poll_sequence(self._sequence, limit)
        records = list(islice(self._iterator, limit))
        self._position += len(records)
        return SourcePoll(records, "more" if len(records) == limit else "ended")

    def _poll_sequence(self, sequence: Sequence[Payload], limit: int) -> SourcePoll:
        begin = self._position
        self._position = end = min(begin + limit, len(sequence))
        status: Literal["more", "ended"] = "more" if end < len(sequence) else "ended"
        if isinstance(sequence, (list, tuple, range)):
            return SourcePoll(SequenceWindow(sequence, begin, end), status)
        return SourcePoll(sequence[begin:end], status)


class SourceOperator(BaseOperator):
    """Asks a function for records until it returns a `StopSignal`.

    Attributes:
        delay_s: Seconds between two records; 0 for as fast as it goes.
        source_error: What an exception of the function does.
    """

    kind = KIND_SOURCE
    delay_s: float = 0.0
    source_error: SourceError = "fail"
    _none_ends = False

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self._execute = self.method("execute")
        self._failure: Exception | None = None

    def poll(self, limit: int) -> SourcePoll:
        """Ask for records, until there is nothing now or *limit* is reached."""
        if self._failure is not None:
            raise self._failure
        records: list[Payload] = []
        execute = self._execute
        for _ in range(1 if self.delay_s else limit):
            try:
                value = execute()
            except Exception as error:  # noqa: BLE001 - the policy decides, nothing is lost
                return self._after_error(error, records)
            if value is None:
                if self._none_ends:
                    return SourcePoll(records, "ended")
                return SourcePoll(records, "idle", self.delay_s or _IDLE_S)
            if isinstance(value, StopSignal):
                return SourcePoll(records, "ended") if records else SOURCE_ENDED
            records.append(value)
        return SourcePoll(records, "idle" if self.delay_s else "more", self.delay_s)

    def _after_error(self, error: Exception, records: list[Payload]) -> SourcePoll:
        if self.source_error == "fail":
            if not records:
                raise error
            # What came before the failure is delivered first; the next look raises.
            self._failure = error
            return SourcePoll(records, "more")
        self.logger.exception("source %s failed; policy: %s", self.context.name, self.source_error)
        if self.source_error == "end":
            return SourcePoll(records, "ended")
        return SourcePoll(records, "idle", self.delay_s or _IDLE_S)


class BatchOperator(SourceOperator):
    """A source that also ends at None."""

    _none_ends = True
