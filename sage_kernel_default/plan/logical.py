"""The logical plan: steps and edges of one job, checked, ordered and typed.

Layer: plan. Pure; knows nothing of tasks, threads or channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sage_kernel_api.context import RunnableFactory
from sage_kernel_api.lifecycle import OnError, PipelineConfig, Placement, TransformationConfig
from sage_kernel_api.runnable import (
    KIND_ASSIGN_TIME,
    KIND_ASYNC_MAP,
    KIND_FILTER,
    KIND_FLATMAP,
    KIND_KEY_BY,
    KIND_MAP,
    KIND_REDUCE,
    KIND_SINK,
    KIND_SOURCE,
)
from sage_kernel_api.values import Partitioner, PartitionStrategy

__all__ = ["Edge", "ErrorPolicy", "LogicalPlan", "Step"]

_KEEPS_KEY = frozenset(
    {
        KIND_MAP,
        KIND_FILTER,
        KIND_FLATMAP,
        KIND_REDUCE,
        KIND_SINK,
        KIND_ASYNC_MAP,
        KIND_ASSIGN_TIME,
    }
)
_READS_NO_TIME = _KEEPS_KEY | {KIND_KEY_BY, KIND_SOURCE}


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """What becomes of a record whose step raised; see `StepPolicies` of the contract."""

    on_error: OnError = "fail"
    retries: int = 0
    retry_delay_s: float = 0.0
    after_retries: Literal["fail", "skip", "dead_letter"] = "fail"

    @classmethod
    def of(cls, step: TransformationConfig) -> ErrorPolicy:
        """Read the policy of a described step, with the contract's defaults."""
        given = step.get("policies", {})
        on_error = given.get("on_error", "fail")
        if on_error != "retry":
            return cls(on_error=on_error)
        return cls(
            on_error,
            given.get("retries", 3),
            given.get("retry_delay_s", 0.1),
            given.get("after_retries", "fail"),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One described step."""

    id: str
    kind: str
    parallelism: int
    make: RunnableFactory
    policy: ErrorPolicy
    function: str
    placement: Placement = "kernel"
    uid: str | None = None

    @property
    def is_source(self) -> bool:
        """True for a step without inputs."""
        return self.kind == KIND_SOURCE

    @property
    def state_id(self) -> str:
        """The name of the step's state in snapshots: the user's ``uid``, or the step's id."""
        return self.uid or self.id


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One way of records from an output of one step to an input of another."""

    upstream: str
    downstream: str
    index: int
    strategy: PartitionStrategy
    output: str | None
    is_feedback: bool
    is_keyed: bool
    """Whether its records may carry a key, and so need a key column."""
    is_timed: bool = False
    """Whether they may have an event time that a step behind it may read."""
    partitioner: Partitioner | None = None

    def __str__(self) -> str:
        via = f"[{self.output}]" if self.output else ""
        return f"{self.upstream}{via} -> {self.downstream}"


@dataclass(frozen=True, slots=True, eq=False)
class LogicalPlan:
    """All steps of a job, every upstream before its downstreams (but for feedback edges).

    Attributes:
        timed: Steps behind which there may be event time, and so watermarks.
    """

    name: str
    config: Mapping[str, Any]
    steps: dict[str, Step]
    edges: tuple[Edge, ...]
    inputs: dict[str, list[Edge]]
    outputs: dict[str, list[Edge]]
    timed: frozenset[str] = frozenset()

    @classmethod
    def from_config(cls, config: PipelineConfig, *, spread: bool = False) -> LogicalPlan:
        """Build the plan of a configuration that `check_pipeline_config` has accepted.

        Args:
            config: The configuration.
            spread: Whether parallel steps that do not say where they run belong in processes.
        """
        described = {step["id"]: step for step in _in_order(config["transformations"])}
        keyed = _steps_that_emit_keys(list(described.values()))
        timed = _steps_that_emit_times(list(described.values()))
        readers = _steps_that_want_times(list(described.values())) if timed else set()
        edges = tuple(
            Edge(
                upstream=edge["upstream"],
                downstream=step_id,
                index=edge["index"],
                strategy=edge["partitioning"],
                output=edge.get("output"),
                is_feedback=edge.get("is_feedback", False),
                is_keyed=edge["upstream"] in keyed,
                is_timed=edge["upstream"] in timed and step_id in readers,
                partitioner=edge.get("partitioner"),
            )
            for step_id, step in described.items()
            for edge in step["inputs"]
        )
        inputs: dict[str, list[Edge]] = {step_id: [] for step_id in described}
        outputs: dict[str, list[Edge]] = {step_id: [] for step_id in described}
        for edge in edges:
            inputs[edge.downstream].append(edge)
            outputs[edge.upstream].append(edge)
        steps: dict[str, Step] = {}
        for step_id, step in described.items():
            steps[step_id] = _step(step, _placement_of(step, steps, spread=spread))
        return cls(config["name"], config["config"], steps, edges, inputs, outputs, timed)


def _step(step: TransformationConfig, placement: Placement) -> Step:
    name = step["function_class"]
    return Step(
        id=step["id"],
        kind=step["kind"],
        parallelism=step["parallelism"],
        make=step["operator"],
        policy=ErrorPolicy.of(step),
        function=f"{step['function_module']}.{name}" if name else "",
        placement=placement,
        uid=step.get("uid"),
    )


def _placement_of(
    step: TransformationConfig, before: Mapping[str, Step], *, spread: bool
) -> Placement:
    if (given := step.get("placement")) is not None:
        return given
    if step["kind"] in (KIND_KEY_BY, KIND_ASSIGN_TIME) and len(step["inputs"]) == 1:
        # These only look at records, so they stay with the step that makes them.
        upstream = before.get(step["inputs"][0]["upstream"])
        if upstream is not None and upstream.parallelism == step["parallelism"]:
            return upstream.placement
    # A sink is there for its effect on this process: a copy of it elsewhere would lose that.
    if spread and step["parallelism"] > 1 and step["kind"] != KIND_SINK:
        return "process"
    return "kernel"


def _in_order(steps: list[TransformationConfig]) -> list[TransformationConfig]:
    """Sort topologically, feedback edges left out (Kahn 1962); stable."""
    by_id = {step["id"]: step for step in steps}
    waits_for = {
        step["id"]: {edge["upstream"] for edge in step["inputs"] if not edge.get("is_feedback")}
        for step in steps
    }
    followers: dict[str, list[str]] = {step_id: [] for step_id in by_id}
    for step_id, upstreams in waits_for.items():
        for upstream in upstreams:
            followers[upstream].append(step_id)
    missing = {step_id: len(upstreams) for step_id, upstreams in waits_for.items()}
    ordered = [step_id for step_id, count in missing.items() if not count]
    for step_id in ordered:  # grows while it is read
        for follower in followers[step_id]:
            missing[follower] -= 1
            if not missing[follower]:
                ordered.append(follower)
    return [by_id[step_id] for step_id in ordered]


def _steps_that_emit_keys(steps: list[TransformationConfig]) -> set[str]:
    """Find the steps whose records may have a key: after a keyby, until the end.

    A step that is run through ``process`` may give keys itself.
    """
    keyed: set[str] = set()
    changed = True
    while changed:  # more than once only because of feedback edges
        changed = False
        for step in steps:
            if step["id"] in keyed or step["kind"] == KIND_SOURCE:
                continue
            gives = step["kind"] == KIND_KEY_BY or step["kind"] not in _KEEPS_KEY
            if gives or any(edge["upstream"] in keyed for edge in step["inputs"]):
                keyed.add(step["id"])
                changed = True
    return keyed


def _steps_that_emit_times(steps: list[TransformationConfig]) -> frozenset[str]:
    """Find the steps whose records may have an event time: after one is assigned, until the end."""
    timed: set[str] = set()
    changed = True
    while changed:  # more than once only because of feedback edges
        changed = False
        for step in steps:
            gives = step["kind"] == KIND_ASSIGN_TIME
            if step["id"] not in timed and (
                gives or any(edge["upstream"] in timed for edge in step["inputs"])
            ):
                timed.add(step["id"])
                changed = True
    return frozenset(timed)


def _steps_that_want_times(steps: list[TransformationConfig]) -> set[str]:
    """Find the steps that read event times, or hand them on to one that does.

    Only to them a column of times is carried. A step that is run through ``process`` may read.
    """
    by_id = {step["id"]: step for step in steps}
    wanting = {step["id"] for step in steps if step["kind"] not in _READS_NO_TIME}
    waiting = list(wanting)
    while waiting:
        for edge in by_id[waiting.pop()]["inputs"]:
            upstream = edge["upstream"]
            # A step that assigns times anew does not look at the old ones.
            if upstream not in wanting and by_id[upstream]["kind"] != KIND_ASSIGN_TIME:
                wanting.add(upstream)
                waiting.append(upstream)
    return wanting
