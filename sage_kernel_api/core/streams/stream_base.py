"""What all kinds of streams are made of: outlets of described steps, and how a step is added.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar, get_args

from sage_kernel_api.core.operators import BaseOperator
from sage_kernel_api.core.policies import ErrorPolicy, Policies
from sage_kernel_api.core.transformation import BaseTransformation, Edge, Outlet, StepOptions
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.values import PartitionStrategy, Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.environment.base_environment import BaseEnvironment
    from sage_kernel_api.core.streams.data_stream import DataStream, KeyedStream

__all__ = ["KeyStrategy", "StreamBase", "Value", "check_strategy", "step_options", "take_options"]

T_co = TypeVar("T_co", covariant=True)

KeyStrategy: TypeAlias = Literal["hash", "broadcast", "round_robin"]
"""How records spread after a keyby."""


class PlainValue(Protocol):
    """Every object but the instances of `BaseFunction`, to type checkers."""

    def __sizeof__(self) -> int:
        """Any object has this; functions deny it to type checkers."""
        ...


Value: TypeAlias = "PlainValue | type[Any] | None"
"""What a plain callable may return. A class of functions whose constructor happens to take one
record would otherwise pass as a callable that makes functions out of records."""


class StreamBase(Generic[T_co]):
    """One or several outlets of described steps, read as one stream."""

    def __init__(self, environment: BaseEnvironment[Any], outlets: tuple[Outlet, ...]) -> None:
        self._environment = environment
        self._outlets = outlets

    @property
    def environment(self) -> BaseEnvironment[Any]:
        """The environment that the stream belongs to."""
        return self._environment

    @property
    def transformation(self) -> BaseTransformation:
        """The described step that makes the records; of a union, the first one."""
        return self._outlets[0].transformation

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """Where the records come from."""
        return self._outlets

    def _add_step(
        self,
        operator_class: type[BaseOperator],
        function: Callable[..., Any],
        args: tuple[Payload, ...],
        kwargs: Mapping[str, Payload],
        options: StepOptions,
        settings: Mapping[str, Payload] | None = None,
    ) -> BaseTransformation:
        """Describe a step that this stream feeds."""
        step = BaseTransformation(
            self._environment,
            operator_class,
            function,
            args,
            kwargs,
            options=options,
            edges=tuple(Edge(outlet) for outlet in self._outlets),
            settings=settings,
        )
        return self._environment.add_transformation(step)

    def _derive(self, step: BaseTransformation) -> DataStream[Any]:
        from sage_kernel_api.core.streams.data_stream import DataStream

        return DataStream(self._environment, (Outlet(step),))

    def _derive_keyed(
        self, step: BaseTransformation, strategy: PartitionStrategy
    ) -> KeyedStream[Any, Any]:
        from sage_kernel_api.core.streams.data_stream import KeyedStream

        return KeyedStream(self._environment, (Outlet(step, partitioning=strategy),))


def step_options(
    name: str | None, uid: str | None, parallelism: int | None, on_error: ErrorPolicy | None
) -> StepOptions:
    """Gather what a user said about a step."""
    return StepOptions(name, uid, parallelism, Policies(on_error=on_error))


def take_options(kwargs: dict[str, Any]) -> StepOptions:
    """Take what a user said about a step out of *kwargs*; constructor arguments stay.

    They come mixed: in the language, named options cannot stand beside ``P.kwargs``.
    """
    return step_options(
        kwargs.pop("name", None),
        kwargs.pop("uid", None),
        kwargs.pop("parallelism", None),
        kwargs.pop("on_error", None),
    )


def check_strategy(strategy: KeyStrategy) -> KeyStrategy:
    """Return the strategy of a keyby.

    Raises:
        PipelineError: It is unknown.
    """
    if strategy not in get_args(KeyStrategy):
        raise PipelineError(
            f"keyby(strategy={strategy!r}) is unknown; it is one of "
            f"{', '.join(get_args(KeyStrategy))}."
        )
    return strategy
