"""From a function to the description of the one step that runs it.

Describes a pipeline as users do, and takes the step out of it: so every check of `submit` is made,
and no rule about functions is written twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sage_kernel_api.core.environment import LocalEnvironment
from sage_kernel_api.core.functions import (
    AsyncMapFunction,
    BaseJoinFunction,
    BatchFunction,
    BlockSourceFunction,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    ProcessFunction,
    ReduceFunction,
    SinkFunction,
    SourceFunction,
)
from sage_kernel_api.core.policies import ErrorPolicy, NoneResult, Policies
from sage_kernel_api.core.streams import KeyedStream
from sage_kernel_api.errors import InterfaceError, PipelineError
from sage_kernel_api.lifecycle import TransformationConfig, shorten_repr
from sage_kernel_api.values import Payload
from sage_kernel_mock.facade import MockKernelFacade

__all__ = ["Build", "Surroundings", "build_for", "describe_step"]

Build: TypeAlias = Callable[[LocalEnvironment[Any], KeyedStream[Any, Any]], object]
"""Adds one step to a pipeline that has a stream with keys."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a test says about the step beside its function. None: nothing was said."""

    name: str | None = None
    env_name: str = "harness"
    config: Mapping[str, Payload] = field(default_factory=dict)
    parallelism: int = 1
    parallel_index: int = 0
    on_error: ErrorPolicy | None = None
    none_result: NoneResult | None = None


def build_for(
    function: Callable[..., Any], args: tuple[Payload, ...], kwargs: Mapping[str, Payload]
) -> Build:
    """Return what adds the step for a class of functions.

    Raises:
        InterfaceError: *function* is no class of functions.
    """
    made: Any = function
    while isinstance(made, functools.partial):
        made = made.func
    if isinstance(made, type):
        for base, method in _METHODS.items():
            if issubclass(made, base):
                return lambda _, stream: getattr(stream, method)(function, *args, **kwargs)
        if issubclass(made, (SourceFunction, BatchFunction, BlockSourceFunction)):
            return lambda env, _: env.from_source(function, *args, **kwargs)
        if issubclass(made, BaseJoinFunction):
            return lambda _, stream: _connected(stream, 2).join(function, *args, **kwargs)
        if hasattr(made, "map0"):
            inputs = _inputs_of(made)
            return lambda _, stream: _connected(stream, inputs).comap(function, *args, **kwargs)
    raise InterfaceError(
        f"StepHarness takes a class of functions, not {shorten_repr(function)}. For a callable, "
        "say which step it is: StepHarness.map(f), .filter(f), .flatmap(f), .sink(f), ...; for any "
        "other step, describe it: StepHarness.of(lambda stream: stream.map(f))."
    )


def describe_step(
    build: Build, surroundings: Surroundings, kernel: MockKernelFacade
) -> TransformationConfig:
    """Return the checked description of the step that *build* adds.

    Raises:
        PipelineError: It is not valid, all problems are listed; or *build* added no step, or more
            than one.
        InterfaceError: The function lacks a method.
    """
    env: LocalEnvironment[Any] = LocalEnvironment(
        surroundings.env_name, surroundings.config, kernel=kernel
    )
    nothing: tuple[Payload, ...] = ()
    records = env.from_collection(nothing, name="(input)")
    # The test gives both, so that steps which need them are described as well as others.
    timed = records.assign_timestamps(_no_time, name="(time)")
    keyed = timed.keyby(_no_key, name="(key)")
    before = len(env.pipeline)
    build(env, keyed)
    added = env.pipeline[before:]
    if len(added) != 1:
        names = ", ".join(repr(step.basename) for step in added) or "none"
        raise PipelineError(f"A StepHarness is for one step; {len(added)} were described: {names}.")
    step = added[0]
    if surroundings.name is not None:
        step.basename = surroundings.name
    if surroundings.parallelism != 1:
        step.parallelism = surroundings.parallelism
    said = Policies(surroundings.on_error, surroundings.none_result)
    step.policies = said.over(step.policies)
    config = env.build_pipeline_config()
    return config["transformations"][before]


_METHODS: Final[dict[type[Any], str]] = {
    AsyncMapFunction: "map_async",
    MapFunction: "map",
    FilterFunction: "filter",
    FlatMapFunction: "flatmap",
    KeyByFunction: "keyby",
    ReduceFunction: "reduce",
    ProcessFunction: "process",
    SinkFunction: "sink",
}


def _no_key(_: Payload) -> None:
    """Stand in for a keyby: the test gives each record its key."""


def _no_time(_: Payload) -> float:
    """Stand in for `assign_timestamps`: the test gives each record its time."""
    return 0.0


def _inputs_of(function: type[Any]) -> int:
    inputs = 0
    while hasattr(function, f"map{inputs}"):
        inputs += 1
    return inputs


def _connected(stream: KeyedStream[Any, Any], inputs: int) -> Any:
    connected: Any = stream
    # An input of its own each, all fed by the same step: only their numbers matter here.
    for _ in range(max(inputs, 2) - 1):
        connected = connected.connect(stream)
    return connected
