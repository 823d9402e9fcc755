"""The operators of windows: records in, results out when their windows say so.

Layer: core. Which records belong together is in `core.windows`; here is what has to do with
contexts: key and time of records and results, late records, keyed tables.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, cast

from sage_kernel_api.context import ExecutionContext, SupportsEventTime, SupportsKeyedState
from sage_kernel_api.core.operators.kept_time import TimeKeepingOperator
from sage_kernel_api.core.windows import (
    AggregatedContents,
    AllContents,
    Contents,
    CountWindowAssigner,
    ReducedContents,
    TimeWindowAssigner,
    TimeWindows,
    Trigger,
    WindowAssigner,
    WindowKeeper,
)
from sage_kernel_api.errors import ContextError
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = [
    "WindowAggregateOperator",
    "WindowOperator",
    "WindowProcessOperator",
    "WindowReduceOperator",
]


class WindowOperator(TimeKeepingOperator):
    """What the operators of windows share; a `TimedRunnable`.

    Attributes:
        assigner: Which windows there are.
        trigger: When their results come out; None for the assigner's own one.
        lateness_us: How long after its end a window takes records.
        late_outputs: By input: the side output of late records; None to drop them.
        finish_result: Makes the result of key, window and folded value; None to take the latter.
        needs_time: Whether a record without event time is an error.
        late_tally: How many late records were dropped, as a list of one.
    """

    keeps_keyed_state = True
    keeps_keys = True

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.assigner: WindowAssigner[Any]
        self.trigger: Trigger[Any] | None = None
        self.lateness_us = 0
        self.late_outputs: tuple[str | None, ...] = (None,)
        self.finish_result: Callable[[Payload, Any, Payload], Payload] | None = None
        self.needs_time = True
        self.late_tally: list[int] = [0]
        if not isinstance(execution_context, SupportsKeyedState):
            raise ContextError(
                f"Step {execution_context.name!r} keeps windows by key, and this kernel has no "
                "keyed state."
            )
        self._store = execution_context.keyed_state
        self._timed = (
            execution_context if isinstance(execution_context, SupportsEventTime) else None
        )
        self._contents: Contents
        self._restored_us = MIN_WATERMARK_US
        self._made: WindowKeeper | None = None

    @abstractmethod
    def make_contents(self) -> Contents:
        """Return what the windows keep of their records."""

    def value_of(self, data: Payload, input_index: int) -> Payload:
        """Return what a record is to the contents."""
        return data

    def open(self) -> None:
        """Take up the windows of a restored state, then open the function."""
        self._contents = self.make_contents()
        self._made = self._make_windows()
        self._made.watermark_us = self._restored_us
        self._made.restore()
        super().open()

    def _make_windows(self) -> WindowKeeper:
        table, assigner = self._store.table("__windows"), self.assigner
        if isinstance(assigner, CountWindowAssigner):
            return assigner.keeper(table, self._contents, self._fire)
        if self._timed is None:
            raise ContextError(
                f"Step {self.context.name!r} has windows of time, and this kernel has no time."
            )
        timed = cast("TimeWindowAssigner[Any]", assigner)
        trigger = self.trigger or timed.default_trigger
        now_us = self._timed.processing_time_us
        return TimeWindows(
            table, timed, trigger, self.lateness_us, self._contents, self._fire, now_us
        )

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Put *data* into its windows."""
        time_us = None if self._timed is None else self._timed.event_time_us
        if time_us is None and self.needs_time:
            raise ContextError(
                f"A record without event time came to the windows of step {self.context.name!r}. "
                "Put assign_timestamps(...) before it, on every way that leads there."
            )
        value = self.value_of(data, input_index)
        if not self._windows.add(self._store.key, value, time_us):
            self._take_late(data, input_index)

    def on_watermark(self, watermark_us: int) -> None:
        """Emit the results of windows that are over."""
        self._windows.advance(watermark_us)

    def next_due_us(self) -> int | None:
        """Return when a trigger wants to be asked."""
        return self._windows.next_due_us

    def on_processing_time(self, now_us: int) -> None:
        """Ask the triggers that are due."""
        self._windows.advance_clock(now_us)

    def close(self) -> None:
        """Say how many late records there were that nobody wanted, and close the function."""
        if self.late_tally[0]:
            self.logger.warning(
                "step %s dropped %d late records; late_output=OutputTag(...) keeps them, "
                "allowed_lateness_s= takes them in",
                self.context.name,
                self.late_tally[0],
            )
        super().close()

    @property
    def time_us(self) -> int:
        """The watermark."""
        # A step that had finished before a restore is not opened again, and yet has state.
        return self._restored_us if self._made is None else self._made.watermark_us

    @time_us.setter
    def time_us(self, time_us: int) -> None:
        self._restored_us = time_us

    @property
    def _windows(self) -> WindowKeeper:
        assert self._made is not None, "used after open only"
        return self._made

    def _take_late(self, data: Payload, input_index: int) -> None:
        output = self.late_outputs[input_index]
        if output is None or not self.context.send_data(data, target=output):
            self.late_tally[0] += 1

    def _fire(self, key: Payload, window: Any, kept: Payload, time_us: int | None) -> None:
        store, timed, send = self._store, self._timed, self.context.send_data
        key_before, time_before = store.key, None if timed is None else timed.event_time_us
        store.key = key
        if timed is not None and time_us is not None:
            timed.event_time_us = time_us
        try:
            for result in self._contents.results(key, window, kept):
                send(result)
        finally:
            store.key = key_before
            if timed is not None:
                timed.event_time_us = time_before


class WindowReduceOperator(WindowOperator):
    """Folds the records of a window."""

    kind = "window_reduce"

    def make_contents(self) -> Contents:
        """Return contents of one value."""
        return ReducedContents(self.method("execute"), self.finish_result)


class WindowAggregateOperator(WindowOperator):
    """Aggregates the records of a window."""

    kind = "window_aggregate"

    def make_contents(self) -> Contents:
        """Return contents of one accumulator."""
        return AggregatedContents(self.function, self.finish_result)


class WindowProcessOperator(WindowOperator):
    """Hands all records of a window to a function."""

    kind = "window_process"

    def make_contents(self) -> Contents:
        """Return contents of all records."""
        return AllContents(self.method("process"))
