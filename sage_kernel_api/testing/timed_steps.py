"""Steps below the core that assign event times, and steps that write down how time reaches them.

Layer: testing. Knows the Protocols of `runnable`, and nothing of windows and timers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

from sage_kernel_api.context import ExecutionContext, SupportsEventTime
from sage_kernel_api.lifecycle import InputConfig, TransformationConfig
from sage_kernel_api.runnable import MAX_WATERMARK_US, MIN_WATERMARK_US, SOURCE_ENDED, SourcePoll
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, step
from sage_kernel_api.values import Payload

__all__ = ["Log", "Watch", "assigning", "source_until", "watching"]

_GIVE_UP_S: Final = 8.0


class Log:
    """What happened at the steps of a test, in order."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []

    def add(self, what: str, value: Any = None) -> None:
        """Write one thing down; from any thread."""
        self.entries.append((what, value))

    def all(self, what: str) -> list[Any]:
        """Return the values of all entries of that name."""
        return [value for name, value in self.entries if name == what]

    def has(self, what: str, value: Any = None) -> bool:
        """Tell whether that was written down."""
        return (what, value) in self.entries

    @property
    def watermarks(self) -> list[int]:
        """The watermarks that were told before the end of time."""
        return [one for one in self.all("watermark") if one != MAX_WATERMARK_US]


class _SourceUntil(PlainSource):
    """Gives its records, and then nothing until it may end; notes its end."""

    def __init__(
        self,
        records: Sequence[Payload],
        may_end: Callable[[], bool],
        log: Log,
        context: ExecutionContext,
    ) -> None:
        super().__init__(context, records)
        self._may_end = may_end
        self._log = log
        self._give_up_s = time.monotonic() + _GIVE_UP_S

    def poll(self, limit: int) -> SourcePoll:
        """Return the next record, or that there is nothing now."""
        if self.left:
            return SourcePoll([self.left.pop(0)])
        if self._may_end() or time.monotonic() > self._give_up_s:
            self._log.add("ended", self.context.name)
            return SOURCE_ENDED
        return SourcePoll((), "idle", 0.001)


def source_until(
    name: str, records: Sequence[Payload], log: Log, may_end: Callable[[], bool] = lambda: True
) -> TransformationConfig:
    """Return a source of these records, which ends once it may."""
    return step(name, partial(_SourceUntil, records, may_end, log), kind="source")


class _Assign(PlainStep):
    """Takes the record itself as its time; the watermark is the latest time, less *bound_us*."""

    kind = "assign_time"
    reads_key = False

    def __init__(
        self, bound_us: int, idle_after_s: float | None, log: Log, context: ExecutionContext
    ) -> None:
        super().__init__(context)
        self.idle_after_s = idle_after_s
        self._bound_us = bound_us
        self._log = log
        self._latest_us: int | None = None

    def call(self, data: Payload) -> int:
        """Return the event time of a record."""
        time_us = int(data)
        self._latest_us = time_us if self._latest_us is None else max(self._latest_us, time_us)
        return time_us

    def watermark_us(self) -> int | None:
        """Return what is over."""
        return None if self._latest_us is None else self._latest_us - self._bound_us

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Forward a record under its time."""
        cast("SupportsEventTime", self.context).event_time_us = self.call(data)
        self.context.send_data(data)


def assigning(
    name: str,
    upstream: str,
    log: Log,
    *,
    bound_us: int = 0,
    idle_after_s: float | None = None,
    parallelism: int = 1,
) -> TransformationConfig:
    """Return a step that gives each record itself as its event time."""
    return step(
        name,
        partial(_Assign, bound_us, idle_after_s, log),
        edge(upstream, 0, "round_robin" if parallelism > 1 else "forward"),
        kind="assign_time",
        requires=["event-time"],
        parallelism=parallelism,
    )


class Watch(PlainStep):
    """Notes records with their times, watermarks, and its end; a `TimedRunnable`."""

    def __init__(self, log: Log, context: ExecutionContext) -> None:
        super().__init__(context)
        self.log = log
        self._before_us = MIN_WATERMARK_US

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Note a record, its time, and the watermark in the context; hand it on."""
        timed = cast("SupportsEventTime", self.context)
        self.log.add("record", (data, timed.event_time_us))
        self.log.add("context", timed.watermark_us)
        self.context.send_data(data)

    def on_watermark(self, watermark_us: int) -> None:
        """Note how far time is."""
        self.log.add("watermark", watermark_us)

    def next_due_us(self) -> int | None:
        """Wait for no clock."""
        return None

    def on_processing_time(self, now_us: int) -> None:
        """Note what must not happen."""
        self.log.add("clock", now_us)

    def finish(self) -> None:
        """Note the end."""
        self.log.add("finish")


def watching(
    name: str, log: Log, *inputs: InputConfig, kind: Callable[..., Any] = Watch
) -> TransformationConfig:
    """Return a step that writes down how time reaches it."""
    return step(name, partial(kind, log), *inputs, kind="process", requires=["event-time"])
