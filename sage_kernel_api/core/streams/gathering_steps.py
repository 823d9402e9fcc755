"""Steps that look at more than one record: distinct, micro-batches, and the end of the input.

Layer: core.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sage_kernel_api.core.arguments import check_count
from sage_kernel_api.core.functions import FirstOfKeyFunction
from sage_kernel_api.core.operators import (
    BaseOperator,
    FilterOperator,
    KeyByOperator,
    MicroBatchOperator,
    OnEndOperator,
    TimedMicroBatchOperator,
)
from sage_kernel_api.core.streams.stream_base import StreamBase, Value, step_options
from sage_kernel_api.core.transformation import StepOptions, hand_on
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import DataStream

__all__ = ["GatheringSteps", "batch_settings"]

T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V", bound=Value)


class GatheringSteps(StreamBase[T_co], Generic[T_co]):
    """The steps of a stream that look at more than one record."""

    def distinct(
        self,
        key: Callable[[T_co], V] | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[T_co]:
        """Let pass each record the first time that it comes. All keys are kept for ever.

        Args:
            key: What makes two records the same; None for the records themselves, which must
                then be keys (see `keyby`). On a keyed stream, None stands for its own key.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection([3, 1, 3, 2, 1]).distinct().execute_and_collect()
            [3, 1, 2]
        """
        by = hand_on if key is None else key
        keying = self._add_step(KeyByOperator, by, (), {}, StepOptions())
        keyed = self._derive_keyed(keying, "hash")
        options = step_options(name, uid, parallelism, None)
        return self._derive(keyed._add_step(FilterOperator, FirstOfKeyFunction, (), {}, options))

    def batch(
        self,
        size: int,
        timeout_s: float | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
    ) -> DataStream[list[T_co]]:
        """Gather records into lists, for steps that work better on many at once.

        Each instance gathers its own records, on a keyed stream each key. Event time does not wait
        for a list: a list has the time of its last record, and may come late.

        Args:
            size: Number of records of a list; at the end of the input, the last one has fewer.
            timeout_s: Longest time in seconds that a record waits, by the kernel's clock; None
                for as long as it takes.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state: the records that wait.
            parallelism: Number of instances.

        Raises:
            PipelineError: *size* is no whole number from 1, or *timeout_s* no number above 0.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection(range(5)).batch(2).execute_and_collect()
            [[0, 1], [2, 3], [4]]
        """
        made_by = MicroBatchOperator if timeout_s is None else TimedMicroBatchOperator
        options = step_options(name, uid, parallelism, None)
        batches: DataStream[list[T_co]] = self._gather(
            made_by, batch_settings(size, timeout_s), options
        )
        return batches

    def on_end(
        self, function: Callable[[], Iterable[U]], *, name: str | None = None
    ) -> DataStream[T_co | U]:
        """Hand on all records, and behind the last one what *function* returns.

        The step has one instance, so that there is one end. Without an end of the input, as with
        a timer, the function is never asked.

        Args:
            function: Returns what to emit.
            name: Name of the step, unique in the pipeline.

        Example:
            >>> from sage_kernel_api import LocalEnvironment
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_collection([1, 2]).on_end(lambda: ["end"]).execute_and_collect()
            [1, 2, 'end']
        """
        options = StepOptions(name, parallelism=1)
        return self._derive(self._add_step(OnEndOperator, function, (), {}, options))

    def _gather(
        self, made_by: type[BaseOperator], settings: dict[str, Payload], options: StepOptions
    ) -> Any:
        # The function is not called; it stands for the step where one is asked for.
        return self._derive(self._add_step(made_by, hand_on, (), {}, options, settings))


def batch_settings(size: Any, timeout_s: Any) -> dict[str, Payload]:
    """Return what a micro-batch operator is told.

    Raises:
        PipelineError: A number cannot be used.
    """
    check_count(size, "batch(size)")
    if size == 0:
        raise PipelineError("batch(size) needs a whole number from 1, not 0.")
    if timeout_s is None:
        return {"size": size}
    is_number = isinstance(timeout_s, (int, float)) and not isinstance(timeout_s, bool)
    if not is_number or not 0 < timeout_s < math.inf:
        raise PipelineError(
            f"batch(timeout_s={shorten_repr(timeout_s)}) needs a number of seconds above 0."
        )
    return {"size": size, "timeout_us": max(round(timeout_s * 1e6), 1)}
