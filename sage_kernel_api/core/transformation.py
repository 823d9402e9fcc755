"""A described step: what will run, with what, fed by whom. Describing runs nothing.

Layer: core.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sage_kernel_api.core.arguments import check_label
from sage_kernel_api.core.operators import (
    BaseOperator,
    MapOperator,
    OperatorFactory,
    is_function_class,
)
from sage_kernel_api.core.policies import Policies
from sage_kernel_api.lifecycle import Placement
from sage_kernel_api.runnable import KIND_ASSIGN_TIME, KIND_ASYNC_MAP, KIND_KEY_BY
from sage_kernel_api.values import Partitioner, PartitionStrategy, Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.environment.base_environment import BaseEnvironment

__all__ = ["BaseTransformation", "Edge", "FutureTransformation", "Outlet", "StepOptions"]


@dataclass(frozen=True, slots=True)
class Outlet:
    """One output of one step.

    Attributes:
        transformation: The step.
        output: Name of a side output; None for the main one.
        partitioning: How the next step's edge spreads records; None for the usual rule.
        partitioner: Chooses the receiver under the partitioning ``custom``; else None.
    """

    transformation: BaseTransformation
    output: str | None = None
    partitioning: PartitionStrategy | None = None
    partitioner: Partitioner | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge into a step: where from, into which of its inputs, closing a loop or not."""

    outlet: Outlet
    index: int = 0
    is_feedback: bool = False


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What a user may say about any step; None where nothing was said.

    Raises:
        PipelineError: *name* or *uid* is no text.
    """

    name: str | None = None
    uid: str | None = None
    parallelism: int | None = None
    policies: Policies = field(default_factory=Policies)
    placement: Placement | None = None

    def __post_init__(self) -> None:
        """Check what every later look at the pipeline relies on."""
        check_label(self.name, "name")
        check_label(self.uid, "uid")


class BaseTransformation:
    """One described step.

    Attributes:
        basename: Unique in its pipeline: the user's name, or one from the function.
        uid: The user's stable name for the step's state.
        function_class: The user's class or callable.
        function_args: Constructor arguments of the class.
        function_kwargs: The same, by name.
        operator_class: What runs it.
        edges: The edges into the step.
        policies: What the user said about failures and None results.
        placement: Where the user wants it to run; None for the kernel's choice.
        settings: Attributes that the operators get.
    """

    def __init__(
        self,
        environment: BaseEnvironment[Any],
        operator_class: type[BaseOperator],
        function: Callable[..., Any],
        args: tuple[Payload, ...] = (),
        kwargs: Mapping[str, Payload] | None = None,
        *,
        options: StepOptions | None = None,
        edges: tuple[Edge, ...] = (),
        settings: Mapping[str, Payload] | None = None,
    ) -> None:
        function, args, kwargs = _unwrap_partial(function, args, kwargs or {})
        options = options or StepOptions()
        self.environment: BaseEnvironment[Any] = environment
        self.operator_class: type[BaseOperator] = operator_class
        self.function_class: Callable[..., Any] = function
        self.function_args: tuple[Payload, ...] = args
        self.function_kwargs: dict[str, Payload] = kwargs
        self.edges: list[Edge] = list(edges)
        self.uid: str | None = options.uid
        self.policies: Policies = options.policies
        self.placement: Placement | None = options.placement
        self.settings: dict[str, Payload] = dict(settings or {})
        self.given_parallelism: int | None = options.parallelism
        self.basename: str = options.name or environment.free_name(_label(self))

    @property
    def kind(self) -> str:
        """As `Runnable.kind`."""
        return self.effective_operator_class.kind

    @property
    def parallelism(self) -> int:
        """Number of instances: as given; else, of a keyby, as before it; else the default."""
        if self.given_parallelism is not None:
            return self.given_parallelism
        if self.kind in (KIND_KEY_BY, KIND_ASSIGN_TIME) and len(self.edges) == 1:
            # These only look at records, so they stay with the step that makes them.
            return self.edges[0].outlet.transformation.parallelism
        return self.environment.parallelism

    @parallelism.setter
    def parallelism(self, parallelism: int) -> None:
        self.given_parallelism = parallelism

    @property
    def upstreams(self) -> list[BaseTransformation]:
        """The steps that feed it, in the order of its edges, without repetition."""
        return list(dict.fromkeys(edge.outlet.transformation for edge in self.edges))

    @property
    def downstreams(self) -> list[BaseTransformation]:
        """The steps that it feeds, in the order of the pipeline."""
        return [step for step in self.environment.pipeline if self in step.upstreams]

    @property
    def is_source(self) -> bool:
        """True for a step without inputs by design."""
        return self.kind == "source"

    @property
    def effective_policies(self) -> Policies:
        """The step's policies over those of the environment."""
        return self.policies.over(self.environment.policies)

    @property
    def effective_operator_class(self) -> type[BaseOperator]:
        """The operator class under the step's policies."""
        return self.operator_class.under(self.effective_policies)

    @property
    def operator_factory(self) -> OperatorFactory:
        """Makes the instances."""
        settings = dict(self.settings)
        if self.is_source:
            settings["source_error"] = self.effective_policies.source_error or "fail"
        if self.kind == KIND_ASYNC_MAP:
            # Its failures come later than its records, so it carries out the policies itself.
            settings["policies"] = self.effective_policies
        return OperatorFactory(
            self.effective_operator_class,
            self.function_class,
            self.function_args,
            tuple(self.function_kwargs.items()),
            tuple(settings.items()),
        )

    def __repr__(self) -> str:
        return f"<{self.kind} {self.basename!r} x{self.parallelism}>"


class FutureTransformation(BaseTransformation):
    """The begin of a loop: hands on what flows back to it."""

    def __init__(self, environment: BaseEnvironment[Any], name: str) -> None:
        super().__init__(environment, MapOperator, hand_on, options=StepOptions(name))


def hand_on(value: Payload) -> Payload:
    """Return *value*: what the step of a future stream does."""
    return value


def function_name(function: object) -> str:
    """Return the name of a class or callable; the empty string for a lambda."""
    name = getattr(function, "__qualname__", "") or ""
    return "" if "<lambda>" in name else name


def _label(step: BaseTransformation) -> str:
    if step.operator_class.kind == "source" and not is_function_class(step.function_class):
        return "source"
    name = function_name(step.function_class).rpartition(".")[2]
    return name or step.operator_class.kind


def _unwrap_partial(
    function: Callable[..., Any], args: tuple[Payload, ...], kwargs: Mapping[str, Payload]
) -> tuple[Callable[..., Any], tuple[Payload, ...], dict[str, Payload]]:
    # partial(Add, 1) stands for the class with its arguments, not for a callable on records.
    while isinstance(function, functools.partial) and is_function_class(function.func):
        args = (*function.args, *args)
        kwargs = {**function.keywords, **kwargs}
        function = function.func
    return function, args, dict(kwargs)
