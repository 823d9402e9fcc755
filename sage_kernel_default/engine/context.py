"""The surroundings of one step inside a running job.

Layer: engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import ContextError, PipelineError
from sage_kernel_api.logging import Logger
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.storage import KeyedStateStore, StateManager
from sage_kernel_api.values import NONE_KEY, ConnectionInfo, PartitionStrategy, Payload
from sage_kernel_default.engine.segments import Segment, Time
from sage_kernel_default.engine.tables import TrackedTable

__all__ = ["Exit", "JobTransport", "StepContext", "Surroundings"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step gets from outside of the engine."""

    env_name: str
    config: Mapping[str, Any]
    logger: Logger
    state_manager: StateManager
    services: ServiceClient
    should_stop: Callable[[], bool]
    is_durable: bool = False
    """Whether keyed tables must know what has changed in them."""


class SendData(Protocol):
    """The call form of ``send_data``."""

    def __call__(
        self, data: Payload, target: str | None = None, partition_key: Payload | None = None
    ) -> bool:
        """See `ExecutionContext.send_data`."""
        ...


class Exit(Protocol):
    """Where the outputs of one step lead."""

    def segment(self, target: str | None) -> Segment | None:
        """Return the segment behind an output; None if nothing is connected."""
        ...

    def spill(self) -> None:
        """Move on what was emitted so far, waiting for room."""
        ...

    def send_one(
        self,
        data: Payload,
        key: Payload,
        time_us: Time,
        target: str | None,
        strategy: PartitionStrategy,
    ) -> bool:
        """Send one record with another strategy than its edges have."""
        ...


