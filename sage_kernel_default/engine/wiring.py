"""The segments of one task: which steps share a loop, and what feeds what.

Layer: engine.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from sage_kernel_api.errors import PipelineError, StepError
from sage_kernel_api.runnable import KIND_FLATMAP
from sage_kernel_api.values import PartitionStrategy, Payload
from sage_kernel_default.engine.async_steps import AsyncStep
from sage_kernel_default.engine.codegen import LoopSource, write_loop
from sage_kernel_default.engine.failures import position_in, step_error
from sage_kernel_default.engine.inlets import Inlets, LoopMember
from sage_kernel_default.engine.loop_draft import LoopDraft
from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.outlets import Outlet
from sage_kernel_default.engine.segments import Buffer, LoopFunction, Records, Segment, Time
from sage_kernel_default.engine.source_code import load_function
from sage_kernel_default.engine.tally import EdgeCounters
from sage_kernel_default.engine.task_time import TaskTime
from sage_kernel_default.plan import Edge, LogicalPlan

__all__ = ["Wiring"]

_LOOP_BUDGET: Final = 28
"""Weight that one loop may nest: Python allows 20 nested blocks and 100 levels of indent."""


class Wiring:
    """A task's operators, connected.

    An edge is inlined into the loop of its upstream step, unless it leaves the task, or its
    step has several inputs in the task (it then gets a loop per input, so that a graph of
    diamonds does not double at each), or the loop would nest too deeply.
    """

    def __init__(
        self,
        plan: LogicalPlan,
        operators: Sequence[Operator],
        outlets: Sequence[Outlet],
        ledgers: dict[Edge, EdgeCounters],
        breathe: Callable[[], None],
    ) -> None:
        self.operators = list(operators)
        self.outlets = list(outlets)
        self.segments: list[Segment] = []
        self.inlets = Inlets([])
        self.member: LoopMember | None = None
        self.calls: AsyncStep | None = None
        self.time: TaskTime | None = None
        self.is_source = self.operators[0].step.is_source
        self._plan = plan
        self._ledgers = ledgers
        self._breathe = breathe
        self._by_step = {operator.step.id: operator for operator in operators}
        self._position = {operator.step.id: n for n, operator in enumerate(operators)}
        self._outlet_of = {outlet.edge: outlet for outlet in outlets}
        self._entries: dict[Edge, Segment] = {}
        self._exits: dict[tuple[str, str | None], Segment] = {}
        self._separate = self._separate_edges()

    def connect(self, spill_after: int) -> None:
        """Give every operator its way out."""
        for operator in self.operators:
            # A guarded step must be able to take back all that its record has emitted.
            limit = spill_after if operator.rescue_for is None else None
            operator.context.connect(StepExit(self, operator, self._breathe), limit)

    @cached_property
    def source_segment(self) -> Segment | None:
        """Return what the records of the task's source enter."""
        return self.exit(self.operators[0].step.id, None)

    def entry(self, edge: Edge) -> Segment:
        """Return the segment that begins with an edge into this task."""
        if edge not in self._entries:
            order = (self._position[edge.downstream], 0)
            self._entries[edge] = self._segment(
                [edge], order, is_input=True, is_keyed=edge.is_keyed, is_timed=edge.is_timed
            )
        return self._entries[edge]

    def exit(self, step_id: str, target: str | None) -> Segment | None:
        """Return the segment behind one output of a step; None if nothing is connected."""
        edges = [edge for edge in self._plan.outputs[step_id] if edge.output == target]
        if not edges:
            return None
        if (step_id, target) not in self._exits:
            self._exits[step_id, target] = self._segment(
                edges,
                (self._position[step_id], 1),
                is_input=False,
                is_keyed=any(edge.is_keyed for edge in edges),
                is_timed=any(edge.is_timed for edge in edges),
            )
        return self._exits[step_id, target]

    @property
    def running_step(self) -> str | None:
        """Return the first step of the innermost loop that runs now."""
        running = [segment for segment in self.segments if segment.is_running]
        return running[-1].edges[0].downstream if running else None

    def outlet(self, edge: Edge) -> Outlet | None:
        """Return the outlet of an edge that leaves the task."""
        return self._outlet_of.get(edge)

    def input_edges(self, step_id: str) -> list[Edge]:
        """Return the edges into a step, in the order of the plan."""
        return self._plan.inputs[step_id]

    def ledger(self, edge: Edge) -> EdgeCounters:
        """Return the counters of an edge."""
        return self._ledgers[edge]

    def run_segments(self) -> None:
        """Run every loop that has been fed, upstream first, until all buffers are empty."""
        segments = self.segments
        for segment in segments:
            if segment.values:
                segment.run_buffer()
        if segments is not self.segments:  # an output was used for the first time
            self.run_segments()

    def send_by_hand(self, edge: Edge, data: Payload, key: Payload, time_us: Time) -> None:
        """Pass one record over an edge inside of the task, apart from the compiled loop."""
        self._ledgers[edge].by_hand += 1
        self.entry(edge).run([data], [key], [time_us])

    def _segment(
        self,
        edges: list[Edge],
        order: tuple[int, int],
        *,
        is_input: bool,
        is_keyed: bool,
        is_timed: bool,
    ) -> Segment:
        segment = Segment(
            edges, order, self._compile, is_input=is_input, is_keyed=is_keyed, is_timed=is_timed
        )
        # A new list: the old one may be under way in `run_segments` further up the stack.
        self.segments = self.segments[:]
        insort(self.segments, segment, key=_order_of)
        return segment

    def _separate_edges(self) -> set[Edge]:
        separate: set[Edge] = set()
        weights: dict[str, int] = {}
        for operator in self.operators:
            inside = [
                edge
                for edge in self._plan.inputs[operator.step.id]
                if edge.upstream in self._by_step and edge not in self._outlet_of
            ]
            weight = max((weights[edge.upstream] for edge in inside), default=0)
            weight += 4 if operator.kind == KIND_FLATMAP else 2 if operator.rescue_for else 1
            if len(inside) > 1 or weight > _LOOP_BUDGET:
                separate.update(inside)
                weight = 4
            weights[operator.step.id] = weight
        return separate

    # --- compiling -----------------------------------------------------------------------

    def _compile(self, segment: Segment) -> LoopFunction:
        draft = LoopDraft(
            operator_of=self._by_step.__getitem__,
            outputs_of=self._plan.outputs.__getitem__,
            buffer_of=self._buffer_of,
            counters_of=self._ledgers.__getitem__,
            breathe=self._breathe,
            tally=segment.tally,
        )
        source = write_loop(segment, draft)
        function: LoopFunction = load_function(source.text, "run", source.names)
        return _explained(function, source)

    def _buffer_of(self, edge: Edge) -> Buffer | None:
        if (outlet := self._outlet_of.get(edge)) is not None:
            return outlet
        return self.entry(edge) if edge in self._separate else None


