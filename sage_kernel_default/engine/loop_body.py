"""The lines inside a loop: one method for each kind of step.

Layer: engine. Pure: from steps to source text and the objects that its names stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias, cast

from sage_kernel_api.runnable import (
    KIND_ASSIGN_TIME,
    KIND_FILTER,
    KIND_FLATMAP,
    KIND_KEY_BY,
    KIND_MAP,
    KIND_REDUCE,
    KIND_SINK,
)
from sage_kernel_default.engine.loop_draft import LoopDraft
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.segments import Router
from sage_kernel_default.engine.tables import TrackedTable
from sage_kernel_default.plan import Edge

__all__ = ["Blame", "LoopBody"]

Blame: TypeAlias = tuple[Operator, str, str]
"""Whose failure a line is: the step, and the variables of its record and key."""

_BREATHE_AFTER: Final = 4096
"""Items of a flatmap after which a loop looks whether it must wait or stop."""


class LoopBody:
    """The lines, with who is to blame if one fails.

    Two things depend on the branch only, and are put back when all that is behind a step was
    written: which variable has the event time of the record at hand, and whether one record of
    the run may pass the branch several times, as the items of a flatmap.
    """

    def __init__(self, draft: LoopDraft, time: str, late: Sequence[list[Any]] = ()) -> None:
        """Begin.

        Args:
            draft: Of the loop.
            time: The variable of a record's event time.
            late: Lists of sinks that may get the results of a run at its end.
        """
        self.lines: list[tuple[str, Blame | None]] = []
        self._w = draft
        self._here: Blame | None = None
        self._time = time
        self._is_among_items = False
        self._late = late
        self._kept: dict[str, str] = {}
        """For sinks whose results are held back: the list that has them until the end."""

    def step(
        self,
        edge: Edge,
        value: str,
        key: str,
        count: str,
        indent: int,
        *,
        from_buffer: bool,
        blame: Blame | None = None,
    ) -> None:
        """Write the work of the step that *edge* leads to, and of all that it feeds.

        Args:
            edge: The way into the step.
            value: The record, as a variable or, with *blame*, as a call that makes it.
            key: The variable of its key.
            count: The counter of the records on the edge.
            indent: Depth of the block.
            from_buffer: Whether the edge comes from outside of the loop.
            blame: Whose failure it is if the line fails; None for the step itself.
        """
        w = self._w
        operator = w.operator_of(edge.downstream)
        ledger = w.counters_of(edge)
        if not from_buffer:
            ledger.produced.append(w.place(count))
            ledger.consumed.append(w.place(count))
        operator.counters.ins.append(w.place(count))
        here = blame or (operator, value, key)
        if operator.sees_keys and operator.reads_key:
            context = w.bind("context", operator.context)
            self._line(indent, f"{context}.key = {key}", None)
            w.at_end(f"{context}.key = None")
        if operator.sees_times and (operator.reads_key or operator.rescue_for is not None):
            context = w.bind("context", operator.context)
            self._line(indent, f"{context}.event_time_us = {self._time}", None)
            w.at_end(f"{context}.event_time_us = None")
        self._here = here
        if operator.rescue_for is None:
            self._plain(operator, edge, value, key, count, indent)
        else:
            self._guarded(operator, edge, value, key, count, indent)

    # --- steps without an error policy ---------------------------------------------------

    def _plain(
        self, op: Operator, edge: Edge, value: str, key: str, count: str, indent: int
    ) -> None:
        w, kind = self._w, op.kind
        here = self._here or (op, value, key)
        if kind == KIND_MAP:
            op.counters.keeps_count = True
            result = f"{w.called('map', op.call)}{value})"
            if self._is_taken_without_fail(op):
                # One line for both: a variable in between would cost, and nobody asks for it.
                self._feed(op, result, key, count, indent, blame=here)
            else:
                variable = w.variable("v")
                self._line(indent, f"{variable} = {result}", here)
                self._feed(op, variable, key, count, indent)
        elif kind == KIND_FILTER:
            self._line(indent, f"if {w.called('filter', op.call)}{value}):", here)
            self._feed_counted(op, value, key, indent + 1)
        elif kind == KIND_FLATMAP:
            self._flatmap(op, value, key, indent)
        elif kind == KIND_KEY_BY:
            new_key = w.variable("k")
            self._line(indent, f"{new_key} = {w.called('key_by', op.call)}{value})", here)
            op.counters.keeps_count = True
            self._feed(op, value, new_key, count, indent)
        elif kind == KIND_ASSIGN_TIME:
            time = w.variable("t")
            self._line(indent, f"{time} = {w.called('assign_time', op.call)}{value})", here)
            op.counters.keeps_count = True
            self._feed(op, value, key, count, indent, time)
        elif kind == KIND_REDUCE:
            self._reduce(op, value, key, count, indent)
        elif kind == KIND_SINK:
            self._sink(op, value, indent)
        else:
            index = str(op.input_index(edge))
            if op.issue_ticket is not None:
                index = f"{w.bind('ticket', op.issue_ticket)}({index}, {self._time})"
            call = f"{w.called('process', op.process)}{value}, {index})"
            self._line(indent, call, here)

    def _sink(self, op: Operator, value: str, indent: int) -> None:
        w, here = self._w, self._here
        if (found := op.results) is not None:
            # Written out: the interpreter has a fast path for it, and none for a bound method.
            into = self._kept.get(op.step.id) or w.bind("found", found)
            self._line(indent, f"{into}.append({value})", here)
        else:
            self._line(indent, f"{w.called('sink', op.call)}{value})", here)

    def _flatmap(self, op: Operator, value: str, key: str, indent: int) -> None:
        w, here = self._w, (op, value, key)
        items, item, limit = w.variable("items"), w.variable("v"), w.variable("limit")
        collected, merge = w.bind("collected", op.collected), w.bind("merge", _merge)
        count = w.count()
        op.counters.outs.append(w.place(count))
        watched = w.bind("watched", _watch(w.breathe, op.collected, *w.place(count)))
        w.at_start(f"{limit} = {_BREATHE_AFTER}")
        self._line(indent, f"{items} = {w.called('flatmap', op.call)}{value})", here)
        self._line(indent, f"if {collected}: {items} = {merge}({collected}, {items})", here)
        # A short list is counted at once. A copy, since the user's code may change the list
        # while it is read. Everything else is counted, and may be paused, item by item.
        is_list = f"type({items}) is {w.bind('list', list)}"
        self._line(indent, f"if {is_list} and len({items}) < {_BREATHE_AFTER}:", here)
        self._line(indent + 1, f"{items} = tuple({items})", here)
        self._line(indent + 1, f"{count} += len({items})", here)
        self._line(indent + 1, f"if {count} >= {limit}:", None)
        self._line(indent + 2, f"{w.bind('breathe', w.breathe)}()", here)
        self._line(indent + 2, f"{limit} = {count} + {_BREATHE_AFTER}", None)
        self._line(indent, f"elif {items} is None: {items} = ()", here)
        self._line(indent, f"else: {items} = {watched}({items})", here)
        self._line(indent, f"for {item} in {items}:", here)
        outside, self._is_among_items = self._is_among_items, True
        self._feed(op, item, key, count, indent + 1)
        self._is_among_items = outside

    def _reduce(self, op: Operator, value: str, key: str, count: str, indent: int) -> None:
        w, here = self._w, (op, value, key)
        if isinstance(op.table, TrackedTable):
            self._reduce_tracked(op, op.table, value, key, count, indent)
            return
        table, result = w.bind("table", op.table), w.variable("v")
        call = w.called("reduce", op.call)
        self._line(indent, f"if {key} in {table}:", here)
        self._line(indent + 1, f"{result} = {table}[{key}] = {call}{table}[{key}], {value})", here)
        self._line(indent, f"else: {result} = {table}[{key}] = {value}", here)
        op.counters.keeps_count = True
        self._feed(op, result, key, count, indent)

    def _reduce_tracked(
        self, op: Operator, table: TrackedTable, value: str, key: str, count: str, indent: int
    ) -> None:
        # Both layers are exact dictionaries, so that the interpreter's fast paths fit.
        w, here = self._w, (op, value, key)
        delta, base = w.bind("delta", table.delta), w.bind("base", table.base)
        call, result = w.called("reduce", op.call), w.variable("v")
        self._line(indent, f"if {key} in {delta}:", here)
        self._line(indent + 1, f"{result} = {delta}[{key}] = {call}{delta}[{key}], {value})", here)
        self._line(indent, f"elif {key} in {base}:", here)
        self._line(indent + 1, f"{result} = {delta}[{key}] = {call}{base}[{key}], {value})", here)
        self._line(indent, f"else: {result} = {delta}[{key}] = {value}", here)
        op.counters.keeps_count = True
        self._feed(op, result, key, count, indent)

    # --- steps with an error policy ------------------------------------------------------

    def _guarded(
        self, op: Operator, edge: Edge, value: str, key: str, count: str, indent: int
    ) -> None:
        w, here = self._w, (op, value, key)
        assert op.rescue_for is not None
        attempt = op.attempt(edge.index)
        ok, result = w.variable("ok"), w.variable("r")
        rescue = w.bind("rescue", op.rescue_for(attempt, w.counters_of(edge)))
        self._line(indent, f"{ok} = True", None)
        self._line(indent, f"try: {result} = {w.bind('attempt', attempt)}({value}, {key})", here)
        self._line(indent, "except Exception as error:", None)
        self._line(indent + 1, f"{ok}, {result} = {rescue}(error, {value}, {key})", here)
        if op.kind == KIND_FILTER:
            self._line(indent, f"if {ok} and {result}:", here)
            self._feed_counted(op, value, key, indent + 1)
        elif op.kind == KIND_FLATMAP:
            item = w.variable("v")
            self._line(indent, f"if {ok}:", None)
            self._line(indent + 1, f"for {item} in {result}:", here)
            outside, self._is_among_items = self._is_among_items, True
            self._feed_counted(op, item, key, indent + 2, may_be_many=True)
            self._is_among_items = outside
        elif op.kind == KIND_ASSIGN_TIME:
            self._line(indent, f"if {ok}:", None)
            self._feed_counted(op, value, key, indent + 1, time=result)
        elif op.kind in (KIND_MAP, KIND_REDUCE, KIND_KEY_BY):
            self._line(indent, f"if {ok}:", None)
            by_key = op.kind == KIND_KEY_BY
            self._feed_counted(
                op, value if by_key else result, result if by_key else key, indent + 1
            )

    # --- where results go ----------------------------------------------------------------

    def _feed_counted(
        self,
        op: Operator,
        value: str,
        key: str,
        indent: int,
        *,
        may_be_many: bool = False,
        time: str | None = None,
    ) -> None:
        w = self._w
        # A float is counted up faster than an int beyond 256, and as exactly in one frame.
        count = w.count("0.0" if self._is_among_items else "0")
        op.counters.outs.append(w.place(count))
        if (sink := self._only_sink(op)) is not None:
            self._keep_for(sink, count)
        elif self._is_among_items:
            self._line(indent, f"{count} += 1.0", None)
        else:
            self._line(indent, f"{count} = {w.following()}[{count}]", None)
        if may_be_many:
            limit = w.variable("limit")
            w.at_start(f"{limit} = {_BREATHE_AFTER}")
            self._line(indent, f"if {count} >= {limit}:", None)
            self._line(indent + 1, f"{w.bind('breathe', w.breathe)}()", self._here)
            self._line(indent + 1, f"{limit} = {count} + {_BREATHE_AFTER}", None)
        self._feed(op, value, key, count, indent, time)

    def _only_sink(self, op: Operator) -> Operator | None:
        """Return the sink where each result of *op* ends up, if it may come there late."""
        w = self._w
        # With such lists, the loop has neither flatmaps nor error policies: see `_late_lists`.
        while self._late:
            edges = w.outputs_of(op.step.id)
            if len(edges) != 1 or w.buffer_of(edges[0]) is not None:
                break
            op = w.operator_of(edges[0].downstream)
            if (found := op.results) is not None:
                return op if any(found is one for one in self._late) else None
            if op.kind not in (KIND_MAP, KIND_KEY_BY, KIND_ASSIGN_TIME):
                break
        return None

    def _keep_for(self, sink: Operator, count: str) -> None:
        """Hold the results for *sink* back: how many there are in the end need not be counted."""
        w = self._w
        self._kept[sink.step.id] = kept = w.variable("kept")
        w.at_start(f"{kept} = []")
        w.always_at_end(f"{w.bind('take', cast('list[Any]', sink.results).extend)}({kept})")
        w.at_end(f"{count} = len({kept})")

    def _is_taken_without_fail(self, op: Operator) -> bool:
        """Tell whether a result of *op* is handed on once, in a call that does not fail.

        The line of both calls then can only mean a failure of *op* itself.
        """
        w = self._w
        edges = [edge for edge in w.outputs_of(op.step.id) if edge.output is None]
        if len(edges) != 1:
            return False
        if (buffer := w.buffer_of(edges[0])) is not None:
            return buffer.router is None
        taker = w.operator_of(edges[0].downstream)
        return taker.results is not None

    def _feed(
        self,
        op: Operator,
        value: str,
        key: str,
        count: str,
        indent: int,
        time: str | None = None,
        blame: Blame | None = None,
    ) -> None:
        w, time_before = self._w, self._time
        self._time = time or time_before
        for edge in w.outputs_of(op.step.id):
            if edge.output is not None:
                continue
            buffer = w.buffer_of(edge)
            if buffer is None:
                self.step(edge, value, key, count, indent, from_buffer=False, blame=blame)
                continue
            if buffer.router is not None:
                self._route(op, buffer.router, value, key, count, edge, indent)
                continue
            self._line(indent, f"{w.bind('values', buffer.values)}.append({value})", blame)
            if buffer.is_keyed:
                self._line(indent, f"{w.bind('keys', buffer.keys)}.append({key})", None)
            if buffer.is_timed:
                times = w.bind("times", buffer.times)
                self._line(indent, f"{times}.append({self._time})", None)
            w.count_produced(edge, count)
        self._time = time_before

    def _route(
        self,
        op: Operator,
        router: Router,
        value: str,
        key: str,
        count: str,
        edge: Edge,
        indent: int,
    ) -> None:
        """Put a record straight into the frame of the instance that has its key."""
        w, here = self._w, (op, value, key)
        values, keys = w.variable("values"), w.variable("keys")
        routes, find = w.bind("routes", router.routes), w.bind("find", router.find)
        self._line(indent, f"try: {values}, {keys} = {routes}[{key}]", here)
        # Not seen yet, or not hashable and refused now.
        self._line(indent, "except (KeyError, TypeError):", None)
        self._line(indent + 1, f"{values}, {keys} = {find}({key}, {value})", here)
        self._line(indent, f"{values}.append({value}); {keys}.append({key})", None)
        w.count_produced(edge, count)

    def _line(self, indent: int, text: str, step: Blame | None) -> None:
        self.lines.append(("    " * indent + text, step))


def _watch(
    breathe: Callable[[], None], collected: list[Any], tally: list[int], index: int
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return what reads an iterable of any length, counts its items and breathes on the way.

    A generator may also collect while it is read; what it has collected follows its items.
    """

    def watched(items: Iterable[Any]) -> Iterator[Any]:
        count = 0
        while True:
            for item in items:
                count += 1
                if not count % _BREATHE_AFTER:
                    breathe()
                yield item
            if not collected:
                break
            items = _merge(collected)
        tally[index] += count

    return watched


def _merge(collected: list[Any], items: Iterable[Any] | None = None) -> Iterable[Any]:
    """Return what was collected, then the items of the result, which may be endless."""
    first = collected[:]
    collected.clear()
    return first if items is None else chain(first, items)
