"""Event time: instants and durations, what is due when, timers. Pure but for the timer service."""

from sage_kernel_api.core.event_time.due import DueItems
from sage_kernel_api.core.event_time.instants import (
    PLAIN_LIMIT_S,
    Instant,
    duration_us,
    instant_us,
    us_to_datetime,
)
from sage_kernel_api.core.event_time.step_clock import StepClock
from sage_kernel_api.core.event_time.timers import Timer, TimerService

__all__ = [
    "PLAIN_LIMIT_S",
    "DueItems",
    "Instant",
    "StepClock",
    "Timer",
    "TimerService",
    "duration_us",
    "instant_us",
    "us_to_datetime",
]
