"""Instants and durations: what users write, and the whole microseconds that are computed with.

Layer: core. Pure. Floats are turned into microseconds once, at the door, so that equal instants
stay equal whatever is added to them afterwards.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = ["PLAIN_LIMIT_S", "Instant", "duration_us", "instant_us", "us_to_datetime"]

Instant: TypeAlias = float | datetime
"""Seconds since 1970 (UTC), as ``time.time()`` tells them, or a `datetime` with a time zone."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
PLAIN_LIMIT_S: Final = 2**62 // 1_000_000
"""Numbers of seconds beyond this are no instants."""


def instant_us(instant: Any) -> int:
    """Return an `Instant` in whole microseconds since 1970.

    Args:
        instant: A float is rounded to the nearest microsecond; an int and a datetime are exact.

    Raises:
        ConfigurationError: It is neither a finite number of seconds nor a datetime with a time
            zone, or more than 146,000 years away.

    Example:
        >>> instant_us(1.5), instant_us(datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC))
        (1500000, 2000000)
    """
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise ConfigurationError(
                f"The time {instant!r} has no time zone, so it is no instant. Give it one, as in "
                "datetime(..., tzinfo=timezone.utc), or return seconds since 1970."
            )
        return (instant - _EPOCH) // _MICROSECOND
    is_number = isinstance(instant, (int, float)) and not isinstance(instant, bool)
    if not is_number or not -PLAIN_LIMIT_S < instant < PLAIN_LIMIT_S:
        raise ConfigurationError(
            "A time is a number of seconds since 1970 or a datetime with a time zone, not "
            f"{shorten_repr(instant)}."
        )
    microseconds: int = round(instant * 1_000_000)
    return microseconds


def duration_us(seconds: Any, what: str, *, least_us: int = 0) -> int:
    """Return a duration in whole microseconds.

    Args:
        seconds: A number, or a `timedelta`.
        what: Names it in the error.
        least_us: The shortest duration that makes sense.

    Raises:
        ConfigurationError: It is no finite duration, or shorter than that.

    Example:
        >>> duration_us(0.1, "size_s")
        100000
    """
    if isinstance(seconds, timedelta):
        duration = seconds // _MICROSECOND
    elif (
        isinstance(seconds, (int, float))
        and not isinstance(seconds, bool)
        and math.isfinite(seconds)
        and abs(seconds) < PLAIN_LIMIT_S
    ):
        duration = round(seconds * 1_000_000)
    else:
        raise ConfigurationError(f"{what} is a number of seconds, not {shorten_repr(seconds)}.")
    if duration < least_us:
        raise ConfigurationError(
            f"{what} is at least {least_us / 1_000_000:g} seconds, not {shorten_repr(seconds)}."
        )
    return duration


def us_to_datetime(time_us: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC.

    Raises:
        ConfigurationError: The calendar does not reach that far (as for `MAX_WATERMARK_US`).

    Example:
        >>> us_to_datetime(1_500_000).isoformat()
        '1970-01-01T00:00:01.500000+00:00'
    """
    try:
        return _EPOCH + timedelta(microseconds=time_us)
    except OverflowError as error:
        raise ConfigurationError(
            f"The time {time_us} us is out of the calendar, which ends with the year 9999. Work "
            "with the microseconds instead."
        ) from error