def _explained(function: LoopFunction, source: LoopSource) -> LoopFunction:
    """Turn what a loop raises into an error that names step and record."""
    code = function.__code__

    def run(values: Records, keys: list[Payload], times: list[Time]) -> None:
        try:
            function(values, keys, times)
        except BaseException as error:
            found = position_in(error, code)
            # A failure of a loop further downstream, or of ours, is explained already.
            if isinstance(error, StepError) or found is None or found[0] not in source.lines:
                raise
            operator, value, _ = source.lines[found[0]]
            record = found[1].f_locals[value]
            raise step_error(operator.step, error, record) from error

    return run


def _order_of(segment: Segment) -> tuple[int, int]:
    return segment.order


class StepExit:
    """Implements `Exit` for one step."""

    def __init__(self, wiring: Wiring, operator: Operator, breathe: Callable[[], None]) -> None:
        self._wiring = wiring
        self._step = operator.step
        self.spill = breathe

    def segment(self, target: str | None) -> Segment | None:
        """Return the segment behind an output."""
        return self._wiring.exit(self._step.id, target)

    def send_one(
        self,
        data: Payload,
        key: Payload,
        time_us: Time,
        target: str | None,
        strategy: PartitionStrategy,
    ) -> bool:
        """Send one record with another strategy than its edges have."""
        segment = self.segment(target)
        if segment is None:
            return False
        self._wiring.run_segments()  # what was sent before goes before
        for edge in segment.edges:
            if (outlet := self._wiring.outlet(edge)) is not None:
                outlet.send_one(data, key, time_us, strategy)
            elif self._step.parallelism == 1 or strategy == "forward":
                self._wiring.send_by_hand(edge, data, key, time_us)
            else:
                raise PipelineError(
                    f"Step {self._step.id!r} cannot send by {strategy!r} over the forward edge to "
                    f"{edge.downstream!r}. Declare it: keyby(..., strategy={strategy!r})."
                )
        self._wiring.run_segments()
        return True
