"""Triggers: those that come with the library, and one that a user writes."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import (
    CountTrigger,
    GlobalWindow,
    GlobalWindows,
    LocalEnvironment,
    MapFunction,
    ReduceFunction,
    SourceFunction,
    StopSignal,
    Trigger,
    TriggerContext,
    TriggerResult,
    TumblingTimeWindows,
    ValueState,
    WallClockTrigger,
    WindowFunction,
)
from sage_kernel_api.core.pipeline_builder import edge_partitioning


def keyed(env: LocalEnvironment, records: list[int], bound_s: float = 0) -> Any:
    timed = env.from_source(Slowly, records, delay=1e-6).assign_timestamps(float, bound_s)
    return timed.keyby(lambda number: "all")


class Slowly(SourceFunction[int]):
    """Gives one record at a time, and lingers for some looks at the end."""

    def __init__(self, records: list[int], looks: int = 0) -> None:
        self.records = iter(records)
        self.looks = looks

    def execute(self) -> int | StopSignal | None:
        record = next(self.records, None)
        if record is None:
            self.looks -= 1
        return record if record is not None or self.looks >= 0 else StopSignal("over")


def test_a_window_may_fire_before_its_end_and_at_it_only_by_its_trigger(
    env: LocalEnvironment,
) -> None:
    """Early results are asked for by a trigger, which then decides alone."""
    windows = keyed(env, [1, 2, 3, 11, 12]).window(TumblingTimeWindows(10), trigger=CountTrigger(2))

    assert windows.reduce(max).collect() == [2, 12]


class UntilMark(Trigger[int]):
    """Fires at each multiple of 5, and a second after any record by event time."""

    def on_element(self, value: int, time_us: int | None, context: TriggerContext) -> TriggerResult:
        assert time_us is not None
        context.state["seen"] = context.state.get("seen", 0) + 1
        context.register_event_time(time_us + 1_000_000)
        return TriggerResult.FIRE_AND_PURGE if value % 5 == 0 else TriggerResult.CONTINUE

    def on_event_time(self, time_us: int, context: TriggerContext) -> TriggerResult:
        assert time_us <= context.watermark_us
        return TriggerResult.FIRE if context.state["seen"] < 4 else TriggerResult.PURGE


class Show(WindowFunction[str, GlobalWindow, int, list[int]]):
    def process(self, key: str, window: GlobalWindow, values: Any) -> list[list[int]]:
        return [list(values)]


def test_a_trigger_has_state_and_timers_for_each_window(env: LocalEnvironment) -> None:
    """Users write triggers for what the library does not know."""
    windows = keyed(env, [1, 3, 5, 6, 7, 9]).window(GlobalWindows(UntilMark()))

    results = windows.process(Show).collect()

    # The record 3 tells that 2 s are over, where the first timer waits; 5 is a mark; what comes
    # from the fourth record on is purged at the next timer.
    assert results == [[1, 3], [1, 3, 5]]


def test_the_clock_brings_results_out_while_the_window_is_open(env: LocalEnvironment) -> None:
    """Live views show numbers before the day is over."""
    source = env.from_source(Slowly, [1, 2], 200, delay=0.001)
    timed = source.assign_timestamps(float)
    windows = timed.window_all(TumblingTimeWindows(1000), trigger=WallClockTrigger(0.05))

    assert windows.reduce(max).collect() == [2]


class Most(ReduceFunction[int]):
    opened = 0

    def open(self) -> None:
        type(self).opened += 1

    def execute(self, accumulated: int, data: int) -> int:
        assert self.ctx.get_key() == "all"
        return max(accumulated, data)


def test_classes_of_functions_are_opened_and_know_their_key(env: LocalEnvironment) -> None:
    """A function class behaves in a window as it does everywhere."""
    Most.opened = 0

    assert keyed(env, [1, 2, 13]).window(TumblingTimeWindows(10)).reduce(Most).collect() == [2, 13]
    assert Most.opened == 1


@pytest.mark.parametrize("parallelism", [2, 4])
def test_all_windows_of_window_all_are_in_one_instance(
    env: LocalEnvironment, parallelism: int
) -> None:
    """A total over all keys is one number, whatever the parallelism is."""
    env.parallelism = parallelism
    timed = env.from_collection(range(100)).assign_timestamps(lambda n: n, 100)

    totals = timed.window_all(TumblingTimeWindows(50)).reduce(lambda a, b: a + b).collect()

    assert totals == [sum(range(50)), sum(range(50, 100))]


class Total(MapFunction[int, tuple[str, int]]):
    """Adds up the results of all windows of a key."""

    total = ValueState(0)

    def execute(self, data: int) -> tuple[str, int]:
        self.total.set(self.total.get() + data)
        return self.ctx.get_key(), self.total.get()


@pytest.mark.parametrize("parallelism", [1, 3])
def test_results_of_windows_keep_their_keys(env: LocalEnvironment, parallelism: int) -> None:
    """What follows on windows need not say the key again, and need not send records around."""
    env.parallelism = parallelism
    timed = env.from_collection(range(60)).assign_timestamps(lambda n: n, 60)
    keyed = timed.keyby(lambda n: "abc"[n % 3])
    sums = keyed.window(TumblingTimeWindows(20)).reduce(lambda a, b: a + b, name="sums")

    last = dict(sums.map(Total, name="totals").collect())

    assert last == {key: sum(range(first, 60, 3)) for first, key in enumerate("abc")}
    totals = next(step for step in env.pipeline if step.basename == "totals")
    assert edge_partitioning(totals.edges[0], totals) == "forward"
