"""Timers of functions on keyed streams: kept by key, as all keyed state is.

Layer: core. Rules as in Flink's ``TimerService``: one timer for each key and time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from sage_kernel_api.context import ExecutionContext, SupportsKeyedState
from sage_kernel_api.core.event_time.due import DueItems
from sage_kernel_api.core.event_time.instants import instant_us, us_to_datetime
from sage_kernel_api.core.event_time.step_clock import StepClock
from sage_kernel_api.errors import ConfigurationError, ContextError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["Timer", "TimerService"]

_Domain: TypeAlias = Literal["event", "processing"]
_TABLES: Final[dict[_Domain, str]] = {"event": "__timers", "processing": "__clock_timers"}


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that fires.

    Attributes:
        time_us: The time that it was registered for, in microseconds since 1970.
        domain: Whether that is event time or processing time.
    """

    time_us: int
    domain: Literal["event", "processing"]

    @property
    def time(self) -> datetime:
        """The same as a datetime in UTC."""
        return us_to_datetime(self.time_us)


class TimerService:
    """Registers timers for the key of the record at hand.

    A timer of event time fires when the watermark has reached its time, one of processing time
    when the clock has. Two timers of one key and one time are one. They fire by time, then in the
    order of registration (after a restore, in any order within one time); while they do, others
    may be registered and deleted. Timers that wait for the clock when all inputs end do not fire.
    """

    def __init__(self, context: ExecutionContext) -> None:
        if not isinstance(context, SupportsKeyedState):
            raise ContextError(
                f"Step {context.name!r} cannot keep timers: this kernel has no keyed state."
            )
        self._store = context.keyed_state
        self._clock = StepClock(context)
        self._due: dict[_Domain, DueItems[Payload]] = {
            "event": DueItems(),
            "processing": DueItems(),
        }
        self._tables: dict[_Domain, MutableMapping[Payload, Payload]] = {
            domain: self._store.table(name) for domain, name in _TABLES.items()
        }

    # --- for functions -------------------------------------------------------------------------

    @property
    def event_time_us(self) -> int | None:
        """The event time of the record at hand in microseconds since 1970; None if it has none."""
        return self._clock.event_time_us

    @property
    def watermark_us(self) -> int:
        """The event time that is over: no record with this time or an earlier one is expected."""
        return self._clock.watermark_us

    @property
    def processing_time_us(self) -> int:
        """The present by the kernel's clock, in microseconds since 1970."""
        return self._clock.processing_time_us()

    def register_event_time(self, when: int | datetime) -> None:
        """Have ``on_timer`` called once event time has reached *when*.

        Args:
            when: Microseconds since 1970, or a datetime with a time zone. A time that is over
                already fires as soon as the watermark grows again.

        Raises:
            ConfigurationError: It is neither.
        """
        self._register("event", _time_us(when))

    def register_processing_time(self, when: int | datetime) -> None:
        """Have ``on_timer`` called once the clock has reached *when*; see `register_event_time`."""
        self._register("processing", _time_us(when))

    def delete_event_time(self, when: int | datetime) -> None:
        """Forget a timer; nothing happens if there is none."""
        self._delete("event", _time_us(when))

    def delete_processing_time(self, when: int | datetime) -> None:
        """Forget a timer; nothing happens if there is none."""
        self._delete("processing", _time_us(when))

    # --- for the operator ----------------------------------------------------------------------

    def restore(self) -> None:
        """Find the timers again that the tables hold; once, when the step opens."""
        for domain, table in self._tables.items():
            due = self._due[domain]
            for key, times in table.items():
                for time_us in times:
                    due.add(time_us, key)

    @property
    def next_processing_time_us(self) -> int | None:
        """The time of the earliest timer that waits for the clock; None for none."""
        return self._due["processing"].next_us

    def fire(self, domain: _Domain, until_us: int, call: Callable[[Timer], None]) -> None:
        """Call *call* for each timer that is due, under its key and time."""
        for time_us, key in self._take(domain, until_us):
            with self._clock.at(key, time_us if domain == "event" else None):
                call(Timer(time_us, domain))

    def _take(self, domain: _Domain, until_us: int) -> Iterator[tuple[int, Payload]]:
        for time_us, key in self._due[domain].take(until_us):
            self._forget(domain, time_us, key)
            yield time_us, key

    def _register(self, domain: _Domain, time_us: int) -> None:
        key = self._store.key
        if self._due[domain].add(time_us, key):
            table = self._tables[domain]
            times = table.get(key)
            if times is None:
                times = []
            times.append(time_us)
            table[key] = times

    def _delete(self, domain: _Domain, time_us: int) -> None:
        key = self._store.key
        if self._due[domain].discard(time_us, key):
            self._forget(domain, time_us, key)

    def _forget(self, domain: _Domain, time_us: int, key: Payload) -> None:
        table = self._tables[domain]
        times = table[key]
        times.remove(time_us)
        if times:
            table[key] = times
        else:
            del table[key]


def _time_us(when: object) -> int:
    if isinstance(when, datetime):
        return instant_us(when)
    if isinstance(when, bool) or not isinstance(when, int):
        raise ConfigurationError(
            "A timer's time is a whole number of microseconds since 1970 or a datetime with a "
            f"time zone, not {shorten_repr(when)}."
        )
    return when
