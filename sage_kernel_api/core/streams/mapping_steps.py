"""Steps that turn records into records: map, filter, flatmap, process.

Layer: core. The overloads say to type checkers in turn: a plain callable (first, or lambdas
would lose their types); a class with options of the step (then its constructor arguments cannot be
checked, a limit of the language); a class with its constructor arguments checked. `Value` keeps a
class of the wrong element type from passing as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.functions import (
    FilterFunction,
    FlatMapFunction,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
)
from sage_kernel_api.core.operators import (
    FilterOperator,
    FlatMapOperator,
    MapOperator,
    ProcessOperator,
)
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import StreamBase, Value, take_options

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import DataStream

__all__ = ["MappingSteps"]

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V", bound=Value)
K = TypeVar("K")


class MappingSteps(StreamBase[T_co], Generic[T_co]):
    """The steps of a stream that turn records into records."""

    @overload
    def map(
        self,
        function: Callable[[T_co], V],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[V]: ...
    @overload
    def map(
        self,
        function: type[MapFunction[T_co, U]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def map(
        self,
        function: type[MapFunction[T_co, U]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def map(
        self,
        function: type[MapFunction[T_co, U]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def map(
        self,
        function: type[MapFunction[T_co, U]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def map(
        self, function: Callable[P, MapFunction[T_co, U]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[U]: ...

    def map(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Turn each record into one record.

        Args:
            function: A class (with its constructor arguments) or a callable.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection([1, 2]).map(lambda x: x * 10).execute_and_collect()
            [10, 20]
        """
        options = take_options(kwargs)
        step = self._add_step(MapOperator, function, args, kwargs, options)
        return self._derive(step)

    @overload
    def filter(
        self,
        function: Callable[[T_co], Value],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[T_co]: ...
    @overload
    def filter(
        self,
        function: type[FilterFunction[T_co]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def filter(
        self,
        function: type[FilterFunction[T_co]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def filter(
        self,
        function: type[FilterFunction[T_co]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def filter(
        self,
        function: type[FilterFunction[T_co]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def filter(
        self, function: Callable[P, FilterFunction[T_co]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[T_co]: ...

    def filter(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Let pass the records for which the function's result is true.

        Args:
            function: A class (with its constructor arguments) or a callable.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection([1, 2]).filter(lambda x: x > 1).execute_and_collect()
            [2]
        """
        options = take_options(kwargs)
        step = self._add_step(FilterOperator, function, args, kwargs, options)
        return self._derive(step)

    @overload
    def flatmap(
        self,
        function: Callable[[T_co], Iterable[U] | None],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U]: ...
    @overload
    def flatmap(
        self,
        function: type[FlatMapFunction[T_co, U]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def flatmap(
        self,
        function: type[FlatMapFunction[T_co, U]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def flatmap(
        self,
        function: type[FlatMapFunction[T_co, U]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def flatmap(
        self,
        function: type[FlatMapFunction[T_co, U]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def flatmap(
        self, function: Callable[P, FlatMapFunction[T_co, U]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[U]: ...

    def flatmap(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Turn each record into any number of records.

        Args:
            function: A class (with its constructor arguments) or a callable.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection(["to be"]).flatmap(str.split).execute_and_collect()
            ['to', 'be']
        """
        options = take_options(kwargs)
        step = self._add_step(FlatMapOperator, function, args, kwargs, options)
        return self._derive(step)

    flat_map = flatmap

    @overload
    def process(
        self,
        function: Callable[[T_co, ProcessOutput[U]], None],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U]: ...
    @overload
    def process(
        self,
        function: type[ProcessFunction[T_co, U]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def process(
        self,
        function: type[ProcessFunction[T_co, U]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def process(
        self,
        function: type[ProcessFunction[T_co, U]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def process(
        self,
        function: type[ProcessFunction[T_co, U]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...

    @overload
    def process(
        self, function: Callable[P, ProcessFunction[T_co, U]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[U]: ...

    def process(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Turn each record into any number of records, on any output.

        Args:
            function: A class (with its constructor arguments) or a callable.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> negated = env.from_collection([1]).process(lambda x, out: out.collect(-x))
            >>> negated.execute_and_collect()
            [-1]
        """
        options = take_options(kwargs)
        step = self._add_step(ProcessOperator, function, args, kwargs, options)
        return self._derive(step)
