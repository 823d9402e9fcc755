"""The steps that bring records into a pipeline.

Layer: core.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.functions import BatchFunction, BlockSourceFunction, SourceFunction
from sage_kernel_api.core.operators import (
    BaseOperator,
    BatchOperator,
    BlockSourceOperator,
    CollectionOperator,
    SourceOperator,
    is_function_class,
)
from sage_kernel_api.core.policies import Policies, SourceError
from sage_kernel_api.core.streams import DataStream, FutureStream
from sage_kernel_api.core.streams.stream_base import take_options
from sage_kernel_api.core.transformation import (
    BaseTransformation,
    FutureTransformation,
    Outlet,
    StepOptions,
)
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload, StopSignal

if TYPE_CHECKING:
    from sage_kernel_api.core.environment.base_environment import BaseEnvironment

__all__ = ["SourceSteps"]

P = ParamSpec("P")
T = TypeVar("T")


class SourceSteps:
    """The methods of an environment that begin a stream."""

    def from_collection(
        self,
        collection: Iterable[T],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[T]:
        """Begin with the items of a collection.

        Args:
            collection: Read when the job runs, by each run anew. Lists, tuples, ranges and strings
                are split over the parallel instances. A one-shot iterator serves one run and one
                instance.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.

        Raises:
            PipelineError: *collection* cannot be iterated.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection(range(3)).execute_and_collect()
            [0, 1, 2]
        """
        options = StepOptions(name, uid, parallelism)
        return self._begin_collection(collection, "from_collection", options)

    @overload
    def from_batch(
        self,
        source: Callable[..., BatchFunction[T]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_batch(
        self,
        source: Callable[..., BatchFunction[T]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_batch(
        self,
        source: Callable[..., BatchFunction[T]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_batch(
        self, source: Callable[P, BatchFunction[T]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[T]: ...
    @overload
    def from_batch(
        self,
        source: Iterable[T],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[T]: ...
    def from_batch(self, source: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin with bounded data: a class of `BatchFunction`, or anything to iterate over.

        A string is the sequence of its characters. See `from_collection`.

        Args:
            source: The class or the data.
            args: Constructor arguments of the class.
            kwargs: The same, by name; and ``name``, ``uid``, ``parallelism`` of the step.

        Raises:
            PipelineError: *source* is neither; or it is data, and there are constructor arguments.

        Example:
            >>> from sage_kernel_api import LocalEnvironment, RangeBatchIteratorFunction
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_batch(RangeBatchIteratorFunction, 0, 3).execute_and_collect()
            [0, 1, 2]
        """
        if callable(source) and not isinstance(source, Iterable):
            options = take_options(kwargs)
            return self._begin(_source_operator(source), source, args, kwargs, options)
        options = take_options(kwargs)
        if args or kwargs:
            raise PipelineError(
                "from_batch takes constructor arguments for a class of BatchFunction only, not for "
                f"the data {shorten_repr(source, 60)}."
            )
        return self._begin_collection(source, "from_batch", options)

    @overload
    def from_source(
        self,
        function: Callable[..., SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        delay: float = 0.0,
        source_error: SourceError | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[..., SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        delay: float = 0.0,
        source_error: SourceError | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[..., SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        delay: float = 0.0,
        source_error: SourceError | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[..., SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: Any,
        delay: float,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        source_error: SourceError | None = None,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[..., SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: Any,
        source_error: SourceError,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        delay: float = 0.0,
        **kwargs: Any,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[P, SourceFunction[T] | BatchFunction[T] | BlockSourceFunction[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DataStream[T]: ...
    @overload
    def from_source(
        self,
        function: Callable[[], T | StopSignal | None],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        delay: float = 0.0,
        source_error: SourceError | None = None,
    ) -> DataStream[T]: ...
    def from_source(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin with what a function returns, called again and again.

        Args:
            function: A class of `SourceFunction`, or a callable without arguments. It returns the
                next record, None for "nothing now", or a `StopSignal` to end. Or a class of
                `BlockSourceFunction`, which gives many records at once.
            args: Constructor arguments of the class.
            delay: Seconds between two records; 0 for as fast as it goes.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; each one calls a function of its own.
            source_error: What an exception of the function does.
            kwargs: Constructor arguments of the class, by name.

        Raises:
            PipelineError: *delay* is no number of seconds from 0.

        Example:
            >>> from sage_kernel_api import LocalEnvironment, StopSignal
            >>> numbers = iter([1, 2])
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_source(lambda: next(numbers, StopSignal())).execute_and_collect()
            [1, 2]
        """
        delay = kwargs.pop("delay", 0.0)
        if not isinstance(delay, (int, float)) or not 0 <= delay < math.inf:
            raise PipelineError(f"from_source(delay={delay!r}) needs a number of seconds from 0.")
        policies = Policies(source_error=kwargs.pop("source_error", None))
        options = replace(take_options(kwargs), policies=policies)
        settings = {"delay_s": float(delay)}
        operator_class = _source_operator(function)
        if operator_class is BlockSourceOperator:
            if delay:
                raise PipelineError(
                    f"from_source(delay={delay!r}) is for functions that give one record a call; "
                    "a BlockSourceFunction says itself when to ask again."
                )
            settings = {}
        return self._begin(operator_class, function, args, kwargs, options, settings)

    add_source = from_source

    @overload
    def from_future(self, name: str) -> FutureStream[Any]: ...
    @overload
    def from_future(self, name: str, of: type[T]) -> FutureStream[T]: ...
    def from_future(self, name: str, of: object = None) -> FutureStream[Any]:
        """Begin a loop: a stream that ``fill_future`` fills later.

        Args:
            name: Name of the step, unique in the pipeline.
            of: Type of the records, for type checkers.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment()
            >>> loop = env.from_future("again", int)
            >>> halved = env.from_collection([8]).union(loop).map(lambda x: x // 2)
            >>> halved.filter(lambda x: x > 1).fill_future(loop)
        """
        environment = cast("BaseEnvironment[Any]", self)
        step = FutureTransformation(environment, name)
        return FutureStream(environment, (Outlet(environment.add_transformation(step)),))

    def _begin_collection(
        self, collection: Iterable[T], method: str, options: StepOptions
    ) -> DataStream[T]:
        if not isinstance(collection, Iterable):
            raise PipelineError(
                f"{method} takes something to iterate over, not {shorten_repr(collection)}."
            )
        return self._begin(CollectionOperator, iter, (collection,), {}, options)

    def _begin(
        self,
        operator_class: type[BaseOperator],
        function: Callable[..., Any],
        args: tuple[Payload, ...],
        kwargs: dict[str, Payload],
        options: StepOptions,
        settings: dict[str, Payload] | None = None,
    ) -> DataStream[Any]:
        environment = cast("BaseEnvironment[Any]", self)
        step = BaseTransformation(
            environment,
            operator_class,
            function,
            args,
            kwargs,
            options=options,
            settings=settings,
        )
        return DataStream(environment, (Outlet(environment.add_transformation(step)),))


def _source_operator(function: Any) -> type[BaseOperator]:
    function = getattr(function, "func", function)
    if not is_function_class(function):
        return SourceOperator
    if issubclass(function, BlockSourceFunction):
        return BlockSourceOperator
    return BatchOperator if issubclass(function, BatchFunction) else SourceOperator
