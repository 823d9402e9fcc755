"""Several streams side by side, as the inputs of one step.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from typing_extensions import ParamSpec, TypeVarTuple

from sage_kernel_api.core.functions import BaseJoinFunction, CoMap2, CoMap3, CoMap4, OutputTag
from sage_kernel_api.core.operators import BaseOperator, CoMapOperator, JoinOperator
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.comap_check import check_comap
from sage_kernel_api.core.streams.stream_base import (
    KeyStrategy,
    Value,
    step_options,
    take_options,
)
from sage_kernel_api.core.streams.time_joins import (
    WindowedJoin,
    add_asof_join,
    add_interval_join,
    windowed_join,
)
from sage_kernel_api.core.transformation import BaseTransformation, Edge, Outlet, StepOptions
from sage_kernel_api.core.windows import WindowAssigner
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.environment.base_environment import BaseEnvironment
    from sage_kernel_api.core.streams.data_stream import DataStream, KeyedStream

__all__ = ["ConnectedStreams", "KeyedConnectedStreams"]

Ts = TypeVarTuple("Ts")
P = ParamSpec("P")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")
X = TypeVar("X")
K = TypeVar("K")
V_out = TypeVar("V_out", bound=Value)


class ConnectedStreams(Generic[*Ts]):
    """Two or more streams whose records reach one step at inputs 0, 1, and so on."""

    def __init__(
        self, environment: BaseEnvironment[Any], streams: tuple[DataStream[Any], ...]
    ) -> None:
        self._environment = environment
        self._streams = streams

    @property
    def environment(self) -> BaseEnvironment[Any]:
        """The environment that the streams belong to."""
        return self._environment

    @property
    def streams(self) -> tuple[DataStream[Any], ...]:
        """The streams, in the order of their inputs."""
        return self._streams

    @property
    def transformation(self) -> BaseTransformation:
        """The described step of the first stream."""
        return self._streams[0].transformation

    @overload
    def connect(self, other: DataStream[U]) -> ConnectedStreams[*Ts, U]: ...
    @overload
    def connect(
        self, other: ConnectedStreams[*tuple[Any, ...]]
    ) -> ConnectedStreams[Any, Any, Any, Any]: ...
    def connect(self, other: Any) -> Any:
        """Put one more stream, or several, beside these.

        Raises:
            PipelineError: *other* belongs to another environment.
        """
        more = other.streams if isinstance(other, ConnectedStreams) else (other,)
        for stream in more:
            self._streams[0]._check_same_environment(stream)
        return ConnectedStreams(self._environment, (*self._streams, *more))

    @overload
    def union(self: ConnectedStreams[A, B]) -> DataStream[A | B]: ...
    @overload
    def union(self: ConnectedStreams[A, B, C]) -> DataStream[A | B | C]: ...
    @overload
    def union(self: ConnectedStreams[A, B, C, D]) -> DataStream[A | B | C | D]: ...
    @overload
    def union(self) -> DataStream[Any]: ...
    def union(self) -> DataStream[Any]:
        """Merge the streams into one."""
        return self._streams[0].union(*self._streams[1:])

    def map(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> DataStream[Any]:
        """Map the records of all inputs alike; see `DataStream.map`. Typed: ``union().map``."""
        return self.union().map(function, *args, **kwargs)

    def sink(
        self, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> ConnectedStreams[*Ts]:
        """Hand the records of all inputs to one sink; returns the same streams."""
        self.union().sink(function, *args, **kwargs)
        return self

    def print(
        self, prefix: str = "", separator: str = " | ", colored: bool = True
    ) -> ConnectedStreams[*Ts]:
        """Print the records of all inputs; returns the same streams."""
        self.union().print(prefix, separator, colored)
        return self

    @overload
    def keyby(
        self: ConnectedStreams[A, B], selector: Callable[[A | B], K], strategy: KeyStrategy = "hash"
    ) -> KeyedConnectedStreams[K, A, B]: ...
    @overload
    def keyby(
        self: ConnectedStreams[A, B],
        selector: Sequence[Callable[..., Any]],
        strategy: KeyStrategy = "hash",
    ) -> KeyedConnectedStreams[Any, A, B]: ...
    @overload
    def keyby(
        self: ConnectedStreams[A, B, C],
        selector: Callable[[A | B | C], Any] | Sequence[Callable[..., Any]],
        strategy: KeyStrategy = "hash",
    ) -> ConnectedStreams[A, B, C]: ...
    def keyby(self, selector: Any, strategy: KeyStrategy = "hash") -> Any:
        """Give the records of every input a key.

        Args:
            selector: One class or callable for all inputs, or a sequence with one for each.
            strategy: As in `DataStream.keyby`.

        Raises:
            PipelineError: There are fewer or more selectors than inputs.
        """
        selectors: list[Any] = (
            [selector] * len(self._streams)
            if callable(selector) or not isinstance(selector, Sequence)
            else list(selector)
        )
        if len(selectors) != len(self._streams):
            raise PipelineError(
                f"keyby got {len(selectors)} selectors for {len(self._streams)} connected streams; "
                "give one for all, or one for each."
            )
        keyed = tuple(
            cast(Any, stream).keyby(each, strategy=strategy)
            for stream, each in zip(self._streams, selectors, strict=True)
        )
        return KeyedConnectedStreams(self._environment, keyed)

    key_by = keyby

    if not TYPE_CHECKING:
        # Type checkers know no such method here; others are told what is missing.
        def join(self, *args: Any, **kwargs: Any) -> Any:
            """Refuse: a join needs keys.

            Raises:
                PipelineError: Always.
            """
            raise PipelineError(
                f"join needs two streams with keys, not {len(self._streams)} connected ones of "
                "which some have none. Write left.keyby(key).connect(right.keyby(key)).join(...)."
            )

    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function: type[CoMap2[A, B, U, V]],
        /,
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function: type[CoMap2[A, B, U, V]],
        /,
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function: type[CoMap2[A, B, U, V]],
        /,
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function: type[CoMap2[A, B, U, V]],
        /,
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function: type[CoMap3[A, B, C, U, V, W]],
        /,
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function: type[CoMap3[A, B, C, U, V, W]],
        /,
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function: type[CoMap3[A, B, C, U, V, W]],
        /,
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function: type[CoMap3[A, B, C, U, V, W]],
        /,
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function: type[CoMap4[A, B, C, D, U, V, W, X]],
        /,
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W | X]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function: type[CoMap4[A, B, C, D, U, V, W, X]],
        /,
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W | X]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function: type[CoMap4[A, B, C, D, U, V, W, X]],
        /,
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W | X]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function: type[CoMap4[A, B, C, D, U, V, W, X]],
        /,
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U | V | W | X]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function0: Callable[[A], U],
        function1: Callable[[B], V],
        /,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function0: Callable[[A], U],
        function1: Callable[[B], V],
        function2: Callable[[C], W],
        /,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function0: Callable[[A], U],
        function1: Callable[[B], V],
        function2: Callable[[C], W],
        function3: Callable[[D], X],
        /,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U | V | W | X]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B],
        function: Callable[P, CoMap2[A, B, U, V]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DataStream[U | V]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C],
        function: Callable[P, CoMap3[A, B, C, U, V, W]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DataStream[U | V | W]: ...
    @overload
    def comap(
        self: ConnectedStreams[A, B, C, D],
        function: Callable[P, CoMap4[A, B, C, D, U, V, W, X]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> DataStream[U | V | W | X]: ...

    def comap(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Map the records of each input by a function of its own.

        Args:
            function: A class with ``map0``, ``map1``, ...; or the callable for input 0.
            args: Constructor arguments of the class; or the callables for the other inputs.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Raises:
            InterfaceError: A ``mapN`` or a callable is missing; nothing was added.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> numbers, words = env.from_collection([1]), env.from_collection(["a"])
            >>> sorted(numbers.connect(words).comap(str, str.upper).execute_and_collect())
            ['1', 'A']
        """
        check_comap(function, args, len(self._streams))
        options = take_options(kwargs)
        return self._add_step(CoMapOperator, function, args, kwargs, options)

    def _add_step(
        self,
        operator_class: Any,
        function: Callable[..., Any],
        args: tuple[Payload, ...],
        kwargs: dict[str, Payload],
        options: StepOptions,
        settings: dict[str, Payload] | None = None,
    ) -> DataStream[Any]:
        from sage_kernel_api.core.streams.data_stream import DataStream

        edges = tuple(
            Edge(outlet, index)
            for index, stream in enumerate(self._streams)
            for outlet in stream.outlets
        )
        step = BaseTransformation(
            self._environment,
            operator_class,
            function,
            args,
            kwargs,
            options=options,
            edges=edges,
            settings=settings,
        )
        return DataStream(self._environment, (Outlet(self._environment.add_transformation(step)),))


