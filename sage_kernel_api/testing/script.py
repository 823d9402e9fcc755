"""A source that plays a script: records, and between them what happens to a source.

Layer: testing. Works on every kernel.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sage_kernel_api.core.environment import BaseEnvironment
from sage_kernel_api.core.event_time import Instant, instant_us
from sage_kernel_api.core.functions import SourceFunction
from sage_kernel_api.core.operators import AssignTimeOperator, BaseOperator
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.core.transformation import BaseTransformation, Outlet, StepOptions
from sage_kernel_api.errors import ConfigurationError, KernelError
from sage_kernel_api.runnable import KIND_SOURCE, MIN_WATERMARK_US, SourcePoll
from sage_kernel_api.values import Payload, StopSignal

__all__ = [
    "ABORT",
    "EOF",
    "PAUSE",
    "WATERMARK",
    "Pause",
    "ScriptAbortError",
    "ScriptMark",
    "Watermark",
    "scripted_source",
]

T = TypeVar("T")


class ScriptAbortError(KernelError, RuntimeError):
    """A script said ABORT: the source fails as a broken connection would make it fail."""


class ScriptMark(enum.Enum):
    """Type of `EOF` and `ABORT`."""

    EOF = "EOF"
    ABORT = "ABORT"


EOF: Final = ScriptMark.EOF
"""The source ends here. What comes after it is read by a job that is restored behind this mark."""

ABORT: Final = ScriptMark.ABORT
"""The source raises `ScriptAbortError` here, once: a restarted job reads on behind it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The source has nothing for so many seconds of the kernel's clock.

    Raises:
        ConfigurationError: *seconds* is no finite number from 0.
    """

    seconds: float

    def __post_init__(self) -> None:
        """Check the number."""
        if not 0 <= self.seconds < math.inf:
            raise ConfigurationError(f"PAUSE({self.seconds!r}) needs a number of seconds from 0.")


PAUSE: Final = Pause
"""Spelt like the other marks: ``PAUSE(5)``."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Event time is over up to this instant: what comes later with such a time is late.

    Raises:
        ConfigurationError: *at* is no instant.
    """

    at: Instant

    def __post_init__(self) -> None:
        """Check the instant."""
        instant_us(self.at)


WATERMARK: Final = Watermark
"""Spelt like the other marks: ``WATERMARK(10)``; seconds since 1970, or a datetime."""


def scripted_source(
    env: BaseEnvironment[Any],
    *script: T | Pause | Watermark | ScriptMark,
    time_of: Callable[[T], Instant] | None = None,
    name: str = "script",
) -> DataStream[T]:
    """Begin a stream with a script; one instance plays it, whatever the parallelism.

    Args:
        env: Where the pipeline is described.
        script: Records, and the marks `EOF`, `ABORT`, ``PAUSE(s)`` and ``WATERMARK(t)`` among
            them; the end of the script is an `EOF`. One argument each, because type checkers take
            a list with marks in it for a list of anything.
        time_of: Gives each record its event time. How far event time is, only the script says:
            by ``WATERMARK(t)``, and by its end.
        name: Name of the step.

    Raises:
        ConfigurationError: There is a watermark, and no *time_of*.

    Example:
        >>> from sage_kernel_api import LocalEnvironment, TumblingTimeWindows
        >>> env = LocalEnvironment(kernel="mock")
        >>> scripted_source(env, 1, PAUSE(3600), 2, EOF, 3).execute_and_collect()
        [1, 2]
        >>> env = LocalEnvironment(kernel="mock")
        >>> seconds = scripted_source(env, 1, 12, WATERMARK(10), 3, 14, time_of=float)
        >>> windows = seconds.keyby(lambda _: "all").window(TumblingTimeWindows(10))
        >>> windows.reduce(lambda a, b: a + b).execute_and_collect()
        [1, 26]
    """
    if time_of is None and any(isinstance(one, Watermark) for one in script):
        raise ConfigurationError(
            "A script with WATERMARK(...) needs the event times of its records. Write "
            "scripted_source(env, ..., time_of=lambda record: ...)."
        )
    step = BaseTransformation(
        env,
        _ScriptOperator,
        _ScriptFunction,
        (_Script(script),),
        options=StepOptions(env.free_name(name), parallelism=1),
    )
    played: DataStream[Any] = DataStream(env, (Outlet(env.add_transformation(step)),))
    return played if time_of is None else _timed(played, time_of, name)


def _timed(
    played: DataStream[Any], time_of: Callable[[Any], Instant], name: str
) -> DataStream[Any]:
    """Give the records their times; take the watermarks out, once they have done their work."""
    env = played.environment
    options = StepOptions(env.free_name(f"{name}-time"), parallelism=1)
    timed = played._derive(played._add_step(_ScriptTimeOperator, time_of, (), {}, options))
    return timed.filter(_is_record, name=env.free_name(f"{name}-records"), parallelism=1)


def _is_record(entry: Payload) -> bool:
    return not isinstance(entry, Watermark)


class _Script:
    """The entries, and which aborts have happened: those must not happen at each restart."""

    def __init__(self, entries: tuple[Payload, ...]) -> None:
        self.entries = entries
        self.aborted: set[int] = set()


class _ScriptFunction(SourceFunction[Any]):
    """Keeps the place in the script; it is the source's state."""

    __state_include__ = ("position",)

    def __init__(self, script: _Script) -> None:
        super().__init__()
        self.script = script
        self.position = 0

    def execute(self) -> Payload:
        """Return the next entry, marks as they are; a `StopSignal` behind the last one."""
        if self.position >= len(self.script.entries):
            return StopSignal("script")
        self.position += 1
        return self.script.entries[self.position - 1]

    def abort_once(self) -> None:
        """Raise at the mark just read, unless it has done so before."""
        at = self.position - 1
        if at not in self.script.aborted:
            self.script.aborted.add(at)
            raise ScriptAbortError(f"The script said ABORT at its entry {at}.")


