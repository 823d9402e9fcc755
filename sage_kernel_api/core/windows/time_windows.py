"""The windows of one step's keys over event time: which are open, what falls due, what is late.

Layer: core. Pure but for the table it is given, which a kernel keeps. All rules of the page
``docs/event-time.md`` are here.

Source:
    Akidau et al. 2015, "The Dataflow Model", VLDB 8(12): windows, triggers, allowed lateness,
    merging of sessions (2.2); Flink's ``WindowOperator`` for what happens in which order.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from sage_kernel_api.core.event_time import DueItems
from sage_kernel_api.core.windows.assigners import ENDLESS, Span, TimeWindowAssigner
from sage_kernel_api.core.windows.contents import Contents
from sage_kernel_api.core.windows.triggers import EventTimeTrigger, Trigger, TriggerResult
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = ["Fire", "TimeWindows", "WindowKeeper"]

_Domain: TypeAlias = Literal["event", "processing"]
_END_US: Final = ENDLESS[1]
# What is kept of one window: [is it empty, contents, the trigger's state, its timers].
_EMPTY, _KEPT, _STATE, _TIMERS = range(4)
_Entry: TypeAlias = list[Any]


class Fire(Protocol):
    """Called when results shall come out."""

    def __call__(self, key: Payload, window: Any, kept: Payload, time_us: int | None, /) -> None:
        """Emit the results of *window* under *key*; *time_us* None: the time of what fired it."""
        ...


class WindowKeeper(Protocol):
    """What a window operator asks of its windows."""

    watermark_us: int

    def restore(self) -> None:
        """Find out again what falls due, from the table; once, before anything else."""

    def add(self, key: Payload, value: Payload, time_us: int | None) -> bool:
        """Put a record into its windows; False if it is late: no open window takes it."""
        ...

    def advance(self, watermark_us: int) -> None:
        """Act on event time having come this far."""

    @property
    def next_due_us(self) -> int | None:
        """When the clock is to be looked at."""
        ...

    def advance_clock(self, now_us: int) -> None:
        """Act on the clock having come this far."""


class TimeWindows:
    """Windows of event time by key.

    Args:
        table: By key: by span: what is kept. Belongs to this object while it lives.
        assigner: Which windows there are.
        trigger: When they are looked at.
        lateness_us: How long after its end a window still takes records.
        contents: What they keep.
        fire: Emits results.
        now_us: Tells the clock's time.
    """

    def __init__(
        self,
        table: MutableMapping[Payload, Payload],
        assigner: TimeWindowAssigner[Any],
        trigger: Trigger[Any],
        lateness_us: int,
        contents: Contents,
        fire: Fire,
        now_us: Callable[[], int],
    ) -> None:
        self.watermark_us: int = MIN_WATERMARK_US
        self._table = table
        self._assigner = assigner
        self._trigger = trigger
        # The usual trigger needs no context and no state, so its windows get neither.
        self._is_usual = type(trigger) is EventTimeTrigger
        self._lateness_us = lateness_us
        self._contents = contents
        self._fire = fire
        self._now_us = now_us
        self._due: dict[_Domain, DueItems[tuple[Payload, Span]]] = {
            "event": DueItems(),
            "processing": DueItems(),
        }

    def restore(self) -> None:
        """Find out again what falls due."""
        for key, windows in self._table.items():
            for span, entry in windows.items():
                self._schedule(key, span)
                for domain, time_us in entry[_TIMERS] or ():
                    self._due[domain].add(time_us, (key, span))

    def add(self, key: Payload, value: Payload, time_us: int | None) -> bool:
        """Put a record into its windows."""
        # A record without a time is checked for before, and only an endless window takes it.
        spans = self._assigner.spans(time_us if time_us is not None else 0)
        windows = self._table.get(key)
        if windows is None:
            windows = {}
        is_taken = False
        for span in spans:
            if self._assigner.is_merging:
                span = self._merge(key, windows, span)
            if self._cleanup_us(span) <= self.watermark_us:
                windows.pop(span, None)
                continue
            is_taken = True
            self._put(key, windows, span, value, time_us)
        if windows:
            self._table[key] = windows
        else:
            self._table.pop(key, None)
        return is_taken or not spans

    def advance(self, watermark_us: int) -> None:
        """Fire and forget what is due."""
        # After a restore the inputs begin anew: until they pass what was reached, time stands.
        self.watermark_us = max(self.watermark_us, watermark_us)
        for time_us, (key, span) in self._due["event"].take(watermark_us):
            self._look(key, span, "event", time_us)

    @property
    def next_due_us(self) -> int | None:
        """The earliest time that a trigger waits for."""
        return self._due["processing"].next_us

    def advance_clock(self, now_us: int) -> None:
        """Ask the trigger about the windows that are due."""
        for time_us, (key, span) in self._due["processing"].take(now_us):
            self._look(key, span, "processing", time_us)

    # --- records -------------------------------------------------------------------------------

    def _put(
        self,
        key: Payload,
        windows: dict[Span, _Entry],
        span: Span,
        value: Payload,
        time_us: int | None,
    ) -> None:
        entry = windows.get(span)
        if entry is None:
            span = (span[0], span[1])
            windows[span] = entry = [False, self._contents.first(value), None, None]
            self._schedule(key, span)
        elif entry[_EMPTY]:
            entry[_EMPTY], entry[_KEPT] = False, self._contents.first(value)
        else:
            entry[_KEPT] = self._contents.add(entry[_KEPT], value)
        if not self._is_usual:
            context = _Context(self, key, span, entry)
            self._settle(key, span, entry, self._trigger.on_element(value, time_us, context))
        elif span[1] - 1 <= self.watermark_us:
            self._settle(key, span, entry, TriggerResult.FIRE)

    def _merge(self, key: Payload, windows: dict[Span, _Entry], span: Span) -> Span:
        """Make one window of *span* and of all that overlap it; return its span.

        Windows are half open: two that only touch stay apart. So a window that has ended cannot
        be reached by a record that is not late, and the result does not depend on when it ended.
        """
        begin, end = span
        hit = [other for other in windows if other[0] < end and begin < other[1]]
        if not hit:
            return span
        merged = (min(begin, *(o[0] for o in hit)), max(end, *(o[1] for o in hit)))
        if hit == [merged]:
            return merged
        entry = windows.pop(hit[0])
        for other in hit[1:]:
            entry[_KEPT] = self._contents.merge(entry[_KEPT], windows.pop(other)[_KEPT])
        windows[merged] = entry
        # What was scheduled for the old ones finds no window, and is passed over.
        self._schedule(key, merged)
        return merged

    # --- what falls due ------------------------------------------------------------------------

    def _cleanup_us(self, span: Span) -> int:
        return min(span[1] - 1 + self._lateness_us, _END_US) if span[1] < _END_US else _END_US + 1

    def _schedule(self, key: Payload, span: Span) -> None:
        if span[1] >= _END_US:
            return  # it never ends
        due, item = self._due["event"], (key, span)
        if span[1] - 1 > self.watermark_us:
            due.add(span[1] - 1, item)
        if self._lateness_us:
            due.add(self._cleanup_us(span), item)

    def _look(self, key: Payload, span: Span, domain: _Domain, time_us: int) -> None:
        windows = self._table.get(key)
        entry = None if windows is None else windows.get(span)
        if windows is None or entry is None:
            return  # merged into another one, meanwhile
        is_event = domain == "event"
        if not self._is_usual:
            context = _Context(self, key, span, entry)
            _forget_timer(entry, domain, time_us)
            decide = self._trigger.on_event_time if is_event else self._trigger.on_processing_time
            self._settle(key, span, entry, decide(time_us, context))
        elif time_us == span[1] - 1:
            self._settle(key, span, entry, TriggerResult.FIRE)
        if is_event and time_us == self._cleanup_us(span):
            del windows[span]
        if windows:
            self._table[key] = windows
        else:
            del self._table[key]

    def _settle(self, key: Payload, span: Span, entry: _Entry, result: TriggerResult) -> None:
        if result.fires and not entry[_EMPTY]:
            last_us = span[1] - 1 if span[1] < _END_US else None
            self._fire(key, self._assigner.window_of(span), entry[_KEPT], last_us)
        if result.purges:
            entry[_EMPTY], entry[_KEPT] = True, None

    def register(
        self, key: Payload, span: Span, entry: _Entry, domain: _Domain, time_us: int
    ) -> None:
        """Have the trigger asked about a window at *time_us*."""
        if self._due[domain].add(time_us, (key, span)):
            entry[_TIMERS] = [*(entry[_TIMERS] or ()), (domain, time_us)]


def _forget_timer(entry: _Entry, domain: _Domain, time_us: int) -> None:
    if entry[_TIMERS]:
        entry[_TIMERS] = [t for t in entry[_TIMERS] if tuple(t) != (domain, time_us)] or None


@dataclass(slots=True)
class _Context:
    """Implements `TriggerContext`."""

    _windows: TimeWindows
    _key: Payload
    _span: Span
    _entry: _Entry

    @property
    def state(self) -> dict[str, Payload]:
        if self._entry[_STATE] is None:
            self._entry[_STATE] = {}
        state: dict[str, Payload] = self._entry[_STATE]
        return state

    @property
    def last_us(self) -> int:
        return self._span[1] - 1

    @property
    def watermark_us(self) -> int:
        return self._windows.watermark_us

    @property
    def processing_time_us(self) -> int:
        return self._windows._now_us()

    def register_event_time(self, time_us: int) -> None:
        self._windows.register(self._key, self._span, self._entry, "event", time_us)

    def register_processing_time(self, time_us: int) -> None:
        self._windows.register(self._key, self._span, self._entry, "processing", time_us)
