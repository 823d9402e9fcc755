"""Steps that keep one value per key: aggregate, count, top-k; and distinct and batch by key.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from sage_kernel_api.core.arguments import check_count
from sage_kernel_api.core.functions import AggregateFunction, CountFunction, FirstOfKeyFunction
from sage_kernel_api.core.operators import (
    AggregateOperator,
    Emit,
    FilterOperator,
    KeyedMicroBatchOperator,
    TimedKeyedMicroBatchOperator,
    TopKOperator,
)
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.gathering_steps import GatheringSteps, batch_settings
from sage_kernel_api.core.streams.stream_base import Value, step_options
from sage_kernel_api.core.transformation import StepOptions, hand_on
from sage_kernel_api.errors import PipelineError

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import DataStream

__all__ = ["KeyedFoldSteps"]

K = TypeVar("K")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
V = TypeVar("V", bound=Value)


class KeyedFoldSteps(GatheringSteps[T_co], Generic[K, T_co]):
    """The steps of a keyed stream that keep one value per key."""

    def aggregate(
        self,
        function: Callable[[], AggregateFunction[T_co, A, O]],
        *,
        emit: Emit = "change",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[O]:
        """Fold the records of each key into an accumulator, and emit its result.

        Args:
            function: A class of `AggregateFunction`, or a ``functools.partial`` of one with its
                constructor arguments. The same one serves windows.
            emit: ``change``: a result for each record; ``end``: one per key, when the input has
                ended.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.

        Raises:
            PipelineError: *emit* is unknown.
        """
        options = step_options(name, uid, parallelism, on_error)
        settings = {"emit": _check_emit(emit)}
        return self._derive(self._add_step(AggregateOperator, function, (), {}, options, settings))

    def count(
        self,
        *,
        emit: Emit = "change",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[tuple[K, int]]:
        """Count the records of each key, and emit key and count.

        Args:
            emit: ``change``: at each record; ``end``: once per key, when the input has ended.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.

        Raises:
            PipelineError: *emit* is unknown.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> letters = env.from_collection("abca").keyby(lambda letter: letter)
            >>> letters.count(emit="end").execute_and_collect()
            [('a', 2), ('b', 1), ('c', 1)]
        """
        options = step_options(name, uid, parallelism, None)
        settings = {"emit": _check_emit(emit), "with_key": True}
        step = self._add_step(AggregateOperator, CountFunction, (), {}, options, settings)
        return self._derive(step)

    def top_k(
        self,
        k: int,
        by: Callable[[T_co], Any] | None = None,
        *,
        largest: bool = True,
        emit: Emit = "change",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[tuple[K, list[T_co]]]:
        """Keep the *k* highest records of each key, and emit key and records, best first.

        Among records of equal rank, the earlier one stays ahead.

        Args:
            k: How many, at least 1.
            by: Ranks a record with something that can be compared; None for the record itself.
            largest: False for the lowest ones.
            emit: ``change``: whenever the ranking has changed; ``end``: once per key, when the
                input has ended.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record that cannot be ranked.

        Raises:
            PipelineError: *k* is no whole number from 1, or *emit* is unknown.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> words = env.from_collection(["a", "ccc", "bb", "dd"]).keyby(lambda word: 0)
            >>> words.top_k(2, by=len, emit="end").execute_and_collect()
            [(0, ['ccc', 'bb'])]
        """
        check_count(k, "top_k(k)")
        if k == 0:
            raise PipelineError("top_k(k) needs a whole number from 1, not 0.")
        options = step_options(name, uid, parallelism, on_error)
        settings = {"emit": _check_emit(emit), "count": k, "is_largest": bool(largest)}
        rank = hand_on if by is None else by
        return self._derive(self._add_step(TopKOperator, rank, (), {}, options, settings))

    def distinct(
        self,
        key: Callable[[T_co], V] | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[T_co]:
        """Let pass the first record of each key; see `DataStream.distinct`."""
        if key is not None:
            return super().distinct(key, name=name, uid=uid, parallelism=parallelism)
        options = step_options(name, uid, parallelism, None)
        return self._derive(self._add_step(FilterOperator, FirstOfKeyFunction, (), {}, options))

    def batch(
        self,
        size: int,
        timeout_s: float | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[list[T_co]]:
        """Gather the records of each key into lists; see `DataStream.batch`."""
        is_timed = timeout_s is not None
        made_by = TimedKeyedMicroBatchOperator if is_timed else KeyedMicroBatchOperator
        options: StepOptions = step_options(name, uid, parallelism, None)
        batches: DataStream[list[T_co]] = self._gather(
            made_by, batch_settings(size, timeout_s), options
        )
        return batches


def _check_emit(emit: Emit) -> Emit:
    if emit not in get_args(Emit):
        raise PipelineError(f"emit={emit!r} is unknown; it is one of {', '.join(get_args(Emit))}.")
    return emit
