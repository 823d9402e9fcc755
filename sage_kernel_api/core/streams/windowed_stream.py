"""A keyed stream cut into windows: what can be made of each window's records.

Layer: core. The overloads say to type checkers in turn: the result as it is; the result together
with its key and window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from sage_kernel_api.core.event_time import duration_us
from sage_kernel_api.core.functions import (
    AggregateFunction,
    OutputTag,
    ReduceFunction,
    WindowFunction,
)
from sage_kernel_api.core.operators import (
    WindowAggregateOperator,
    WindowOperator,
    WindowProcessOperator,
    WindowReduceOperator,
)
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import Value, step_options
from sage_kernel_api.core.transformation import StepOptions
from sage_kernel_api.core.windows import TimeWindowAssigner, Trigger, WindowAssigner
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Capability, Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import KeyedStream

__all__ = ["WindowedStream", "check_late_tag", "window_settings"]

K = TypeVar("K")
T = TypeVar("T")
W = TypeVar("W")
A = TypeVar("A")
U = TypeVar("U")
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
V = TypeVar("V", bound=Value)


class WindowedStream(Generic[K, T, W]):
    """Records of type ``T`` by key ``K`` in windows of type ``W``; made by `KeyedStream.window`.

    Results keep the key of their window. Their event time is the window's last moment; of windows
    without an end, that of the record that brought them out.
    """

    def __init__(
        self, stream: KeyedStream[K, T], settings: Mapping[str, Payload], parallelism: int | None
    ) -> None:
        self._stream = stream
        self._settings = settings
        self._parallelism = parallelism

    @overload
    def reduce(
        self,
        function: Callable[[T, T], T] | Callable[[], ReduceFunction[T]],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, T]: ...
    @overload
    def reduce(
        self,
        function: Callable[[T, T], T] | Callable[[], ReduceFunction[T]],
        *,
        result: Callable[[K, W, T], U],
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, U]: ...
    def reduce(
        self,
        function: Callable[..., Any],
        *,
        result: Callable[..., Any] | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> Any:
        """Fold the records of each window into one. Only the folded record is kept.

        Args:
            function: ``(folded, record) -> folded``; or a `ReduceFunction` class, or a
                ``functools.partial`` of one. The first record of a window is its first value.
            result: ``(key, window, folded) -> result``; without it, the folded record comes out.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.

        Example:
            >>> from sage_kernel_api import LocalEnvironment, TumblingCountWindows
            >>> env = LocalEnvironment(kernel="mock")
            >>> numbers = env.from_collection([1, 2, 3, 4]).keyby(lambda x: x % 2)
            >>> numbers.window(TumblingCountWindows(2)).reduce(max).execute_and_collect()
            [3, 4]
        """
        options = self._options(name, uid, parallelism, on_error)
        return self._add(WindowReduceOperator, function, options, result)

    @overload
    def aggregate(
        self,
        function: Callable[[], AggregateFunction[T, A, O]],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, O]: ...
    @overload
    def aggregate(
        self,
        function: Callable[[], AggregateFunction[T, A, O]],
        *,
        result: Callable[[K, W, O], U],
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, U]: ...
    def aggregate(
        self,
        function: Callable[..., Any],
        *,
        result: Callable[..., Any] | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> Any:
        """Aggregate the records of each window. Only the accumulator is kept.

        Args:
            function: A class of `AggregateFunction`, or a ``functools.partial`` of one with its
                constructor arguments.
            result: ``(key, window, aggregate) -> result``; without it, the aggregate comes out.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
        """
        options = self._options(name, uid, parallelism, on_error)
        return self._add(WindowAggregateOperator, function, options, result)

    @overload
    def process(
        self,
        function: Callable[[K, W, Sequence[T]], Iterable[U] | None],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, U]: ...
    @overload
    def process(
        self,
        function: Callable[[], WindowFunction[K, W, T, U]],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, U]: ...
    def process(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> Any:
        """Hand all records of each window to a function. All of them are kept until then.

        Args:
            function: ``(key, window, records) -> results``; or a `WindowFunction` class, or a
                ``functools.partial`` of one.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
        """
        options = self._options(name, uid, parallelism, on_error)
        return self._add(WindowProcessOperator, function, options, None)

    def _options(
        self,
        name: str | None,
        uid: str | None,
        parallelism: int | None,
        on_error: ErrorPolicy | None,
    ) -> StepOptions:
        if self._parallelism is not None and parallelism not in (None, self._parallelism):
            raise PipelineError(
                f"window_all puts all records into one instance, so parallelism={parallelism!r} "
                "cannot be. Use keyby(...).window(...) to spread the windows."
            )
        return step_options(name, uid, self._parallelism or parallelism, on_error)

    def _add(
        self,
        operator: type[WindowOperator],
        function: Callable[..., Any],
        options: StepOptions,
        result: Callable[..., Any] | None,
    ) -> KeyedStream[K, Any]:
        settings = {**self._settings, "finish_result": result}
        step = self._stream._add_step(operator, function, (), {}, options, settings)
        return cast("KeyedStream[K, Any]", self._stream._derive_keyed(step, "hash"))


def window_settings(
    assigner: object,
    allowed_lateness_s: float,
    late_outputs: tuple[OutputTag[Any] | None, ...],
    trigger: object,
) -> dict[str, Payload]:
    """Check what a user said about windows, and return it as an operator's attributes.

    Raises:
        PipelineError: Something has a wrong type, or does not go together.
        ConfigurationError: The lateness is no duration.
    """
    if not isinstance(assigner, WindowAssigner):
        raise PipelineError(
            "Windows are given as TumblingTimeWindows(60) or another assigner, not "
            f"{shorten_repr(assigner)}."
        )
    if trigger is not None and not isinstance(trigger, Trigger):
        raise PipelineError(f"trigger= takes a Trigger, not {shorten_repr(trigger)}.")
    timed = assigner if isinstance(assigner, TimeWindowAssigner) else None
    kind = type(assigner).__name__
    lateness_us = duration_us(allowed_lateness_s, "allowed_lateness_s")
    if timed is None and (lateness_us or trigger is not None or any(late_outputs)):
        raise PipelineError(
            f"{kind} know no time, so they take no trigger, and nothing is late for them."
        )
    if timed is not None and timed.is_merging and trigger is not None and not trigger.can_merge:
        raise PipelineError(
            f"{kind} are merged, and {type(trigger).__name__} cannot follow that (can_merge)."
        )
    for tag in late_outputs:
        check_late_tag(tag)
    needs = (Capability.EVENT_TIME, Capability.TIMERS) if timed is not None else ()
    needs_time = timed is not None and kind != "GlobalWindows"
    return {
        "assigner": assigner,
        "trigger": trigger,
        "lateness_us": lateness_us,
        "late_outputs": tuple(tag.name if tag is not None else None for tag in late_outputs),
        "needs": needs,
        "needs_time": needs_time,
        "reads_event_time": needs_time,
    }


def check_late_tag(tag: object) -> None:
    """Refuse what is neither a tag nor None.

    Raises:
        PipelineError: It is neither.
    """
    if tag is not None and not (isinstance(tag, OutputTag) and isinstance(tag.name, str)):
        raise PipelineError(
            'Late records go to an OutputTag, as in OutputTag[Click]("late"), not to '
            f"{shorten_repr(tag)}."
        )
