"""From the description of a job to its tasks, connected with one another.

Knows configs and tasks; runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from typing import cast

from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import PipelineConfig, TransformationConfig
from sage_kernel_api.runnable import KIND_SOURCE
from sage_kernel_api.values import ConnectionInfo
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import ContextParts, MockExecutionContext
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.task import Task
from sage_kernel_mock.transport import Outlet

__all__ = ["Wiring", "wire"]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The tasks of one job, upstream first, and what counts their records."""

    tasks: list[Task]
    tallies: dict[str, StepTally]
    ledgers: list[EdgeLedger]


def wire(
    config: PipelineConfig,
    parts: ContextParts,
    clock: ManualClock,
    on_ready: Callable[[int], None],
) -> Wiring:
    """Make and connect the tasks of a job.

    Args:
        config: As returned by `check_pipeline_config`.
        parts: What the contexts share.
        clock: Waits of retries pass on it.
        on_ready: Told the rank of a task whenever its empty inbox gets a record.
    """
    wirer = _Wirer(config, parts, clock, on_ready)
    for step in _upstream_first(config["transformations"]):
        wirer.add_tasks(step)
    for step in config["transformations"]:
        wirer.connect_tasks(step)
    return Wiring(wirer.tasks, wirer.tallies, list(wirer.ledgers.values()))


class _Wirer:
    def __init__(
        self,
        config: PipelineConfig,
        parts: ContextParts,
        clock: ManualClock,
        on_ready: Callable[[int], None],
    ) -> None:
        self._config = config
        self._parts = parts
        self._clock = clock
        self._on_ready = on_ready
        self._steps = {step["id"]: step for step in config["transformations"]}
        self.tasks: list[Task] = []
        self._receivers: dict[str, Task] = {}
        self.tallies = {step_id: StepTally() for step_id in self._steps}
        self.ledgers: dict[tuple[str, ConnectionInfo], EdgeLedger] = {}
        self._feedback = {
            (edge["upstream"], step["id"], edge["index"], edge.get("output"))
            for step in config["transformations"]
            for edge in step["inputs"]
            if edge.get("is_feedback")
        }

    def add_tasks(self, step: TransformationConfig) -> None:
        for index in range(step["parallelism"]):
            task = Task(
                len(self.tasks),
                step,
                self._context(step, index),
                self.tallies[step["id"]],
                self._parts.journal,
                self._clock,
                self._on_ready,
            )
            self.tasks.append(task)
            self._receivers[_task_name(step["id"], index)] = task

    def connect_tasks(self, step: TransformationConfig) -> None:
        connections = [
            ConnectionInfo(
                tuple(_task_name(other["id"], index) for index in range(other["parallelism"])),
                edge["index"],
                edge["partitioning"],
                edge.get("output"),
                edge.get("partitioner"),
            )
            for other in self._steps.values()
            for edge in other["inputs"]
            if edge["upstream"] == step["id"]
        ]
        for task in self.tasks:
            if task.step is step:
                task.context.transport.set_downstream_connections(connections)

    def _context(self, step: TransformationConfig, index: int) -> MockExecutionContext:
        facts = MockFacts(
            name=step["id"],
            env_name=self._config["name"],
            config=self._config["config"],
            parallel_index=index,
            parallelism=step["parallelism"],
            is_source=step["kind"] == KIND_SOURCE,
        )
        return MockExecutionContext(facts, self._parts, partial(self._connect, step["id"], index))

    def _connect(self, upstream: str, sender_index: int, connection: ConnectionInfo) -> Outlet:
        unknown = [name for name in connection.targets if name not in self._receivers]
        if unknown or not connection.targets:
            raise PipelineError(
                f"Step {upstream!r} cannot be connected to {', '.join(map(repr, unknown))}: the "
                f"job has the tasks {', '.join(self._receivers)}."
            )
        # All instances of a step count in one ledger per edge.
        downstream = self._receivers[connection.targets[0]].step["id"]
        ledger = self.ledgers.setdefault((upstream, connection), EdgeLedger(upstream, downstream))
        outlet = Outlet(connection, self._receivers, ledger, sender_index)
        if (upstream, downstream, connection.input_index, connection.output) not in self._feedback:
            for target in outlet.reached:
                cast("Task", target).time.inputs.expect(outlet)
        return outlet


def _task_name(step_id: str, index: int) -> str:
    return f"{step_id}[{index}]"


def _upstream_first(steps: list[TransformationConfig]) -> list[TransformationConfig]:
    by_id = {step["id"]: step for step in steps}
    sorter = TopologicalSorter(
        {
            step["id"]: [e["upstream"] for e in step["inputs"] if not e.get("is_feedback")]
            for step in steps
        }
    )
    return [by_id[step_id] for step_id in sorter.static_order()]
