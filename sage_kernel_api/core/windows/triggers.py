"""When a window is looked at: its results come out, its contents go, or neither.

Layer: core. As Flink's triggers, with the state and the timers of a trigger in its context.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import ClassVar, Generic, Protocol, TypeVar

from sage_kernel_api.core.arguments import check_positive
from sage_kernel_api.core.event_time import duration_us
from sage_kernel_api.values import Payload

__all__ = [
    "CountTrigger",
    "EventTimeTrigger",
    "Trigger",
    "TriggerContext",
    "TriggerResult",
    "WallClockTrigger",
]

T_contra = TypeVar("T_contra", contravariant=True)


class TriggerResult(Enum):
    """What becomes of a window: whether results come out, then whether its contents go.

    Attributes:
        fires: Whether results come out.
        purges: Whether the contents go afterwards.
    """

    CONTINUE = (False, False)
    FIRE = (True, False)
    PURGE = (False, True)
    FIRE_AND_PURGE = (True, True)

    def __init__(self, fires: bool, purges: bool) -> None:
        self.fires = fires
        self.purges = purges


class TriggerContext(Protocol):
    """What a trigger knows of the window at hand. Valid during the call only."""

    @property
    def state(self) -> dict[str, Payload]:
        """The trigger's own values for this window and key, kept with it; may be changed."""
        ...

    @property
    def last_us(self) -> int:
        """The last event time that belongs to the window; for one that never ends, 2**63 - 2."""
        ...

    @property
    def watermark_us(self) -> int:
        """The event time that is over."""
        ...

    @property
    def processing_time_us(self) -> int:
        """The present by the kernel's clock."""
        ...

    def register_event_time(self, time_us: int) -> None:
        """Have `Trigger.on_event_time` called once event time has reached *time_us*."""
        ...

    def register_processing_time(self, time_us: int) -> None:
        """Have `Trigger.on_processing_time` called once the clock has reached *time_us*."""
        ...


class Trigger(ABC, Generic[T_contra]):
    """Decides when the results of a window come out.

    One object serves all windows of an instance, so what it must remember of one window belongs
    into ``context.state``.

    Attributes:
        can_merge: Whether it works on windows that are merged (sessions): it keeps no state then.
    """

    can_merge: ClassVar[bool] = False

    @abstractmethod
    def on_element(
        self, value: T_contra, time_us: int | None, context: TriggerContext
    ) -> TriggerResult:
        """Decide after *value* was added; *time_us* is its event time."""

    def on_event_time(self, time_us: int, context: TriggerContext) -> TriggerResult:
        """Decide as event time has reached the window's last moment, or a registered time."""
        return TriggerResult.CONTINUE

    def on_processing_time(self, time_us: int, context: TriggerContext) -> TriggerResult:
        """Decide as the clock has reached a registered time."""
        return TriggerResult.CONTINUE


class EventTimeTrigger(Trigger[object]):
    """Fires at the window's end, and again for each late record that is still allowed."""

    can_merge = True

    def on_element(
        self, value: object, time_us: int | None, context: TriggerContext
    ) -> TriggerResult:
        """Fire if the window's end is over already."""
        is_over = context.last_us <= context.watermark_us
        return TriggerResult.FIRE if is_over else TriggerResult.CONTINUE

    def on_event_time(self, time_us: int, context: TriggerContext) -> TriggerResult:
        """Fire at the window's last moment."""
        return TriggerResult.FIRE if time_us == context.last_us else TriggerResult.CONTINUE


class CountTrigger(Trigger[object]):
    """Fires at each *count*-th record of a window.

    Args:
        count: At least 1.
        purge: Whether the contents go each time, so that every record is in one result.

    Raises:
        ConfigurationError: *count* is no whole number from 1.
    """

    def __init__(self, count: int, *, purge: bool = False) -> None:
        self._count = check_positive(count, "count")
        self._fires = TriggerResult.FIRE_AND_PURGE if purge else TriggerResult.FIRE

    def on_element(
        self, value: object, time_us: int | None, context: TriggerContext
    ) -> TriggerResult:
        """Count, and fire when the count is full."""
        seen = context.state.get("seen", 0) + 1
        context.state["seen"] = seen % self._count
        return TriggerResult.CONTINUE if seen < self._count else self._fires


class WallClockTrigger(Trigger[object]):
    """Fires some time after a window's first record, by the clock, and after each later interval.

    Args:
        interval_s: Seconds between the first record that is not in a result yet and the result.
        purge: Whether the contents go each time.

    Raises:
        ConfigurationError: *interval_s* is shorter than a microsecond, or no number.
    """

    def __init__(self, interval_s: float, *, purge: bool = False) -> None:
        self._interval_us = duration_us(interval_s, "interval_s", least_us=1)
        self._fires = TriggerResult.FIRE_AND_PURGE if purge else TriggerResult.FIRE

    def on_element(
        self, value: object, time_us: int | None, context: TriggerContext
    ) -> TriggerResult:
        """Register a timer, unless one waits already."""
        if not context.state.get("waits"):
            context.state["waits"] = True
            context.register_processing_time(context.processing_time_us + self._interval_us)
        return TriggerResult.CONTINUE

    def on_processing_time(self, time_us: int, context: TriggerContext) -> TriggerResult:
        """Fire."""
        context.state["waits"] = False
        return self._fires
