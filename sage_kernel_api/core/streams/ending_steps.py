"""Steps that end a branch, and steps that give records a key.

Layer: core. The overloads say to type checkers in turn: a plain callable (first, or lambdas
would lose their types); a class with options of the step (then its constructor arguments cannot be
checked, a limit of the language); a class with its constructor arguments checked. `Value` keeps a
class of the wrong element type from passing as a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.functions import (
    KeyByFunction,
    SinkFunction,
    TransactionalSinkFunction,
)
from sage_kernel_api.core.operators import (
    BaseOperator,
    KeyByOperator,
    SinkOperator,
    TransactionalSinkOperator,
    is_function_class,
)
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import (
    KeyStrategy,
    StreamBase,
    Value,
    check_strategy,
    take_options,
)

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import KeyedStream

__all__ = ["KeyingSteps", "SinkSteps"]

P = ParamSpec("P")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V", bound=Value)
K = TypeVar("K")


class SinkSteps(StreamBase[T_co], Generic[T_co]):
    """The steps that end a branch."""

    @overload
    def sink(
        self,
        function: Callable[[T_co], Value],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> Self: ...
    @overload
    def sink(
        self,
        function: type[SinkFunction[T_co]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> Self: ...

    @overload
    def sink(
        self,
        function: type[SinkFunction[T_co]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> Self: ...

    @overload
    def sink(
        self,
        function: type[SinkFunction[T_co]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> Self: ...

    @overload
    def sink(
        self,
        function: type[SinkFunction[T_co]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> Self: ...

    @overload
    def sink(
        self, function: Callable[P, SinkFunction[T_co]], *args: P.args, **kwargs: P.kwargs
    ) -> Self: ...

    def sink(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Hand each record to a sink. Returns the same stream, so that a chain may go on.

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
            >>> rows = []
            >>> with LocalEnvironment(kernel="mock") as env:
            ...     stream = env.from_collection([1, 2]).sink(rows.append)
            ...     _ = env.submit(autostop=True)
            >>> rows
            [1, 2]
        """
        options = take_options(kwargs)
        self._add_step(_sink_operator(function), function, args, kwargs, options)
        return self


class KeyingSteps(StreamBase[T_co], Generic[T_co]):
    """The steps that give records a key."""

    @overload
    def keyby(
        self,
        function: Callable[[T_co], V],
        *,
        strategy: KeyStrategy = "hash",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[V, T_co]: ...
    @overload
    def keyby(
        self,
        function: type[KeyByFunction[T_co, K]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        strategy: KeyStrategy = "hash",
        **kwargs: Any,
    ) -> KeyedStream[K, T_co]: ...

    @overload
    def keyby(
        self,
        function: type[KeyByFunction[T_co, K]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        strategy: KeyStrategy = "hash",
        **kwargs: Any,
    ) -> KeyedStream[K, T_co]: ...

    @overload
    def keyby(
        self,
        function: type[KeyByFunction[T_co, K]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        strategy: KeyStrategy = "hash",
        **kwargs: Any,
    ) -> KeyedStream[K, T_co]: ...

    @overload
    def keyby(
        self,
        function: type[KeyByFunction[T_co, K]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        strategy: KeyStrategy = "hash",
        **kwargs: Any,
    ) -> KeyedStream[K, T_co]: ...

    @overload
    def keyby(
        self,
        function: type[KeyByFunction[T_co, K]],
        *args: Any,
        strategy: KeyStrategy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> KeyedStream[K, T_co]: ...

    @overload
    def keyby(
        self, function: Callable[P, KeyByFunction[T_co, K]], *args: P.args, **kwargs: P.kwargs
    ) -> KeyedStream[K, T_co]: ...

    def keyby(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Give each record a key; equal keys meet at one instance of the next step.

        Args:
            function: A class (with its constructor arguments) or a callable.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            strategy: How records spread over the instances of the next step: ``hash`` by key,
                ``broadcast`` all to all, ``round_robin`` one after the other.
            kwargs: Constructor arguments of the class, by name.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> words = env.from_collection(["a", "b", "a"]).map(lambda w: (w, 1))
            >>> counts = words.keyby(lambda pair: pair[0]).reduce(lambda a, b: (a[0], a[1] + b[1]))
            >>> counts.execute_and_collect()
            [('a', 1), ('b', 1), ('a', 2)]
        """
        strategy = check_strategy(kwargs.pop("strategy", "hash"))
        options = take_options(kwargs)
        step = self._add_step(KeyByOperator, function, args, kwargs, options)
        return self._derive_keyed(step, strategy)

    key_by = keyby


def _sink_operator(function: Any) -> type[BaseOperator]:
    function = getattr(function, "func", function)
    is_transactional = is_function_class(function) and issubclass(
        function, TransactionalSinkFunction
    )
    return TransactionalSinkOperator if is_transactional else SinkOperator
