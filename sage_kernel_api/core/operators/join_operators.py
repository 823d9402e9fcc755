"""The operators of joins over event time.

Layer: core. What belongs together is in `core.joins`; here is what has to do with contexts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

from sage_kernel_api.context import ExecutionContext, SupportsKeyedState
from sage_kernel_api.core.event_time import StepClock
from sage_kernel_api.core.joins import (
    AsOfJoin,
    EmitPair,
    IntervalJoin,
    JoinedContents,
    JoinKind,
    KeyedJoin,
)
from sage_kernel_api.core.joins.keyed_join import Side, Table
from sage_kernel_api.core.operators.kept_time import TimeKeepingOperator
from sage_kernel_api.core.operators.window_operators import WindowOperator
from sage_kernel_api.core.windows import Contents
from sage_kernel_api.errors import ContextError
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Capability, Payload

__all__ = ["AsOfJoinOperator", "IntervalJoinOperator", "KeyedJoinOperator", "WindowJoinOperator"]


class WindowJoinOperator(WindowOperator):
    """Pairs the records of two inputs that are in one window.

    Attributes:
        join_kind: Whose records come out without a partner.
    """

    kind = "window_join"
    join_kind: JoinKind = "inner"

    def make_contents(self) -> Contents:
        """Return contents of two lists."""
        return JoinedContents(self.method("execute"), self.join_kind)

    def value_of(self, data: Payload, input_index: int) -> Payload:
        """Return the record with its side."""
        return input_index, data


class KeyedJoinOperator(TimeKeepingOperator):
    """What the joins without windows share; a `TimedRunnable`.

    Attributes:
        late_outputs: By input: the side output of late records; None to drop them.
        late_tally: How many late records were dropped, as a list of one.
    """

    needs: ClassVar[tuple[Capability, ...]] = (Capability.EVENT_TIME,)
    keeps_keyed_state = True
    keeps_keys = True
    reads_event_time = True

    def __init__(
        self,
        execution_context: ExecutionContext,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self.late_outputs: tuple[str | None, ...] = (None, None)
        self.late_tally: list[int] = [0]
        if not isinstance(execution_context, SupportsKeyedState):
            raise ContextError(
                f"Step {execution_context.name!r} keeps records by key, and this kernel has no "
                "keyed state."
            )
        self._store = execution_context.keyed_state
        self._clock = StepClock(execution_context)
        self._call = self.method("execute")
        self._restored_us = MIN_WATERMARK_US
        self._made: KeyedJoin | None = None

    @abstractmethod
    def make_join(self, tables: tuple[Table, Table], emit: EmitPair) -> KeyedJoin:
        """Return what finds the pairs."""

    def open(self) -> None:
        """Take up the records of a restored state, then open the function."""
        tables = (self._store.table("__left"), self._store.table("__right"))
        self._made = self.make_join(tables, self._emit)
        self._made.watermark_us = self._restored_us
        self._made.restore()
        super().open()

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Let *data* meet the records of the other input."""
        time_us = self._clock.event_time_us
        if time_us is None:
            raise ContextError(
                f"A record without event time came to the join {self.context.name!r}. Put "
                "assign_timestamps(...) before it, on every way that leads there."
            )
        if not self._join.add(self._store.key, cast("Side", input_index), data, time_us):
            output = self.late_outputs[input_index]
            if output is None or not self.context.send_data(data, target=output):
                self.late_tally[0] += 1

    def on_watermark(self, watermark_us: int) -> None:
        """Emit what is known now, and forget what cannot be used any more."""
        self._join.advance(watermark_us)

    def next_due_us(self) -> int | None:
        """Return None: joins do not look at the clock."""
        return None

    def on_processing_time(self, now_us: int) -> None:
        """Joins do not look at the clock."""

    def close(self) -> None:
        """Say how many late records there were that nobody wanted, and close the function."""
        if self.late_tally[0]:
            self.logger.warning(
                "step %s dropped %d late records; late_left= and late_right= keep them",
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
    def _join(self) -> KeyedJoin:
        assert self._made is not None, "used after open only"
        return self._made

    def _emit(self, key: Payload, left: Payload, right: Payload, time_us: int, /) -> None:
        with self._clock.at(key, time_us):
            self.context.send_data(self._call(left, right))


class IntervalJoinOperator(KeyedJoinOperator):
    """Pairs records whose times are not too far apart.

    Attributes:
        bounds_us: The least and the greatest time from the left record to the right one.
    """

    kind = "interval_join"
    bounds_us: tuple[int, int] = (0, 0)

    def make_join(self, tables: tuple[Table, Table], emit: EmitPair) -> KeyedJoin:
        """Return what finds the pairs."""
        return IntervalJoin(tables, emit, *self.bounds_us)


class AsOfJoinOperator(KeyedJoinOperator):
    """Pairs each left record with what was valid on the right side.

    Attributes:
        tolerance_us: How old a right record may be; None for any age.
    """

    kind = "asof_join"
    tolerance_us: int | None = None

    def make_join(self, tables: tuple[Table, Table], emit: EmitPair) -> KeyedJoin:
        """Return what finds the pairs."""
        return AsOfJoin(tables, emit, self.tolerance_us)
