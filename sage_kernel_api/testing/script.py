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
from sage_kernel_api.core.functions import SourceFunction
from sage_kernel_api.core.operators import BaseOperator
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.core.transformation import BaseTransformation, Outlet, StepOptions
from sage_kernel_api.errors import ConfigurationError, KernelError
from sage_kernel_api.runnable import KIND_SOURCE, SourcePoll
from sage_kernel_api.values import Payload, StopSignal

__all__ = [
    "ABORT",
    "EOF",
    "PAUSE",
    "Pause",
    "ScriptAbortError",
    "ScriptMark",
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


def scripted_source(
    env: BaseEnvironment[Any], *script: T | Pause | ScriptMark, name: str = "script"
) -> DataStream[T]:
    """Begin a stream with a script; one instance plays it, whatever the parallelism.

    Args:
        env: Where the pipeline is described.
        script: Records, and the marks `EOF`, `ABORT` and ``PAUSE(s)`` among them; the end of the
            script is an `EOF`. One argument each, because type checkers take a list with marks in
            it for a list of anything.
        name: Name of the step.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> env = LocalEnvironment(kernel="mock")
        >>> scripted_source(env, 1, PAUSE(3600), 2, EOF, 3).execute_and_collect()
        [1, 2]
    """
    step = BaseTransformation(
        env,
        _ScriptOperator,
        _ScriptFunction,
        (_Script(script),),
        options=StepOptions(env.free_name(name), parallelism=1),
    )
    return DataStream(env, (Outlet(env.add_transformation(step)),))


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
                case record:
                    records.append(record)
        return SourcePoll(records, "more")
