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
    "CheckpointConfig",
    "InputConfig",
    "OnError",
    "Placement",
    "PipelineConfig",
    "RestartConfig",
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


class CheckpointConfig(TypedDict):
    """How a job takes checkpoints; times in seconds.

    Attributes:
        interval_s: From the begin of one to the begin of the next.
        directory: Where they are kept: absolute. A job of the same name that is submitted with
            the same directory goes on where the last one is.
        timeout_s: A checkpoint that takes longer is given up on; default 60.
        retain: How many of the latest are kept, at least 1; default 1.
        min_pause_s: Least time between the end of one and the begin of the next; default 0.
        pickle_key: Secret of at least 16 bytes: values that the safe format does not know are
            pickled and signed with it. Missing: they are refused.
    """

    interval_s: float
    directory: str
    timeout_s: NotRequired[float]
    retain: NotRequired[int]
    min_pause_s: NotRequired[float]
    pickle_key: NotRequired[bytes]


class RestartConfig(TypedDict):
    """What happens when a job with checkpoints fails; times in seconds.

    Attributes:
        kind: ``none``: it stays failed. ``fixed_delay``: *attempts* restarts (default 3), each
            after *delay_s* (1). ``exponential``: after *initial_s* (1), then *factor* (2) times
            as long each time, at most *max_s* (60); from the beginning again after an attempt
            that ran for *reset_after_s* (3600); at most *attempts*, if given. ``failure_rate``:
            after *delay_s* (1), unless there were more than *failures* (3) within *interval_s*
            (300).
    """

    kind: Literal["none", "fixed_delay", "exponential", "failure_rate"]
    attempts: NotRequired[int]
    delay_s: NotRequired[float]
    initial_s: NotRequired[float]
    factor: NotRequired[float]
    max_s: NotRequired[float]
    reset_after_s: NotRequired[float]
    failures: NotRequired[int]
    interval_s: NotRequired[float]


class PipelineConfig(TypedDict):
    """One job: what `JobManager.submit_job` takes.

    Attributes:
        version: `PIPELINE_VERSION`.
        name: The environment's name.
        config: The environment's settings, read through ``context.get_config``.
        transformations: The steps; every upstream comes before its downstreams, but for
            feedback edges.
        services: Services of this job alone.
        checkpointing: How it takes checkpoints; missing for none.
        restart: What happens when it fails; missing means ``none``. Needs *checkpointing*.
        restore_from: Path of a savepoint to begin with.
        allow_dropped_state: State ids of steps that are gone, and whose state may go with them.
    """

    version: int
    name: str
    config: Mapping[str, Any]
    transformations: list[TransformationConfig]
    services: list[ServiceConfig]
    checkpointing: NotRequired[CheckpointConfig]
    restart: NotRequired[RestartConfig]
    restore_from: NotRequired[str]
    allow_dropped_state: NotRequired[list[str]]
