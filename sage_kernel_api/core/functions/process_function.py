"""The most general function: any number of records out, to any output, also when time has come.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.core.event_time import Timer, TimerService
from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.errors import ContextError
from sage_kernel_api.values import NONE_KEY, Payload

__all__ = ["OutputTag", "ProcessFunction", "ProcessOutput"]

I_contra = TypeVar("I_contra", contravariant=True)
O = TypeVar("O")  # noqa: E741 - the field's letter for an output
O_contra = TypeVar("O_contra", contravariant=True)
S = TypeVar("S")

_SAME_KEY = object()


# Without slots: Python 3.11 cannot make frozen, slotted and generic ones through OutputTag[int].
@dataclass(frozen=True)
class OutputTag(Generic[S]):
    """Names a side output and says what flows there.

    Attributes:
        name: Unique among the outputs of a step.

    Example:
        >>> OutputTag[str]("late").name
        'late'
    """

    name: str


class ProcessOutput(Generic[O_contra]):
    """The way out of a `ProcessFunction`. Thread use: the owning task's thread."""

    __slots__ = ("_context",)

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    def collect(self, value: O_contra, *, key: Payload = _SAME_KEY) -> None:
        """Emit to the main output; *key* replaces the key of the record, if given."""
        if key is _SAME_KEY:
            self._context.send_data(value)
        else:
            self._context.send_data(value, partition_key=NONE_KEY if key is None else key)

    def output(self, tag: OutputTag[S], value: S) -> None:
        """Emit to the side output *tag*."""
        self._context.send_data(value, target=tag.name)


class ProcessFunction(BaseFunction, ABC, Generic[I_contra, O]):
    """Any number of records out for each record in, to any output.

    Example:
        >>> LATE = OutputTag[str]("late")
        >>> class Sort(ProcessFunction[str, int]):
        ...     def process(self, value: str, out: ProcessOutput[int]) -> None:
        ...         if value.isdigit():
        ...             out.collect(int(value))
        ...         else:
        ...             out.output(LATE, value)

    On a keyed stream it may have timers: what ``self.timers`` registers calls `on_timer`.

    Example:
        >>> class Silence(ProcessFunction[str, str]):
        ...     def process(self, value: str, out: ProcessOutput[str]) -> None:
        ...         assert self.timers.event_time_us is not None
        ...         self.timers.register_event_time(self.timers.event_time_us + 60_000_000)
        ...     def on_timer(self, timer: Timer, out: ProcessOutput[str]) -> None:
        ...         out.collect(f"{self.ctx.get_key()} was silent at {timer.time:%H:%M}")
    """

    # Class attributes, so that subclasses need not call ``super().__init__()``.
    _timers: TimerService | None = None
    __state_exclude__: ClassVar[tuple[str, ...]] = ("_timers",)

    @property
    def timers(self) -> TimerService:
        """The timers of the key at hand, and the time.

        Raises:
            ContextError: There is no runtime, or the class does not define `on_timer`.
        """
        if self._timers is None:
            who = type(self).__name__
            raise ContextError(
                f"{who} has no timers: it was not opened by a kernel, or does not define "
                "on_timer(self, timer, out), which they would call."
            )
        return self._timers

    @abstractmethod
    def process(self, value: I_contra, out: ProcessOutput[O]) -> None:
        """Work on one record."""

    def on_timer(self, timer: Timer, out: ProcessOutput[O]) -> None:
        """Act on a timer; the key is that of its registration, and keyed state is of that key.

        What is emitted has the timer's event time. What this raises fails the job: there is no
        record that a policy could give up.
        """

    def finish(self, out: ProcessOutput[O]) -> None:
        """Emit what was held back: all inputs have ended, and all timers of event time fired."""
