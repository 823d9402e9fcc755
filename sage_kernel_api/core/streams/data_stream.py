"""The stream that users write with, and its keyed and its not-yet-filled kind.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, get_args, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.functions import OutputTag, PrintSink, ReduceFunction
from sage_kernel_api.core.operators import ReduceOperator, SinkOperator
from sage_kernel_api.core.policies import ErrorPolicy, NoneResult, Policies
from sage_kernel_api.core.streams.async_steps import AsyncSteps
from sage_kernel_api.core.streams.broadcast_stream import BroadcastConnectedStreams
from sage_kernel_api.core.streams.collecting import CollectingSteps
from sage_kernel_api.core.streams.connected_streams import ConnectedStreams, KeyedConnectedStreams
from sage_kernel_api.core.streams.connector_sinks import ConnectorSinks
from sage_kernel_api.core.streams.ending_steps import KeyingSteps, SinkSteps
from sage_kernel_api.core.streams.gathering_steps import GatheringSteps
from sage_kernel_api.core.streams.keyed_folds import KeyedFoldSteps
from sage_kernel_api.core.streams.mapping_steps import MappingSteps
from sage_kernel_api.core.streams.stream_base import step_options, take_options
from sage_kernel_api.core.streams.time_steps import TimeSteps
from sage_kernel_api.core.streams.windowed_stream import WindowedStream, window_settings
from sage_kernel_api.core.transformation import Edge, Outlet
from sage_kernel_api.core.windows import Trigger, WindowAssigner
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import Placement, shorten_repr
from sage_kernel_api.values import DEAD_LETTER_OUTPUT, DeadLetter, PartitionStrategy

__all__ = ["DataStream", "FutureStream", "KeyedStream"]

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K")
W = TypeVar("W")
P = ParamSpec("P")


class DataStream(
    MappingSteps[T_co],
    AsyncSteps[T_co],
    KeyingSteps[T_co],
    SinkSteps[T_co],
    TimeSteps[T_co],
    CollectingSteps[T_co],
    GatheringSteps[T_co],
    ConnectorSinks[T_co],
    Generic[T_co],
):
    """Records of type ``T``, described and not yet running.

    Every method describes one more step and returns the stream after it. A stream that is used
    twice feeds both steps, each with every record.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> env = LocalEnvironment(kernel="mock")
        >>> env.from_collection([1, 2, 3]).map(lambda x: x + 1).execute_and_collect()
        [2, 3, 4]
    """

    def print(
        self,
        prefix: str = "",
        separator: str = " | ",
        colored: bool = True,
        *,
        name: str | None = None,
        parallelism: int | None = None,
    ) -> Self:
        """Print each record to the standard output; returns the same stream."""
        options = step_options(name or None, None, parallelism, None)
        self._add_step(SinkOperator, PrintSink, (prefix, separator, colored), {}, options)
        return self

    def peek(self, function: Callable[[T_co], object], *, name: str | None = None) -> Self:
        """Show each record to *function* on a branch of its own; returns the same stream."""
        options = step_options(name, None, None, None)
        self._add_step(SinkOperator, function, (), {}, options)
        return self

    def union(self, *others: DataStream[T]) -> DataStream[T_co | T]:
        """Merge streams. Records of one stream keep their order; no step runs for it.

        Raises:
            PipelineError: A stream belongs to another environment.
        """
        outlets = list(self._outlets)
        for other in others:
            self._check_same_environment(other)
            outlets.extend(other.outlets)
        return DataStream(self._environment, tuple(outlets))

    def connect(self, other: DataStream[U]) -> ConnectedStreams[T_co, U]:
        """Put two streams side by side, as the inputs of one step to come.

        Raises:
            PipelineError: *other* belongs to another environment.
        """
        self._check_same_environment(other)
        return ConnectedStreams(self._environment, (self, other))

    def window_all(
        self,
        assigner: WindowAssigner[W],
        *,
        trigger: Trigger[T_co] | None = None,
        allowed_lateness_s: float = 0.0,
        late_output: OutputTag[T_co] | None = None,
    ) -> WindowedStream[None, T_co, W]:
        """Cut the whole stream into windows, in one instance; see `KeyedStream.window`.

        The key of its results is None.
        """
        settings = window_settings(assigner, allowed_lateness_s, (late_output,), trigger)
        keyed = self.keyby(one_key, name=self._environment.free_name("all"))
        return WindowedStream(keyed, settings, parallelism=1)

    if not TYPE_CHECKING:
        # Type checkers know no such method here; others are told what is missing.
        def reduce(self, *args: Any, **kwargs: Any) -> Any:
            """Refuse: a reduce needs keys.

            Raises:
                PipelineError: Always.
            """
            raise PipelineError(
                "reduce needs a stream with keys. Write stream.keyby(key).reduce(function)."
            )

    def get_side_output(self, tag: OutputTag[U]) -> DataStream[U]:
        """Return what the step before emits to the side output *tag*.

        Raises:
            PipelineError: *tag* is no `OutputTag` with a name of text.
        """
        _check_tag(tag)
        outlets = tuple(Outlet(outlet.transformation, tag.name) for outlet in self._outlets)
        return DataStream(self._environment, outlets)

    def dead_letters(self) -> DataStream[DeadLetter]:
        """Return the records that the step before gave up, under ``on_error="dead_letter"``."""
        return self.get_side_output(OutputTag[DeadLetter](DEAD_LETTER_OUTPUT))

    def rebalance(self) -> DataStream[T_co]:
        """Spread the records evenly over the instances of the next step."""
        return self._partitioned("round_robin")

    def broadcast(self) -> DataStream[T_co]:
        """Give every record to every instance of the next step."""
        return self._partitioned("broadcast")

    def partition_custom(self, partitioner: Callable[[T_co, int], int]) -> DataStream[T_co]:
        """Let a function choose which instance of the next step gets a record.

        Args:
            partitioner: Takes a record and the number *n* of instances, returns one of
                ``range(n)``. Anything else, and what it raises, is a failure of the step before.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> words = env.from_collection(["a", "bb", "ccc"])
            >>> by_length = words.partition_custom(lambda word, n: len(word) % n)
            >>> sorted(by_length.map(str.upper, parallelism=2).execute_and_collect())
            ['A', 'BB', 'CCC']
        """
        outlets = (
            Outlet(outlet.transformation, outlet.output, "custom", partitioner)
            for outlet in self._outlets
        )
        return DataStream(self._environment, tuple(outlets))

    def fill_future(self: DataStream[T], future_stream: FutureStream[T]) -> None:
        """Close a loop: the records of this stream flow into *future_stream*.

        Raises:
            PipelineError: It is filled already, belongs to another environment, or was not made by
                ``from_future``.
        """
        self._check_same_environment(future_stream)
        if not isinstance(future_stream, FutureStream):
            raise PipelineError(
                "fill_future takes a stream made by from_future(), not the one after "
                f"{future_stream.transformation.basename!r}."
            )
        future_stream._fill(self._outlets)

    def set_parallelism(self, parallelism: int) -> Self:
        """Set the number of instances of the step before; returns the same stream."""
        for outlet in self._outlets:
            outlet.transformation.parallelism = parallelism
        return self

    def set_placement(self, placement: Placement) -> Self:
        """Choose where the step before runs; returns the same stream.

        Args:
            placement: ``process`` for lanes in other processes, so that its Python code uses a
                core of its own; ``kernel`` to keep it in the kernel's process.

        Raises:
            PipelineError: There is no such placement.
        """
        if placement not in get_args(Placement):
            raise PipelineError(
                f"set_placement({placement!r}): it is one of {', '.join(get_args(Placement))}."
            )
        for outlet in self._outlets:
            outlet.transformation.placement = placement
        return self

    def set_policies(
        self, *, on_error: ErrorPolicy | None = None, none_result: NoneResult | None = None
    ) -> Self:
        """Set the policies of the step before; returns the same stream."""
        for outlet in self._outlets:
            step = outlet.transformation
            step.policies = Policies(on_error, none_result).over(step.policies)
        return self

    def _partitioned(self, partitioning: PartitionStrategy) -> DataStream[T_co]:
        outlets = (
            Outlet(outlet.transformation, outlet.output, partitioning) for outlet in self._outlets
        )
        return DataStream(self._environment, tuple(outlets))

    def _check_same_environment(self, other: DataStream[Any]) -> None:
        if not isinstance(other, DataStream):
            raise PipelineError(f"A stream is needed here, not {shorten_repr(other)}.")
        if other.environment is not self._environment:
            raise PipelineError(
                f"The stream after {other.transformation.basename!r} belongs to the environment "
                f"{other.environment.name!r}, this one to {self._environment.name!r}. Build one "
                "pipeline on one environment."
            )


class KeyedStream(KeyedFoldSteps[K, T_co], DataStream[T_co], Generic[K, T_co]):
    """Records of type ``T``, each with a key of type ``K``."""

    @overload
    def connect(self, other: KeyedStream[K, U]) -> KeyedConnectedStreams[K, T_co, U]: ...
    @overload
    def connect(self, other: DataStream[U]) -> ConnectedStreams[T_co, U]: ...
    def connect(self, other: DataStream[Any]) -> ConnectedStreams[Any, Any]:
        """Put two streams side by side. Two streams with keys of one type can be joined.

        Raises:
            PipelineError: *other* belongs to another environment.
        """
        self._check_same_environment(other)
        if isinstance(other, KeyedStream):
            return KeyedConnectedStreams(self._environment, (self, other))
        return ConnectedStreams(self._environment, (self, other))

    @overload
    def reduce(
        self,
        function: Callable[[T_co, T_co], T_co],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[T_co]: ...
    @overload
    def reduce(
        self,
        function: type[ReduceFunction[T_co]],
        *args: Any,
        name: str,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def reduce(
        self,
        function: type[ReduceFunction[T_co]],
        *args: Any,
        uid: str,
        name: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def reduce(
        self,
        function: type[ReduceFunction[T_co]],
        *args: Any,
        parallelism: int,
        name: str | None = None,
        uid: str | None = None,
        on_error: ErrorPolicy | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def reduce(
        self,
        function: type[ReduceFunction[T_co]],
        *args: Any,
        on_error: ErrorPolicy,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        **kwargs: Any,
    ) -> DataStream[T_co]: ...

    @overload
    def reduce(
        self, function: Callable[P, ReduceFunction[T_co]], *args: P.args, **kwargs: P.kwargs
    ) -> DataStream[T_co]: ...
    def reduce(
        self,
        function: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Fold the records of each key, and emit the folded value at each record.

        Args:
            function: ``(accumulated, record) -> accumulated``, or a `ReduceFunction` class. The
                first record of a key is its first accumulated value.
            args: Constructor arguments of the class.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
            kwargs: Constructor arguments of the class, by name.
        """
        options = take_options(kwargs)
        return self._derive(self._add_step(ReduceOperator, function, args, kwargs, options))

    def connect_broadcast(self, other: DataStream[U]) -> BroadcastConnectedStreams[K, T_co, U]:
        """Put a stream beside this one whose records reach every instance of the step to come.

        Raises:
            PipelineError: *other* belongs to another environment.
        """
        self._check_same_environment(other)
        return BroadcastConnectedStreams(self, other)

    def window(
        self,
        assigner: WindowAssigner[W],
        *,
        trigger: Trigger[T_co] | None = None,
        allowed_lateness_s: float = 0.0,
        late_output: OutputTag[T_co] | None = None,
    ) -> WindowedStream[K, T_co, W]:
        """Cut the records of each key into windows.

        Args:
            assigner: Which windows there are: `TumblingTimeWindows`, `SlidingTimeWindows`,
                `SessionWindows`, `TumblingCountWindows`, `SlidingCountWindows`, `GlobalWindows`.
            trigger: When results come out, for windows of time; by default at a window's end.
            allowed_lateness_s: Seconds of event time after its end in which a window still takes
                records. Each of them brings the window's result out once more.
            late_output: Side output of the step to come for records that no window takes any
                more; read it with ``get_side_output``. None: they are counted, reported in the log
                and dropped.

        Raises:
            PipelineError: Something has a wrong type, or does not go together.
            ConfigurationError: The lateness is no duration.

        Example:
            >>> from sage_kernel_api import LocalEnvironment, SessionWindows
            >>> env = LocalEnvironment(kernel="mock")
            >>> hits = env.from_collection([("ann", 1), ("ann", 3), ("ann", 60)])
            >>> visits = hits.assign_timestamps(lambda hit: hit[1]).keyby(lambda hit: hit[0])
            >>> longest = visits.window(SessionWindows(gap_s=30)).process(
            ...     lambda user, window, hits: [(user, len(hits))]
            ... )
            >>> longest.execute_and_collect()
            [('ann', 2), ('ann', 1)]
        """
        settings = window_settings(assigner, allowed_lateness_s, (late_output,), trigger)
        return WindowedStream(self, settings, parallelism=None)


class FutureStream(DataStream[T], Generic[T]):
    """A stream that is described before what flows in it: the begin of a loop."""

    def _fill(self, outlets: tuple[Outlet, ...]) -> None:
        step = self.transformation
        if step.edges:
            raise PipelineError(
                f"The future stream {step.basename!r} is filled already; merge the streams with "
                "union() and fill it once."
            )
        step.edges = [Edge(outlet, is_feedback=True) for outlet in outlets]


def one_key(value: object) -> None:
    """Return None: the key of all records that are windowed together."""


def _check_tag(tag: object) -> None:
    if not isinstance(tag, OutputTag) or not isinstance(tag.name, str):
        raise PipelineError(
            f'get_side_output takes an OutputTag, as in OutputTag[int]("late"), not '
            f"{shorten_repr(tag)}."
        )