class StepContext:
    """Implements `ExecutionContext` for one instance of one step.

    ``send_data`` and what users read most are plain attributes of the instance: going through
    the contract costs no more than the object behind it.
    """

    def __init__(
        self,
        name: str,
        index: int,
        parallelism: int,
        around: Surroundings,
        *,
        is_source: bool,
        now_us: Callable[[], int],
    ) -> None:
        self.name = name
        self.env_name = around.env_name
        self.logger = around.logger
        self.state_manager = around.state_manager
        self.services = around.services
        self.parallel_index = index
        self.parallelism = parallelism
        self.key: Payload = None
        self.event_time_us: Time = None
        self.watermark_us: int = MIN_WATERMARK_US
        self.processing_time_us: Callable[[], int] = now_us
        self.tables: dict[str, MutableMapping[Payload, Payload]] = {}
        self._new_table = TrackedTable if around.is_durable else dict[Payload, Payload]
        self.transport: JobTransport = JobTransport(self)
        self.should_stop = around.should_stop
        self._config = around.config
        self._is_source = is_source
        self.send_data: SendData = self._send
        self._exit: Exit | None = None
        self._emitted: list[Segment] = []

    def connect(self, exit_: Exit, spill_after: int | None) -> None:
        """Wire the outputs; *spill_after* None keeps all records of a call until its end."""
        self._exit = exit_
        self._by_target: dict[str | None, Segment | None] = {}
        self._spill_after = spill_after
        self.send_data = self._first_send

    def _first_send(
        self, data: Payload, target: str | None = None, partition_key: Payload | None = None
    ) -> bool:
        """Build the fast way out when it is first used: fused steps never need theirs."""
        if self._exit is not None and self.send_data == self._first_send:
            self.send_data = self._fast_sender(self._exit, self._spill_after)
        return self.send_data(data, target, partition_key)

    def _fast_sender(self, exit_: Exit, spill_after: int | None) -> SendData:
        main = self._segment(None)
        slow = self._send
        if main is None:
            return slow
        values, put, put_key = main.values, main.values.append, main.keys.append
        limit = spill_after if spill_after is not None else float("inf")
        is_keyed, spill = main.is_keyed, exit_.spill
        is_timed, put_time = main.is_timed, main.times.append

        def send_data(
            data: Payload, target: str | None = None, partition_key: Payload | None = None
        ) -> bool:
            if target is not None or partition_key is not None:
                return slow(data, target, partition_key)
            put(data)
            if is_keyed:
                put_key(self.key)
            if is_timed:
                put_time(self.event_time_us)
            if len(values) >= limit:
                spill()
            return True

        return send_data

    def _send(
        self, data: Payload, target: str | None = None, partition_key: Payload | None = None
    ) -> bool:
        segment = self._segment(target)
        if segment is None:
            return False
        key = self.choose_key(partition_key)
        segment.values.append(data)
        if segment.is_keyed:
            segment.keys.append(key)
        elif partition_key is not None:
            del segment.values[-1]
            raise ContextError(
                f"Step {self.name!r} gave a partition_key, but its stream has no keys. "
                "Put a keyby() behind it, or emit from a process step."
            )
        if segment.is_timed:
            segment.times.append(self.event_time_us)
        return True

    def choose_key(self, partition_key: Payload | None) -> Payload:
        """Return the key of a record that is sent now."""
        if partition_key is None:
            return self.key
        return None if partition_key is NONE_KEY else partition_key

    def _segment(self, target: str | None) -> Segment | None:
        if self._exit is None:
            raise ContextError(f"Step {self.name!r} cannot send before the job has connected it.")
        if target not in self._by_target:
            segment = self._exit.segment(target)
            self._by_target[target] = segment
            if segment is not None:
                self._emitted.append(segment)
        return self._by_target[target]

    def mark(self) -> list[int]:
        """Remember how much was emitted so far."""
        return [len(segment.values) for segment in self._emitted]

    def take_back(self, mark: list[int]) -> None:
        """Forget what was emitted since *mark*: the record that emitted it has failed."""
        mark = mark + [0] * (len(self._emitted) - len(mark))
        for segment, length in zip(self._emitted, mark, strict=True):
            del segment.values[length:]
            del segment.keys[length:]
            del segment.times[length:]

    def resend(
        self, data: Payload, target: str | None, key: Payload | None, strategy: PartitionStrategy
    ) -> bool:
        """Send one record with a strategy of its own."""
        if self._segment(target) is None or self._exit is None:
            return False
        return self._exit.send_one(data, self.choose_key(key), self.event_time_us, target, strategy)

    def call_service(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Any:
        """Call a service and wait for its answer."""
        return self.services.call(service_name, method, args, kwargs).result()

    def call_service_async(
        self, service_name: str, method: str, *args: Payload, **kwargs: Payload
    ) -> Future[Any]:
        """Call a service and return at once."""
        return self.services.call(service_name, method, args, kwargs)

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return the environment's setting *key*."""
        return self._config.get(key, default)

    def get_parallel_index(self) -> int:
        """Return which instance of the step this is."""
        return self.parallel_index

    def get_parallelism(self) -> int:
        """Return the number of instances of the step."""
        return self.parallelism

    def is_source(self) -> bool:
        """Tell whether the step has no inputs."""
        return self._is_source

    @property
    def keyed_state(self) -> KeyedStateStore:
        """Return the keyed state: this object, so that a loop sets the key in one place."""
        return self

    def table(self, name: str) -> MutableMapping[Payload, Payload]:
        """Return the table of one keyed state."""
        if name not in self.tables:
            self.tables[name] = self._new_table()
        return self.tables[name]

    def get_key(self) -> Any:
        """Return the key of the record that is being processed."""
        return self.key


class JobTransport:
    """Implements `DataTransport` inside a job: the edges are those of the pipeline."""

    def __init__(self, context: StepContext) -> None:
        self._context = context

    def send(
        self,
        data: Payload,
        target: str | None = None,
        partition_key: Payload | None = None,
        partition_strategy: PartitionStrategy | None = None,
    ) -> bool:
        """Hand *data* to every edge of one output; see the contract."""
        if partition_strategy is None:
            return self._context.send_data(data, target, partition_key)
        return self._context.resend(data, target, partition_key, partition_strategy)

    def broadcast(self, data: Payload) -> bool:
        """Hand *data* to every instance of every step downstream of the main output."""
        return self._context.resend(data, None, None, "broadcast")

    def set_downstream_connections(self, connections: list[ConnectionInfo]) -> None:
        """Refuse: the edges of a running job are those of its pipeline."""
        raise PipelineError(
            f"The edges of step {self._context.name!r} are those of its pipeline and cannot be "
            "replaced while the job runs. Connect the streams differently before submit()."
        )
