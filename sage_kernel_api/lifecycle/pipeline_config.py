"""The description of a job that travels from the user's environment to a kernel.

Layer: lifecycle. Plain dictionaries, as in the seed, plus what the seed lacks: version, typed
edges, services and policies. `check_pipeline_config` is the door: kernels call it once, at
``submit_job``, and may rely on the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

from sage_kernel_api.context import RunnableFactory
from sage_kernel_api.values import Partitioner, PartitionStrategy, Payload

__all__ = [
    "PIPELINE_VERSION",
    "InputConfig",
    "OnError",
    "Placement",
    "PipelineConfig",
    "ServiceConfig",
    "StepPolicies",
    "TransformationConfig",
]

PIPELINE_VERSION: Final = 1

Placement: TypeAlias = Literal["process", "kernel"]
"""Where the instances of a step run: in processes of their own, or in the kernel's process."""

OnError: TypeAlias = Literal["fail", "skip", "dead_letter", "retry"]
"""What a record does whose step raised: fail the job; be counted and dropped; go to the step's
dead-letter output; be tried again, and fail the job when the tries are used up."""


class StepPolicies(TypedDict, total=False):
    """How a step treats failing records. A kernel without `ERROR_POLICIES` knows only ``fail``.

    Attributes:
        on_error: Default ``fail``.
        retries: Further calls under ``retry``; default 3.
        retry_delay_s: Wait before the first further call, doubled each time; default 0.1.
        after_retries: What ``retry`` does in the end: ``fail`` (default), ``skip`` or
            ``dead_letter``.
    """

    on_error: OnError
    retries: int
    retry_delay_s: float
    after_retries: Literal["fail", "skip", "dead_letter"]


class InputConfig(TypedDict):
    """One edge into a step.

    Attributes:
        upstream: Id of the step that feeds it.
        index: Which input of this step it feeds, from 0. Edges with equal index are merged.
        partitioning: How records spread over the instances of this step.
        partitioner: Chooses the instance; there exactly if *partitioning* is ``custom``.
        output: Side output of the upstream step; missing or None for the main one.
        is_feedback: True for an edge that closes a loop. Missing means False.
    """

    upstream: str
    index: int
    partitioning: PartitionStrategy
    partitioner: NotRequired[Partitioner]
    output: NotRequired[str | None]
    is_feedback: NotRequired[bool]


class TransformationConfig(TypedDict):
    """One step.

    Attributes:
        id: Unique in the pipeline; shown in errors and status.
        uid: The user's stable name for its state; missing or None if none was given.
        kind: As `Runnable.kind`; known before an instance exists, so that kernels can plan.
        operator: Makes the instances. Live object, used where it does not leave the process.
        function_class, function_module: Where the user's function is defined, for those who
            read the description; the empty string for functions without a name.
        operator_class, operator_module: The same for the operator.
        args, kwargs: Constructor arguments of the function.
        parallelism: Number of instances, at least 1.
        upstreams: Ids of the steps that feed it, in the order of `inputs`, without repetition.
        downstreams: Ids of the steps that it feeds, without repetition.
        inputs: Its edges; empty exactly for sources.
        policies: How it treats failing records.
        requires: Values of `Capability` that this step needs.
        placement: Where it runs; missing or None to leave that to the kernel.
    """

    id: str
    uid: NotRequired[str | None]
    kind: str
    operator: RunnableFactory
    function_class: str
    function_module: str
    operator_class: str
    operator_module: str
    args: tuple[Payload, ...]
    kwargs: Mapping[str, Payload]
    parallelism: int
    upstreams: list[str]
    downstreams: list[str]
    inputs: list[InputConfig]
    policies: NotRequired[StepPolicies]
    requires: NotRequired[list[str]]
    placement: NotRequired[Placement | None]


class ServiceConfig(TypedDict):
    """One service of a job, started before its first record and stopped after its last.

    Attributes:
        name: What callers say.
        factory: Class or callable that makes the instance.
        args, kwargs: Its arguments.
        workers: Calls that run at once, at least 1; missing means what `service_workers` says.
            A kernel that answers calls one after another may do so all the same.
        placement: ``process`` for a process of its own; missing or None means what
            `service_placement` says.
    """

    name: str
    factory: Callable[..., Any]
    args: NotRequired[tuple[Payload, ...]]
    kwargs: NotRequired[Mapping[str, Payload]]
    workers: NotRequired[int]
    placement: NotRequired[Placement | None]


class PipelineConfig(TypedDict):
    """One job: what `JobManager.submit_job` takes.

    Attributes:
        version: `PIPELINE_VERSION`.
        name: The environment's name.
        config: The environment's settings, read through ``context.get_config``.
        transformations: The steps; every upstream comes before its downstreams, but for
            feedback edges.
        services: Services of this job alone.
    """

    version: int
    name: str
    config: Mapping[str, Any]
    transformations: list[TransformationConfig]
    services: list[ServiceConfig]
