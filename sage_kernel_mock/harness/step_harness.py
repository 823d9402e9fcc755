"""`StepHarness`: push records into one step, look at what comes out.

What a harness is made from, and what type checkers know of it, stands first; then what a test does
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Generic, Never, Self, TypeVar, overload

from typing_extensions import ParamSpec

from sage_kernel_api.core.environment import LocalEnvironment
from sage_kernel_api.core.event_time.instants import Instant, instant_us
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
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    ReduceFunction,
    SinkFunction,
    SourceFunction,
)
from sage_kernel_api.core.policies import ErrorPolicy, NoneResult
from sage_kernel_api.core.streams import DataStream, KeyedStream
from sage_kernel_api.errors import JobStateError, PipelineError
from sage_kernel_api.runnable import KIND_SOURCE
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.values import (
    DEAD_LETTER_OUTPUT,
    DeadLetter,
    Payload,
    StepStatus,
    StopSignal,
)
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.contexts import MockExecutionContext
from sage_kernel_mock.facade import MockKernelFacade
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.harness.bench import Bench
from sage_kernel_mock.harness.description import Build, Surroundings, build_for, describe_step
from sage_kernel_mock.harness.snapshot import StepSnapshot, restore_step, take_snapshot
from sage_kernel_mock.journal import Journal
from sage_kernel_mock.scripts import ServiceScripts
from sage_kernel_mock.transport import SentRecord

__all__ = ["StepHarness"]

P = ParamSpec("P")
I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
S = TypeVar("S")
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


class StepHarness(Generic[I, O]):
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

    def _prepare(self, build: Build) -> None:
        self._build = build
        self._surroundings = Surroundings()
        self._own_kernel: MockKernelFacade | None = None
        self._kernel: MockKernelFacade | None = None
        self._snapshots: tuple[StepSnapshot, ...] = ()
        self._bench: Bench | None = None
        self._is_open = False
        self._is_closed = False

    # --- before it is open ---------------------------------------------------------------------

    def configure(
        self,
        *,
        name: str | None = None,
        env_name: str | None = None,
        config: Mapping[str, Payload] | None = None,
        parallelism: int | None = None,
        parallel_index: int | None = None,
        on_error: ErrorPolicy | None = None,
        none_result: NoneResult | None = None,
        kernel: MockKernelFacade | None = None,
    ) -> Self:
        """Set what is around the function; what is None stays as it is. Returns itself.

        Args:
            name: Name of the step.
            env_name: What ``ctx.env_name`` answers.
            config: What ``ctx.get_config`` reads.
            parallelism: Number of instances that the function believes in.
            parallel_index: Which of them it is, from 0.
            on_error: Policy of the step.
            none_result: What a None result means.
            kernel: Where it runs, so that several steps share services and clock; it is not shut
                down by `close`.

        Raises:
            JobStateError: The step is open already.
        """
        self._check_unopened("configure()")
        said: dict[str, Any] = {
            "name": name,
            "env_name": env_name,
            "config": config,
            "parallelism": parallelism,
            "parallel_index": parallel_index,
            "on_error": on_error,
            "none_result": none_result,
        }
        known = {key: value for key, value in said.items() if value is not None}
        self._surroundings = replace(self._surroundings, **known)
        self._kernel = kernel or self._kernel
        return self

    def restore(self, *snapshots: StepSnapshot) -> Self:
        """Let the function begin with the state of a snapshot, set before ``open``. Returns itself.

        Args:
            snapshots: One; or those of all old instances, to see what becomes of a step at another
                parallelism: it takes the keys that are its own.

        Raises:
            JobStateError: The step is open already: only a new instance is restored.
        """
        self._check_unopened("restore()")
        self._snapshots = snapshots
        return self

    def open(self) -> Self:
        """Make and open the function; the first record does it by itself. Returns itself.

        Raises:
            PipelineError: The step is not valid; all problems are listed.
            JobStateError: It was closed.
            Exception: What the function's constructor or ``open`` raised.
        """
        self._opened()
        return self

    # --- records and time ----------------------------------------------------------------------

    def push(
        self, data: I, *, key: Payload = None, input_index: int = 0, at: Instant | None = None
    ) -> None:
        """Give the step one record; when it returns, the function has worked on it.

        Calls of an asynchronous function have begun; what they wait for passes by
        `advance_processing_time` or `finish`.

        Args:
            data: The record.
            key: Its key, as a keyby before the step would give it.
            input_index: At which input it arrives, for joins and comaps.
            at: Its event time: seconds since 1970, or a datetime with a time zone; None for none.

        Raises:
            PipelineError: The step is a source.
            ConfigurationError: *at* is no instant.
            Exception: What the function raised, if the policy is to fail.
        """
        bench = self._opened()
        if self._is_source(bench):
            raise PipelineError(f"{bench.step['id']!r} is a source: ask it with poll() or run().")
        bench.push(data, key, input_index, None if at is None else instant_us(at))

    def push_all(self, records: Iterable[I], *, key: Payload = None, input_index: int = 0) -> None:
        """Give the step records in order; see `push`."""
        for record in records:
            self.push(record, key=key, input_index=input_index)

    def poll(self) -> list[O]:
        """Ask a source once; return what it had, which is nothing if it is idle or has ended.

        Raises:
            PipelineError: The step is no source.
            Exception: What the function raised.
        """
        return list(self._source().poll().records)

    def run(self, limit: int | None = None) -> list[O]:
        """Ask a source until it has ended, or given *limit* records; idle time passes at once.

        Returns:
            What it gave now.

        Raises:
            PipelineError: The step is no source.
            CapabilityError: It has nothing, again and again.
            Exception: What the function raised.
        """
        sent = self._source().context.sent
        before = len(sent)
        self._source().run_source(lambda: limit is not None and len(sent) - before >= limit)
        return [record.data for record in sent[before:]]

    @property
    def has_ended(self) -> bool:
        """True for a source that has ended."""
        return self._bench is not None and self._bench.has_ended

    def advance_processing_time(self, seconds: float) -> None:
        """Let *seconds* pass on the clock, and what falls due meanwhile happen, in its order.

        Raises:
            ConfigurationError: *seconds* is negative or not a number.
            Exception: What the function raised.
        """
        self._opened().pass_time(seconds)

    def advance_watermark(self, at: Instant) -> None:
        """Say that event time is over up to *at*: windows close, timers of event time fire.

        Never goes back: an earlier instant than the last one changes nothing.

        Raises:
            ConfigurationError: *at* is no instant.
            Exception: What the function raised.
        """
        self._opened().advance_watermark(instant_us(at))

    def finish(self) -> None:
        """Say that all inputs have ended: open calls are waited for, what was held back comes.

        Raises:
            Exception: What the function raised.
        """
        self._opened().finish()

    def close(self) -> None:
        """Close the function, if it was opened, and the kernel, if it is the harness's own.

        Idempotent. What came out stays readable.

        Raises:
            Exception: What the function's ``close`` raised; everything is closed all the same.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._bench is not None and self._is_open:
                self._bench.close()
        finally:
            if self._own_kernel is not None:
                self._own_kernel.shutdown()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- what came out -------------------------------------------------------------------------

    @property
    def outputs(self) -> list[O]:
        """The records on the main output so far, in order."""
        return [sent.data for sent in self._sent(None)]

    @property
    def keyed_outputs(self) -> list[tuple[Payload, O]]:
        """The records on the main output so far, each with its key before it."""
        return [(sent.key, sent.data) for sent in self._sent(None)]

    def take_outputs(self) -> list[O]:
        """Return `outputs` and forget them."""
        outputs = self.outputs
        if self._bench is not None:
            context = self._bench.context
            context.sent[:] = [sent for sent in context.sent if sent.target is not None]
        return outputs

    def side_output(self, tag: OutputTag[S]) -> list[S]:
        """Return the records on a side output so far, in order."""
        return [sent.data for sent in self._sent(tag.name)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """The records that were given up so far, under ``on_error="dead_letter"``."""
        return [sent.data for sent in self._sent(DEAD_LETTER_OUTPUT)]

    @property
    def metrics(self) -> StepStatus:
        """The counters of the step, as the status of a job shows them."""
        return self._seen().tally.status()

    # --- what is inside and around -------------------------------------------------------------

    @property
    def function(self) -> Any:
        """The function under test: the instance of the class, or the callable."""
        return getattr(self._seen().runnable, "function", None)

    @property
    def context(self) -> MockExecutionContext:
        """The surroundings of the function; its ``facts`` may be set at any time."""
        return self._seen().context

    @property
    def kernel(self) -> MockKernelFacade:
        """The kernel that the step runs on."""
        if self._kernel is None:
            self._kernel = self._own_kernel = MockKernelFacade()
        return self._kernel

    @property
    def services(self) -> ServiceScripts:
        """Scripts of what services answer."""
        return self.kernel.services

    @property
    def faults(self) -> Faults:
        """Plans of what goes wrong."""
        return self.kernel.faults

    @property
    def journal(self) -> Journal:
        """All that happened, in order."""
        return self.kernel.journal

    @property
    def clock(self) -> ManualClock:
        """The time; moved by `advance_processing_time`."""
        return self.kernel.clock

    def keyed_state(self, name: str) -> dict[Payload, Payload]:
        """Return what a declared state keeps, by key: ``step.keyed_state("seen")["a"]``."""
        return self._seen().context.keyed_state.table(name)

    def snapshot(self, codec: ValueCodec | None = None) -> StepSnapshot:
        """Return all that the step has to remember, as a checkpoint would; see `restore`.

        Args:
            codec: Encodes the values; None for one that takes what every kernel takes, which are
                plain data and registered classes.

        Raises:
            StateError: Something cannot be encoded; the message says what.
        """
        bench = self._opened()
        return take_snapshot(bench.runnable, bench.context, codec or ValueCodec())

    # --- the inside ----------------------------------------------------------------------------

    def _opened(self) -> Bench:
        if self._is_closed:
            raise JobStateError("This StepHarness was closed; make a new one.")
        if self._is_open and self._bench is not None:
            return self._bench
        step = describe_step(self._build, self._surroundings, self.kernel)
        bench = Bench(step, self._surroundings, self.kernel)
        restore_step(self._snapshots, bench.runnable, bench.context)
        self._bench, self._is_open = bench, True
        bench.open()
        for snapshot in self._snapshots:
            for record, key in snapshot.pending:
                bench.push(record, key, 0)
        return bench

    def _seen(self) -> Bench:
        # What came out, and what is inside, stays readable after the end.
        return self._opened() if self._bench is None else self._bench

    def _source(self) -> Bench:
        bench = self._opened()
        if not self._is_source(bench):
            raise PipelineError(f"{bench.step['id']!r} is no source: give it records with push().")
        return bench

    def _is_source(self, bench: Bench) -> bool:
        return bench.step["kind"] == KIND_SOURCE

    def _sent(self, target: str | None) -> list[SentRecord]:
        if self._bench is None:
            return []
        return [sent for sent in self._bench.context.sent if sent.target == target]

    def _check_unopened(self, what: str) -> None:
        if self._is_open or self._is_closed:
            raise JobStateError(f"{what} comes before the first record; make a new StepHarness.")
