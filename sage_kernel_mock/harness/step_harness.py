"""`StepHarness`: push records into one step, look at what comes out.

What a harness is made from, and what type checkers know of it, stands here; what a test does with
it, and sees of it, in `step_acts` and `step_views`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Never, TypeVar, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.environment import LocalEnvironment
from sage_kernel_api.core.functions import (
    AsyncMapFunction,
    BaseJoinFunction,
    BatchFunction,
    BlockSourceFunction,
    CoMap2,
    CoMap3,
    CoMap4,
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    ReduceFunction,
    SinkFunction,
    SourceFunction,
)
from sage_kernel_api.core.streams import DataStream, KeyedStream
from sage_kernel_api.values import StopSignal
from sage_kernel_mock.harness.description import Build, build_for
from sage_kernel_mock.harness.step_acts import StepActs
from sage_kernel_mock.harness.step_views import StepViews

__all__ = ["StepHarness"]

P = ParamSpec("P")
I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
# Those of `__init__` must not be those of the class: they say what the class's will be.
T = TypeVar("T")
K = TypeVar("K")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")
X = TypeVar("X")


class StepHarness(StepActs[I, O], StepViews[I, O], Generic[I, O]):
    """One step of type ``I`` to ``O``, run inline on a mock kernel of its own.

    Made from a class of functions and its constructor arguments; from a callable by `map`,
    `filter` and the like; from any other step by `of`. The function is made, opened and closed as
    a kernel does it: opened before the first record, closed by `close` or the ``with`` block.

    What the function raises comes out of `push` as it was raised, and the harness may be used on.
    Policies that a test sets with `configure` (``on_error="skip"``) act as on any kernel.

    Example:
        >>> from sage_kernel_api import MapFunction, ValueState
        >>> class Count(MapFunction[str, int]):
        ...     seen = ValueState(0)
        ...     def execute(self, data: str) -> int:
        ...         self.seen.set(self.seen.get() + 1)
        ...         return self.seen.get()
        >>> with StepHarness(Count) as step:
        ...     step.push("x", key="a")
        ...     step.push("y", key="b")
        ...     step.push("z", key="a")
        ...     step.outputs
        [1, 1, 2]
    """

    @overload
    def __init__(
        self: StepHarness[A, B],
        function: Callable[P, MapFunction[A, B]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A, B],
        function: Callable[P, AsyncMapFunction[A, B]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[T, T],
        function: Callable[P, FilterFunction[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A, B],
        function: Callable[P, FlatMapFunction[A, B]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[T, T],
        function: Callable[P, KeyByFunction[T, K]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[T, T],
        function: Callable[P, ReduceFunction[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A, B],
        function: Callable[P, ProcessFunction[A, B]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A, Never],
        function: Callable[P, SinkFunction[A]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[Never, B],
        function: Callable[P, SourceFunction[B] | BatchFunction[B] | BlockSourceFunction[B]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A | B, U],
        function: Callable[P, BaseJoinFunction[K, A, B, U]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A | B | C | D, U | V | W | X],
        function: Callable[P, CoMap4[A, B, C, D, U, V, W, X]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A | B | C, U | V | W],
        function: Callable[P, CoMap3[A, B, C, U, V, W]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def __init__(
        self: StepHarness[A | B, U | V],
        function: Callable[P, CoMap2[A, B, U, V]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._prepare(build_for(function, args, kwargs))

    # --- from callables, and from any step -----------------------------------------------------

    @classmethod
    def of(cls, build: Callable[[KeyedStream[Any, I]], DataStream[O]]) -> StepHarness[I, O]:
        """Make a harness for a step that is described as in a pipeline, with all its options.

        Args:
            build: Takes a stream with keys and adds one step. Type checkers want to know the
                records: ``StepHarness[int, str].of(lambda stream: stream.map(str))``.

        Example:
            >>> step = StepHarness[int, int].of(lambda stream: stream.reduce(max))
            >>> step.push_all([1, 3, 2])
            >>> step.outputs
            [1, 3, 3]
        """
        return cls._from(lambda _, stream: build(stream))

    @classmethod
    def of_source(
        cls, build: Callable[[LocalEnvironment[Any]], DataStream[O]]
    ) -> StepHarness[Never, O]:
        """Make a harness for a source that is described as in a pipeline.

        Args:
            build: Begins one stream: ``StepHarness.of_source(lambda env: env.from_text_file(p))``.
        """
        return cls._from(lambda env, _: build(env))

    @classmethod
    def map(cls, function: Callable[[I], O]) -> StepHarness[I, O]:
        """Make a harness for ``stream.map(function)``.

        Example:
            >>> step = StepHarness.map(str.upper)
            >>> step.push("a")
            >>> step.outputs
            ['A']
        """
        return cls._from(lambda _, stream: stream.map(function))

    @classmethod
    def filter(cls, function: Callable[[I], object]) -> StepHarness[I, I]:
        """Make a harness for ``stream.filter(function)``."""
        return cls._from(lambda _, stream: stream.filter(function))

    @classmethod
    def flatmap(cls, function: Callable[[I], Iterable[O] | None]) -> StepHarness[I, O]:
        """Make a harness for ``stream.flatmap(function)``."""
        return cls._from(lambda _, stream: stream.flatmap(function))

    @classmethod
    def keyby(cls, function: Callable[[I], object]) -> StepHarness[I, I]:
        """Make a harness for ``stream.keyby(function)``; see `keyed_outputs`."""
        return cls._from(lambda _, stream: stream.keyby(function))

    @classmethod
    def reduce(cls, function: Callable[[I, I], I]) -> StepHarness[I, I]:
        """Make a harness for ``stream.reduce(function)`` on a stream with keys."""
        return cls._from(lambda _, stream: stream.reduce(function))

    @classmethod
    def process(cls, function: Callable[[I, ProcessOutput[O]], None]) -> StepHarness[I, O]:
        """Make a harness for ``stream.process(function)``."""
        return cls._from(lambda _, stream: stream.process(function))

    @classmethod
    def sink(cls, function: Callable[[I], object]) -> StepHarness[I, Never]:
        """Make a harness for ``stream.sink(function)``."""
        return cls._from(lambda _, stream: stream.sink(function))

    @classmethod
    def source(cls, function: Callable[[], O | StopSignal | None]) -> StepHarness[Never, O]:
        """Make a harness for ``env.from_source(function)``."""
        return cls._from(lambda env, _: env.from_source(function))

    @classmethod
    def _from(cls, build: Build) -> StepHarness[Any, Any]:
        harness: StepHarness[Any, Any] = cls.__new__(cls)
        harness._prepare(build)
        return harness