class _ScriptOperator(BaseOperator):
    kind = KIND_SOURCE
    source_error = "fail"

    def __init__(
        self,
        execution_context: Any,
        function_class: Callable[..., Any],
        *args: Payload,
        **kwargs: Payload,
    ) -> None:
        super().__init__(execution_context, function_class, *args, **kwargs)
        self._must_abort = False

    def poll(self, limit: int) -> SourcePoll:
        """Return records up to the next mark."""
        if self._must_abort:
            self._must_abort = False
            self.function.abort_once()
        records: list[Payload] = []
        while len(records) < limit:
            match self.function.execute():
                case StopSignal() | ScriptMark.EOF:
                    return SourcePoll(records, "ended")
                case Pause(seconds):
                    return SourcePoll(records, "idle", seconds)
                case ScriptMark.ABORT:
                    # What came before it is delivered first; the next look raises.
                    self._must_abort = True
                    return SourcePoll(records, "more")
                case Watermark() as mark:
                    # A look of its own, so that nobody takes what follows for earlier.
                    return SourcePoll([*records, mark], "more")
                case record:
                    records.append(record)
        return SourcePoll(records, "more")


class _ScriptTimeOperator(AssignTimeOperator):
    """Believes the script, and nothing else, about how far event time is."""

    def _make_call(self, assign: Callable[[Payload], Instant]) -> Callable[[Payload], int]:
        def call(entry: Payload) -> int:
            if not isinstance(entry, Watermark):
                return instant_us(assign(entry))
            time_us = instant_us(entry.at)
            self._latest_us = max(self._latest_us, time_us)
            return time_us

        return call

    def watermark_us(self) -> int | None:
        """Return the time of the latest mark."""
        return None if self._latest_us == MIN_WATERMARK_US else self._latest_us
