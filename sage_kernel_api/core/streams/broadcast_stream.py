"""A keyed stream beside one whose records reach every instance.

Layer: core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sage_kernel_api.core.functions import BroadcastProcessFunction
from sage_kernel_api.core.operators import BroadcastProcessOperator
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import step_options
from sage_kernel_api.core.transformation import BaseTransformation, Edge, Outlet

if TYPE_CHECKING:
    from sage_kernel_api.core.streams.data_stream import DataStream, KeyedStream

__all__ = ["BroadcastConnectedStreams"]

K = TypeVar("K")
T = TypeVar("T")
B = TypeVar("B")
U = TypeVar("U")


class BroadcastConnectedStreams(Generic[K, T, B]):
    """A keyed stream and a broadcast one, as the inputs of one step to come."""

    def __init__(self, keyed: KeyedStream[K, T], broadcast: DataStream[B]) -> None:
        self._keyed = keyed
        self._broadcast = broadcast

    def process(
        self,
        function: Callable[[], BroadcastProcessFunction[T, B, U]],
        *,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int | None = None,
        on_error: ErrorPolicy | None = None,
    ) -> DataStream[U]:
        """Turn the records of both streams into any number of records, on any output.

        Args:
            function: A class of `BroadcastProcessFunction`, or a ``functools.partial`` of one.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances.
            on_error: What becomes of a record on which it fails.
        """
        from sage_kernel_api.core.streams.data_stream import DataStream

        environment: Any = self._keyed.environment
        edges = (
            *(Edge(outlet) for outlet in self._keyed.outlets),
            *(
                Edge(Outlet(outlet.transformation, outlet.output, "broadcast"), index=1)
                for outlet in self._broadcast.outlets
            ),
        )
        step = BaseTransformation(
            environment,
            BroadcastProcessOperator,
            function,
            options=step_options(name, uid, parallelism, on_error),
            edges=edges,
        )
        return DataStream(environment, (Outlet(environment.add_transformation(step)),))
