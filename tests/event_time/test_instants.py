"""Instants, durations, and what is due when: the pure parts below timers and windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.core.event_time import DueItems, duration_us, instant_us, us_to_datetime
from sage_kernel_api.errors import ConfigurationError


@pytest.mark.parametrize(
    ("instant", "microseconds"),
    [
        (0, 0),
        (1.5, 1_500_000),
        (-1, -1_000_000),
        (1_700_000_000.123456, 1_700_000_000_123_456),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(2024, 1, 1, 0, 0, 0, 7, tzinfo=UTC), 1_704_067_200_000_007),
    ],
)
def test_an_instant_is_exact_to_the_microsecond(instant: Any, microseconds: int) -> None:
    """A window boundary that is off by a rounding error puts records into the wrong window."""
    assert instant_us(instant) == microseconds


@pytest.mark.parametrize("nonsense", ["now", None, True, float("nan"), float("inf"), 1e300, [1]])
def test_nonsense_is_no_instant(nonsense: Any) -> None:
    """A field with a missing time must be found at its record, not hours later in a result."""
    with pytest.raises(ConfigurationError, match="seconds since 1970"):
        instant_us(nonsense)


def test_a_datetime_without_a_zone_is_refused() -> None:
    """It would mean another instant on each machine."""
    with pytest.raises(ConfigurationError, match="no time zone"):
        instant_us(datetime(2024, 1, 1))


@pytest.mark.parametrize("nonsense", ["1", None, True, float("nan"), float("inf"), -0.1])
def test_nonsense_is_no_duration(nonsense: Any) -> None:
    """The error names the argument, at the line that gave it."""
    with pytest.raises(ConfigurationError, match="gap_s"):
        duration_us(nonsense, "gap_s")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_datetime_comes_back_as_it_was(moment: datetime) -> None:
    """What a timer was registered for is what ``on_timer`` is told."""
    assert us_to_datetime(instant_us(moment)) == moment


def test_the_end_of_time_is_no_datetime() -> None:
    """The last watermark lies outside of the calendar; that must be said in our words."""
    with pytest.raises(ConfigurationError, match="out of the calendar"):
        us_to_datetime(2**63 - 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 3))), st.integers(0, 9))
def test_what_is_due_comes_by_time_then_in_the_order_of_adding(
    changes: list[tuple[bool, int, int]], until: int
) -> None:
    """Against a plain list: timers fire in the documented order, each once."""
    due = DueItems[int]()
    model: list[tuple[int, int]] = []

    for adds, time, item in changes:
        if adds:
            assert due.add(time, item) == ((time, item) not in model)
            model += [] if (time, item) in model else [(time, item)]
        else:
            assert due.discard(time, item) == ((time, item) in model)
            model = [each for each in model if each != (time, item)]

    in_order = sorted(model, key=lambda each: each[0])
    assert due.next_us == (in_order[0][0] if in_order else None)
    assert list(due.take(until)) == [each for each in in_order if each[0] <= until]
    assert list(due.take(9)) == [each for each in in_order if each[0] > until]


def test_what_is_added_and_discarded_meanwhile_is_respected() -> None:
    """A timer that registers an earlier one, deletes a later one, and registers itself again."""
    due = DueItems[str]()
    for time, item in [(5, "a"), (5, "b"), (7, "c")]:
        due.add(time, item)

    seen = []
    for time, item in due.take(10):
        seen.append((time, item))
        if seen == [(5, "a")]:
            due.add(3, "early")
            due.add(5, "late")
            due.discard(7, "c")
        if item == "early":
            due.add(5, "a")

    assert seen == [(5, "a"), (3, "early"), (5, "b"), (5, "late"), (5, "a")]
