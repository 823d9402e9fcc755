"""Joins of two keyed streams over event time: in windows, within an interval, as of a time.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sage_kernel_api.core.event_time import duration_us
from sage_kernel_api.core.functions import OutputTag
from sage_kernel_api.core.joins import JoinKind
from sage_kernel_api.core.operators import (
    AsOfJoinOperator,
    IntervalJoinOperator,
    KeyedJoinOperator,
    WindowJoinOperator,
)
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import Value, step_options
from sage_kernel_api.core.streams.windowed_stream import check_late_tag, window_settings
from sage_kernel_api.core.transformation import StepOptions
from sage_kernel_api.core.windows import WindowAssigner
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.connected_streams import KeyedConnectedStreams
    from sage_kernel_api.core.streams.data_stream import KeyedStream

__all__ = ["WindowedJoin", "add_asof_join", "add_interval_join", "windowed_join"]

K = TypeVar("K")
A = TypeVar("A")
B = TypeVar("B")
V = TypeVar("V", bound=Value)


class WindowedJoin(Generic[K, A, B]):
    """Two keyed streams cut into the same windows; made by `KeyedConnectedStreams.window`.

    Every left record of a window is paired with every right one of the same key. Results keep
    the key; their event time is the window's last moment.

    Example:
        >>> from sage_kernel_api import LocalEnvironment, TumblingTimeWindows
        >>> env = LocalEnvironment(kernel="mock")
        >>> def stream(*events: tuple[str, int]):
        ...     timed = env.from_collection(list(events)).assign_timestamps(lambda e: e[1])
        ...     return timed.keyby(lambda e: e[0])
        >>> views, buys = stream(("ann", 1), ("bob", 2)), stream(("ann", 5))
        >>> both = views.connect(buys).window(TumblingTimeWindows(10))
        >>> both.left(lambda view, buy: (view[0], buy is not None)).execute_and_collect()
        [('ann', True), ('bob', False)]
    """

    def __init__(
        self, streams: KeyedConnectedStreams[K, A, B], settings: Mapping[str, Payload]
    ) -> None:
        self._streams = streams
        self._settings = settings

    def inner(
        self,
        function: Callable[[A, B], V],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V]:
        """Pair records; those without a partner give no result.

        Args:
            function: Makes a result of a left and a right record.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which the step fails.
        """
        return self._add("inner", function, step_options(name, uid, parallelism, on_error))

    def left(
        self,
        function: Callable[[A, B | None], V],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V]:
        """Pair records; *function* gets None with a left record without a partner."""
        return self._add("left", function, step_options(name, uid, parallelism, on_error))

    def right(
        self,
        function: Callable[[A | None, B], V],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V]:
        """Pair records; *function* gets None with a right record without a partner."""
        return self._add("right", function, step_options(name, uid, parallelism, on_error))

    def full(
        self,
        function: Callable[[A | None, B | None], V],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> KeyedStream[K, V]:
        """Pair records; *function* gets None with any record without a partner."""
        return self._add("full", function, step_options(name, uid, parallelism, on_error))

    def _add(
        self, kind: JoinKind, function: Callable[..., Any], options: StepOptions
    ) -> KeyedStream[K, Any]:
        settings = {**self._settings, "join_kind": kind}
        return self._streams.add_keyed_step(WindowJoinOperator, function, options, settings)


def windowed_join(
    streams: KeyedConnectedStreams[K, A, B],
    assigner: WindowAssigner[Any],
    allowed_lateness_s: float,
    late: tuple[OutputTag[A] | None, OutputTag[B] | None],
) -> WindowedJoin[K, A, B]:
    """Cut two streams into windows; see `KeyedConnectedStreams.window`."""
    return WindowedJoin(streams, window_settings(assigner, allowed_lateness_s, late, None))


def add_interval_join(
    streams: KeyedConnectedStreams[K, A, B],
    function: Callable[..., Any],
    bounds_s: tuple[float, float],
    late: tuple[OutputTag[Any] | None, ...],
    options: StepOptions,
) -> KeyedStream[K, Any]:
    """Add an interval join; see `KeyedConnectedStreams.interval_join`."""
    least = -(2**62)
    bounds = (
        duration_us(bounds_s[0], "lower_s", least_us=least),
        duration_us(bounds_s[1], "upper_s", least_us=least),
    )
    if bounds[0] > bounds[1]:
        raise PipelineError(
            f"interval_join from lower_s={bounds_s[0]!r} to upper_s={bounds_s[1]!r} is empty: the "
            "lower bound is greater than the upper one."
        )
    return _add_join(streams, IntervalJoinOperator, function, {"bounds_us": bounds}, late, options)


def add_asof_join(
    streams: KeyedConnectedStreams[K, A, B],
    function: Callable[..., Any],
    tolerance_s: float | None,
    late: tuple[OutputTag[Any] | None, ...],
    options: StepOptions,
) -> KeyedStream[K, Any]:
    """Add an as-of join; see `KeyedConnectedStreams.asof_join`."""
    tolerance = None if tolerance_s is None else duration_us(tolerance_s, "tolerance_s")
    settings = {"tolerance_us": tolerance}
    return _add_join(streams, AsOfJoinOperator, function, settings, late, options)


def _add_join(
    streams: KeyedConnectedStreams[K, Any, Any],
    operator: type[KeyedJoinOperator],
    function: Callable[..., Any],
    settings: dict[str, Payload],
    late: tuple[OutputTag[Any] | None, ...],
    options: StepOptions,
) -> KeyedStream[K, Any]:
    for tag in late:
        check_late_tag(tag)
    settings["late_outputs"] = tuple(tag.name if tag is not None else None for tag in late)
    return streams.add_keyed_step(operator, function, options, settings)
