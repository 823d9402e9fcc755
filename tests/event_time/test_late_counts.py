"""Late records that nobody wants are counted where the job's status shows it."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, OutputTag, TimeWindow, TumblingTimeWindows
from tests.event_time.test_semantics_page import timed

_LATE = OutputTag[float]("late")
# [0, 10) is over behind 15 and [10, 20) behind 25: late are 5 and 9, and then 12.
_RECORDS = [1.0, 15.0, 5.0, 9.0, 25.0, 12.0, 30.0]


def _key(record: float) -> int:
    return 0


def _count(key: int, window: TimeWindow, found: list[float]) -> list[int]:
    return [len(found)]


def _first(left: float, right: float) -> float:
    return left


@pytest.mark.parametrize("kernel", ["mock", "default", "default?lanes=process"])
def test_late_records_without_an_output_are_in_the_status(kernel: str) -> None:
    """Whoever chose the bound too small must see it in a figure, not in a log after the end."""
    results: list[int] = []
    with LocalEnvironment("late", kernel=kernel) as env:
        windows = timed(env, _RECORDS, 0.0).keyby(_key).window(TumblingTimeWindows(10))
        counts = windows.process(_count, name="windows", parallelism=2)
        counts.sink(results.append, name="show")
        env.submit()
        steps: Any = env.wait(60)["steps"]

    assert steps["windows"]["late"] == 3
    assert (sum(results), steps["windows"]["records_in"]) == (len(_RECORDS) - 3, len(_RECORDS))
    # A step that can drop nothing so says nothing, which is not the same as 0.
    assert "late" not in steps["show"]


@pytest.mark.parametrize("kernel", ["mock", "default"])
def test_late_records_with_an_output_are_not_dropped(kernel: str) -> None:
    """They would be counted as lost, and are not."""
    late: list[float] = []
    with LocalEnvironment("late", kernel=kernel) as env:
        windows = timed(env, _RECORDS, 0.0).keyby(_key)
        windows = windows.window(TumblingTimeWindows(10), late_output=_LATE)
        counts = windows.process(_count, name="windows")
        counts.sink(lambda count: None)
        counts.get_side_output(_LATE).sink(late.append)
        env.submit()
        steps: Any = env.wait(60)["steps"]

    assert steps["windows"]["late"] == 0
    assert late == [5.0, 9.0, 12.0]


def test_joins_count_too() -> None:
    """A record that finds no partner because it is late looks like one that has none."""
    with LocalEnvironment("late", kernel="mock") as env:
        times = timed(env, _RECORDS, 0.0)
        left, right = times.keyby(_key), times.filter(lambda time: time > 20).keyby(_key)
        pairs = left.connect(right).interval_join(_first, lower_s=0, upper_s=1, name="pairs")
        pairs.sink(lambda pair: None)
        env.submit()
        steps: Any = env.wait(60)["steps"]

    assert steps["pairs"]["late"] == 3
