"""Put a task together: operators, compiled segments, inlets and outlets.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sage_kernel_api.runnable import LateCountingRunnable
from sage_kernel_default.engine.async_steps import AsyncStep
from sage_kernel_default.engine.context import StepContext, Surroundings
from sage_kernel_default.engine.failures import step_error
from sage_kernel_default.engine.inlets import Inlet, Inlets, LoopMember
from sage_kernel_default.engine.operators import Attempt, Operator, Rescue
from sage_kernel_default.engine.outlets import Outlet
from sage_kernel_default.engine.policies import make_rescue
from sage_kernel_default.engine.ports import Channel
from sage_kernel_default.engine.tally import EdgeCounters, StepCounters
from sage_kernel_default.engine.task_time import TaskTime
from sage_kernel_default.engine.termination import LoopMonitor
from sage_kernel_default.engine.wiring import Wiring
from sage_kernel_default.graph import ChannelSpec, TaskSpec
from sage_kernel_default.plan import Edge, LogicalPlan, Step

__all__ = ["Assembly"]


@dataclass(slots=True, eq=False)
class Assembly:
    """All that a task is made of, and its counters, which outlive it.

    Attributes:
        plan: Of the whole job.
        spec: Which task.
        channels: The channels of the job, made by the driver.
        surroundings: What a step gets from outside, by step.
        monitors: The loops of the job by number.
        steps: Counters by step id.
        edges: Counters by edge; an edge between tasks has some in each of them.
    """

    plan: LogicalPlan
    spec: TaskSpec
    channels: Mapping[ChannelSpec, Channel]
    surroundings: Callable[[Step, int], Surroundings]
    monitors: Mapping[int, tuple[LoopMonitor, list[TaskSpec]]]
    steps: dict[str, StepCounters]
    edges: dict[Edge, EdgeCounters]

    @classmethod
    def of(
        cls,
        plan: LogicalPlan,
        spec: TaskSpec,
        channels: Mapping[ChannelSpec, Channel],
        surroundings: Callable[[Step, int], Surroundings],
        monitors: Mapping[int, tuple[LoopMonitor, list[TaskSpec]]],
    ) -> Assembly:
        """Prepare the task *spec*; no user code runs yet."""
        members = spec.group.steps
        edges = {
            edge: EdgeCounters()
            for step in members
            for edge in (*plan.inputs[step], *plan.outputs[step])
        }
        for channel in spec.outputs:
            edges[channel.edge].channels.append(channels[channel])
        steps = {step: StepCounters() for step in members}
        return cls(plan, spec, channels, surroundings, monitors, steps, edges)

    @property
    def records_in(self) -> int:
        """Return the number of records taken from channels or the source."""
        polled = sum(counters.polled for counters in self.steps.values())
        return polled + sum(self.channels[spec].consumed for spec in self.spec.inputs)

    @property
    def records_out(self) -> int:
        """Return the number of records handed to channels."""
        return sum(self.channels[spec].sent for spec in self.spec.outputs)

    def make_operators(
        self, begin: Callable[[str], None], now_us: Callable[[], int]
    ) -> list[Operator]:
        """Make an instance of every step, upstream first; runs the users' constructors.

        Args:
            begin: Told whose code runs next.
            now_us: The clock on the wall.
        """
        return [self._make(self.plan.steps[step], begin, now_us) for step in self.spec.group.steps]

    def _make(
        self, step: Step, begin: Callable[[str], None], now_us: Callable[[], int]
    ) -> Operator:
        begin(step.id)
        context = StepContext(
            step.id,
            self.spec.index,
            step.parallelism,
            self.surroundings(step, self.spec.index),
            is_source=step.is_source,
            now_us=now_us,
        )
        inputs = self.plan.inputs[step.id]
        sees_keys = any(edge.is_keyed for edge in inputs)
        sees_times = any(edge.is_timed for edge in inputs)
        try:
            runnable = step.make(context)
            counters = self.steps[step.id]
            if hasattr(runnable, "late_tally"):
                counters.late.append((cast("LateCountingRunnable", runnable).late_tally, 0))
            return Operator(
                step, runnable, context, counters, sees_keys=sees_keys, sees_times=sees_times
            )
        except BaseException as error:
            raise step_error(step, error, doing="making the function") from error

    def wire(
        self,
        operators: Sequence[Operator],
        breathe: Callable[[], None],
        pause: Callable[[float], None],
        spill_after: int,
    ) -> Wiring:
        """Connect opened operators with each other and with the task's channels."""
        for operator in operators:
            # A source's failures are its own; those of asynchronous calls come later.
            is_guarded = not (operator.step.is_source or operator.is_async)
            if operator.step.policy.on_error != "fail" and is_guarded:
                operator.rescue_for = _rescuer(operator, pause)
        outlets = self._outlets()
        wiring = Wiring(self.plan, operators, outlets, self.edges, breathe)
        wiring.connect(spill_after)
        wiring.inlets = Inlets([self._inlet(channel, wiring) for channel in self.spec.inputs])
        wiring.member = self._member()
        wiring.calls = self._async_step(operators[0])
        wiring.time = TaskTime.of(self.plan, operators, outlets)
        return wiring

    def _async_step(self, first: Operator) -> AsyncStep | None:
        if not first.is_async:
            return None
        inputs = self.plan.inputs[first.step.id]
        return AsyncStep(first, inputs, [self.edges[edge] for edge in inputs])

    def _outlets(self) -> list[Outlet]:
        by_edge: dict[Edge, list[ChannelSpec]] = {}
        for spec in self.spec.outputs:
            by_edge.setdefault(spec.edge, []).append(spec)
        return [
            Outlet(
                edge,
                [self.channels[spec] for spec in specs],
                self.edges[edge],
                self._monitor if specs[0].is_reserved else None,
            )
            for edge, specs in by_edge.items()
        ]

    def _inlet(self, spec: ChannelSpec, wiring: Wiring) -> Inlet:
        segment = wiring.entry(spec.edge)
        return Inlet(
            self.channels[spec], segment, is_loop=spec.is_loop, goes_first=spec.is_reserved
        )

    @property
    def _monitor(self) -> LoopMonitor | None:
        loop = self.spec.group.loop
        return None if loop is None else self.monitors[loop][0]

    def _member(self) -> LoopMember | None:
        loop = self.spec.group.loop
        if loop is None:
            return None
        monitor, members = self.monitors[loop]
        return LoopMember(
            monitor,
            members.index(self.spec),
            [self.channels[spec] for spec in self.spec.outputs if spec.is_loop],
            [self.channels[spec] for spec in self.spec.inputs if spec.is_loop],
        )


def _rescuer(
    operator: Operator, pause: Callable[[float], None]
) -> Callable[[Attempt, EdgeCounters], Rescue]:
    return lambda attempt, ledger: make_rescue(operator, attempt, ledger, pause)