class KeyedConnectedStreams(ConnectedStreams[A, B], Generic[K, A, B]):
    """Two streams side by side whose records have keys of one type."""

    @overload
    def join(
        self,
        function: type[BaseJoinFunction[K, A, B, U]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...
    @overload
    def join(
        self,
        function: type[BaseJoinFunction[K, A, B, U]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...
    @overload
    def join(
        self,
        function: type[BaseJoinFunction[K, A, B, U]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...
    @overload
    def join(
        self,
        function: type[BaseJoinFunction[K, A, B, U]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[U]: ...
    @overload
    def join(
        self, function: Callable[P, BaseJoinFunction[K, A, B, U]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[U]: ...
    def join(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Let the records of both inputs meet under their keys.

        Args:
            function: A class of `BaseJoinFunction`.
            args: Its constructor arguments.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.

        Raises:
            PipelineError: There are not exactly two inputs.
        """
        self._check_two("join")
        options = take_options(kwargs)
        return self._add_step(JoinOperator, function, args, kwargs, options)

    def window(
        self,
        assigner: WindowAssigner[Any],
        *,
        allowed_lateness_s: float = 0.0,
        late_left: OutputTag[A] | None = None,
        late_right: OutputTag[B] | None = None,
    ) -> WindowedJoin[K, A, B]:
        """Cut both streams into the same windows, to join what is in one.

        Args:
            assigner: Windows of event time; sessions are those of both streams together.
            allowed_lateness_s: As in `KeyedStream.window`.
            late_left: Side output of the join for late records of the first stream.
            late_right: The same for the second one.

        Raises:
            PipelineError: There are not two inputs, or something has a wrong type.
        """
        self._check_two("window")
        return windowed_join(self, assigner, allowed_lateness_s, (late_left, late_right))

    def interval_join(
        self,
        function: Callable[[A, B], V_out],
        *,
        lower_s: float,
        upper_s: float,
        late_left: OutputTag[A] | None = None,
        late_right: OutputTag[B] | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V_out]:
        """Pair records of one key whose event times are not too far apart.

        A pair belongs together if the right record's time is from the left one's plus *lower_s* to
        the left one's plus *upper_s*, both included. Its result keeps the key and has the later of
        both times.

        Args:
            function: Makes a result of a left and a right record.
            lower_s: Least time from the left record to the right one, in seconds; may be negative.
            upper_s: Greatest such time.
            late_left: Side output for late records of the first stream; None: they are counted,
                reported in the log and dropped.
            late_right: The same for the second one.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.

        Raises:
            PipelineError: The interval is empty, or there are not two inputs.
            ConfigurationError: A bound is no number.
        """
        self._check_two("interval_join")
        options = step_options(name, uid, parallelism, on_error)
        late = (late_left, late_right)
        return add_interval_join(self, function, (lower_s, upper_s), late, options)

    def asof_join(
        self,
        function: Callable[[A, B | None], V_out],
        *,
        tolerance_s: float | None = None,
        late_left: OutputTag[A] | None = None,
        late_right: OutputTag[B] | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V_out]:
        """Pair each record of the first stream with the latest one of the second, as of its time.

        A result comes out once event time has reached the left record, keeps its key and has its
        time. Of right records at one time, the last to arrive counts.

        Args:
            function: Makes a result of a left record and what was valid at its time; None if
                nothing was.
            tolerance_s: Age from which a right record is valid no longer, in seconds: older ones
                do not count. None: any age will do.
            late_left: Side output for late records of the first stream; None: they are counted,
                reported in the log and dropped.
            late_right: The same for the second one.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.

        Raises:
            PipelineError: There are not two inputs, or a tag is none.
            ConfigurationError: The tolerance is no duration.
        """
        self._check_two("asof_join")
        options = step_options(name, uid, parallelism, on_error)
        return add_asof_join(self, function, tolerance_s, (late_left, late_right), options)

    def add_keyed_step(
        self,
        operator_class: type[BaseOperator],
        function: Callable[..., Any],
        options: StepOptions,
        settings: dict[str, Payload],
    ) -> KeyedStream[K, Any]:
        """Describe a step that both streams feed and whose results keep their keys."""
        stream = self._add_step(operator_class, function, (), {}, options, settings)
        return stream._derive_keyed(stream.transformation, "hash")

    def _check_two(self, what: str) -> None:
        if len(self._streams) != 2:
            raise PipelineError(f"{what} takes two keyed streams, not {len(self._streams)}.")
