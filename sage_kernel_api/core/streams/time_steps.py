"""Steps that bring event time into a stream.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from sage_kernel_api.core.event_time import Instant, duration_us
from sage_kernel_api.core.operators import AssignTimeOperator
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import StreamBase, step_options

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import DataStream

__all__ = ["TimeSteps"]

T_co = TypeVar("T_co", covariant=True)


class TimeSteps(StreamBase[T_co], Generic[T_co]):
    """The steps of a stream that know event time."""

    def assign_timestamps(
        self,
        function: Callable[[T_co], Instant],
        max_out_of_orderness_s: float = 0.0,
        idle_after_s: float | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[T_co]:
        """Give each record its event time, and tell the steps behind how far event time is.

        The watermark is the latest time seen, less the bound, less one microsecond: so a record
        that comes out of order by the bound exactly is in time, and a later one is late. Steps
        with several inputs, or several instances before them, go by the least watermark.

        Args:
            function: Tells the event time of a record, as seconds since 1970 or as a datetime
                with a time zone. Whole microseconds count.
            max_out_of_orderness_s: How much earlier than the latest record before it a record may
                be, in seconds.
            idle_after_s: Seconds without a record after which others need not wait for this
                step's instance. None: they always wait.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; by default as of the step before.
            on_error: What becomes of a record on which it fails.

        Raises:
            ConfigurationError: A number of seconds is none, or negative.

        Example:
            >>> from sage_kernel_api import LocalEnvironment, TumblingTimeWindows
            >>> env = LocalEnvironment(kernel="mock")
            >>> clicks = env.from_collection([("ann", 1), ("bob", 4), ("ann", 12), ("ann", 9)])
            >>> timed = clicks.assign_timestamps(lambda c: c[1], max_out_of_orderness_s=5)
            >>> minutes = timed.keyby(lambda c: c[0]).window(TumblingTimeWindows(10))
            >>> minutes.reduce(lambda a, b: (a[0], a[1] + b[1])).execute_and_collect()
            [('bob', 4), ('ann', 10), ('ann', 12)]
        """
        settings = {
            "bound_us": duration_us(max_out_of_orderness_s, "max_out_of_orderness_s"),
            "idle_after_s": (
                None
                if idle_after_s is None
                else duration_us(idle_after_s, "idle_after_s") / 1_000_000
            ),
        }
        options = step_options(name, uid, parallelism, on_error)
        step = self._add_step(AssignTimeOperator, function, (), {}, options, settings)
        return self._derive(step)
