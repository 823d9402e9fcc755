"""One running step, as the compiled loops see it.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import BuiltinMethodType
from typing import Any, Final, TypeAlias, cast

from sage_kernel_api.runnable import (
    KIND_ASSIGN_TIME,
    KIND_ASYNC_MAP,
    KIND_FILTER,
    KIND_FLATMAP,
    KIND_KEY_BY,
    KIND_MAP,
    KIND_PROCESS,
    KIND_REDUCE,
    KIND_SINK,
    KIND_SOURCE,
    FlatMapRunnable,
    FusibleRunnable,
    ReduceRunnable,
    Runnable,
)
from sage_kernel_api.values import Payload
from sage_kernel_default.engine.context import StepContext
from sage_kernel_default.engine.segments import Time
from sage_kernel_default.engine.self_contained import is_self_contained
from sage_kernel_default.engine.tally import EdgeCounters, StepCounters
from sage_kernel_default.plan import Edge, Step

__all__ = ["Attempt", "Operator", "Rescue"]

_FUSIBLE: Final = frozenset(
    {KIND_MAP, KIND_FILTER, KIND_FLATMAP, KIND_KEY_BY, KIND_REDUCE, KIND_SINK, KIND_ASSIGN_TIME}
)

_BY_CALL_ALONE: Final = frozenset({KIND_MAP, KIND_FILTER, KIND_KEY_BY, KIND_ASSIGN_TIME})

Attempt: TypeAlias = Callable[[Payload, Payload], Any]
"""One try at one record and its key."""

Rescue: TypeAlias = Callable[[Exception, Payload, Payload], tuple[bool, Any]]
"""What to do after a failed try: whether there is a result after all, and that result."""


class Operator:
    """A step's instance, its context and its counters; valid once the instance is open."""

    def __init__(
        self,
        step: Step,
        runnable: Runnable,
        context: StepContext,
        counters: StepCounters,
        *,
        sees_keys: bool,
        sees_times: bool,
    ) -> None:
        """Wrap an unopened instance.

        Args:
            step: What it is an instance of.
            runnable: The instance.
            context: Its surroundings.
            counters: What it has seen.
            sees_keys: Whether records of some input may carry a key.
            sees_times: Whether they may carry an event time.
        """
        self.sees_keys = sees_keys
        self.sees_times = sees_times
        self.step = step
        self.runnable = runnable
        self.context = context
        self.counters = counters
        fusible = runnable.kind in _FUSIBLE
        is_source = runnable.kind == KIND_SOURCE
        self.kind = runnable.kind if fusible or is_source else KIND_PROCESS
        self.process = runnable.process
        # Both: only a step that was planned as an asynchronous one begins a task of its own.
        self.is_async = step.kind == KIND_ASYNC_MAP == runnable.kind
        self.edge_numbers: dict[Edge, int] | None = None
        self.issue_ticket: Callable[[int, Time], int] | None = None
        """Makes what `process` is told as the input index out of edge number and event time."""
        self.rescue_for: Callable[[Attempt, EdgeCounters], Rescue] | None = None

    def input_index(self, edge: Edge) -> int:
        """Return what `process` is told of where a record came in; see `AsyncOutcome`."""
        return edge.index if self.edge_numbers is None else self.edge_numbers[edge]

    @property
    def reads_key(self) -> bool:
        """True if the step's code may ask for the key of its record."""
        return self.kind == KIND_PROCESS or self._fusible.reads_key

    @property
    def call(self) -> Callable[..., Payload]:
        """Return the function of a fusible step."""
        return self._fusible.call

    @property
    def results(self) -> list[Payload] | None:
        """Return the list of a sink that is a list's ``append``: it takes all and never fails."""
        if self.kind != KIND_SINK or self.rescue_for is not None:
            return None
        call = self.call
        if not isinstance(call, BuiltinMethodType) or type(call.__self__) is not list:
            return None
        found: list[Payload] = call.__self__
        return found if call == found.append else None

    @property
    def sees_arguments_only(self) -> bool:
        """True if the step's code can see nothing that its record does not lead to."""
        is_plain = self.kind in _BY_CALL_ALONE and self.rescue_for is None
        return is_plain and is_self_contained(self.call)

    @property
    def collected(self) -> list[Payload]:
        """Return the collector's list of a flatmap."""
        return cast("FlatMapRunnable", self.runnable).collected

    @property
    def table(self) -> MutableMapping[Payload, Payload]:
        """Return the accumulators of a reduce."""
        return cast("ReduceRunnable", self.runnable).table

    @property
    def _fusible(self) -> FusibleRunnable:
        return cast("FusibleRunnable", self.runnable)

    def attempt(self, input_index: int) -> Attempt:
        """Return one try at a record, all or nothing: a failed one has emitted nothing."""
        if self.kind == KIND_FLATMAP:
            return self._attempt_flatmap
        if self.kind == KIND_REDUCE:
            return self._attempt_reduce
        if self.kind != KIND_PROCESS:
            call = self.call
            return lambda value, _key: call(value)
        process, context = self.process, self.context

        def attempt(value: Payload, _key: Payload) -> None:
            mark = context.mark()
            try:
                process(value, input_index)
            except BaseException:
                context.take_back(mark)
                raise

        return attempt

    def _attempt_flatmap(self, value: Payload, _key: Payload) -> list[Payload]:
        collected = self.collected
        try:
            result = self.call(value)
            items = [] if result is None else list(result)
            return [*collected, *items]
        finally:
            collected.clear()

    def _attempt_reduce(self, value: Payload, key: Payload) -> Payload:
        table = self.table
        table[key] = result = self.call(table[key], value) if key in table else value
        return result
