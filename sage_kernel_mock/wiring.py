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
from sage_kernel_api.runnable import KIND_ASYNC_MAP, KIND_SOURCE
from sage_kernel_api.values import ConnectionInfo
from sage_kernel_mock.async_task import AsyncTask
from sage_kernel_mock.contexts import ContextParts, MockExecutionContext
from sage_kernel_mock.facts import MockFacts
from sage_kernel_mock.ledger import EdgeLedger, StepTally
from sage_kernel_mock.step_work import TaskParts
from sage_kernel_mock.task import Task
from sage_kernel_mock.timeline import Timeline
from sage_kernel_mock.transport import Outlet

__all__ = ["Wiring", "task_class", "wire"]


@dataclass(frozen=True, slots=True)
class Wiring:
    """The tasks of one job, upstream first, and what counts their records."""

    tasks: list[Task]
    tallies: dict[str, StepTally]
    ledgers: list[EdgeLedger]


def wire(
    config: PipelineConfig,
    parts: ContextParts,
    timeline: Timeline,
    on_ready: Callable[[int], None],
) -> Wiring:
    """Make and connect the tasks of a job.

    Args:
        config: As returned by `check_pipeline_config`.
        parts: What the contexts share.
        timeline: Has the clock.
        on_ready: Told the rank of a task whenever its empty inbox gets a record.
    """
    task_parts = TaskParts(parts.journal, parts.faults, timeline, on_ready)
    wirer = _Wirer(config, parts, task_parts)
    for step in _upstream_first(config["transformations"]):
        wirer.add_tasks(step)
    wirer.connect_tasks()
    return Wiring(wirer.tasks, wirer.tallies, list(wirer.ledgers.values()))


class _Wirer:
    def __init__(
        self,
        config: PipelineConfig,
        parts: ContextParts,
        task_parts: TaskParts,
    ) -> None:
        self._config = config
        self._parts = parts
        self._task_parts = task_parts
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
            task = task_class(step)(
                len(self.tasks),
                step,
                self._context(step, index),
                self.tallies[step["id"]],
                self._task_parts,
            )
            self.tasks.append(task)
            self._receivers[_task_name(step["id"], index)] = task

    def connect_tasks(self) -> None:
        connections: dict[str, list[ConnectionInfo]] = {step_id: [] for step_id in self._steps}
        for step in self._steps.values():
            names = tuple(_task_name(step["id"], index) for index in range(step["parallelism"]))
            for edge in step["inputs"]:
                connections[edge["upstream"]].append(
                    ConnectionInfo(
                        names,
                        edge["index"],
                        edge["partitioning"],
                        edge.get("output"),
                        edge.get("partitioner"),
                    )
                )
        for task in self.tasks:
            task.context.transport.set_downstream_connections(connections[task.step["id"]])

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


def task_class(step: TransformationConfig) -> type[Task]:
    """Return what drives the instances of a step."""
    return AsyncTask if step["kind"] == KIND_ASYNC_MAP else Task


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
