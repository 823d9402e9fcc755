"""What is special about kernels: lanes in processes, asynchronous calls, columns of times."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from sage_kernel_api import (
    LocalEnvironment,
    OutputTag,
    ProcessOutput,
    SourceFunction,
    StopSignal,
    TumblingTimeWindows,
)
from sage_kernel_api.core.pipeline_builder import build_pipeline_config
from sage_kernel_default.plan import LogicalPlan
from tests.event_time.jobs import JOBS, key_of
from tests.event_time.test_any_order import BOUND_S, run

LEFT = [
    (key, time, number)
    for number, (key, time) in enumerate(
        [
            ("a", 0),
            ("b", 7),
            ("a", 3),
            ("c", 12),
            ("a", 15),
            ("b", 9),
            ("a", 27),
            ("c", 20),
            ("a", 39),
        ]
    )
]
RIGHT = [
    (key, time, 100 + number)
    for number, (key, time) in enumerate(
        [("a", 2), ("c", 11), ("b", 8), ("a", 14), ("b", 25), ("a", 22), ("d", 31)]
    )
]


QUICK = ("session", "full_join")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in JOBS]
)
def test_times_and_watermarks_cross_processes(name: str) -> None:
    """Whoever spreads a job over cores must get the same numbers."""
    job = JOBS[name]

    results, late = run(job, LEFT, RIGHT, "default?lanes=process", 2)

    assert results == sorted(job.model(LEFT, RIGHT), key=repr)
    assert not late


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", JOBS)
def test_any_order_of_turns_gives_the_same_results(name: str, seed: int) -> None:
    """Which task comes first, and how large its frames are, is no part of the result."""
    job = JOBS[name]

    results, late = run(job, LEFT, RIGHT, f"default?driver=sim&seed={seed}", 1 + seed)

    assert results == sorted(job.model(LEFT, RIGHT), key=repr)
    assert not late


def plan_of(env: LocalEnvironment) -> LogicalPlan:
    return LogicalPlan.from_config(build_pipeline_config("plan", {}, env.pipeline, ()))


def timed_edges(env: LocalEnvironment) -> set[str]:
    return {str(edge) for edge in plan_of(env).edges if edge.is_timed}


def hand_on(word: str, out: ProcessOutput[str]) -> None:
    out.collect(word)


def test_without_event_time_no_edge_has_a_column_of_times() -> None:
    """Jobs that do not use event time must not pay for it."""
    env = LocalEnvironment("plan")
    numbers = env.from_collection([1, 2]).map(str, name="map").keyby(len, name="key")
    numbers.process(hand_on, name="process").sink(print, name="sink")

    assert not timed_edges(env)


def test_times_are_carried_only_as_far_as_they_are_read() -> None:
    """The steps behind the last window, and before the first time, pay nothing."""
    env = LocalEnvironment("plan")
    numbers = env.from_collection([1, 2], name="source").map(abs, name="before")
    timed = numbers.assign_timestamps(float, name="time").filter(bool, name="filter")
    timed.sink(print, name="other")
    windows = timed.keyby(str, name="key").window(TumblingTimeWindows(1))
    windows.reduce(max, name="window").map(str, name="after").sink(print, name="sink")

    assert timed_edges(env) == {"time -> filter", "filter -> key", "key -> window"}


@pytest.mark.parametrize("kernel", ["mock", "default"])
@pytest.mark.parametrize("ordered", [True, False])
def test_time_does_not_overtake_asynchronous_calls(kernel: str, ordered: bool) -> None:
    """Results of slow calls would be late for the windows behind them, and be thrown away."""

    async def slow(number: int) -> int:
        await asyncio.sleep(0.002 * (number % 3))
        return number

    with LocalEnvironment("calls", kernel=kernel) as env:
        timed = env.from_collection(range(60)).assign_timestamps(lambda number: number)
        called = timed.map_async(slow, capacity=7, ordered=ordered)
        windows = called.keyby(lambda number: number % 2).window(
            TumblingTimeWindows(10), late_output=OutputTag[int]("late")
        )
        stream = windows.process(lambda key, window, n: [(key, window.start_us, sorted(n))])
        late: list[Any] = []
        stream.get_side_output(OutputTag[Any]("late")).sink(late.append)
        results = stream.collect()

    assert not late
    assert sorted(results) == [
        (key, start * 1_000_000, [n for n in range(start, start + 10) if n % 2 == key])
        for key in (0, 1)
        for start in range(0, 60, 10)
    ]


class Trickle(SourceFunction[int]):
    """Gives one record, then nothing until it is told to end."""

    over = threading.Event()

    def __init__(self) -> None:
        self.has_given = False

    def execute(self) -> int | StopSignal | None:
        if not self.has_given:
            self.has_given = True
            return 1
        return StopSignal("over") if self.over.is_set() else None


def test_an_idle_source_does_not_hold_up_the_others() -> None:
    """A sensor that is silent must not stop the reports of all the others."""
    Trickle.over.clear()
    came = threading.Event()
    windows: list[Any] = []

    def take(result: Any) -> None:
        windows.append(result)
        came.set()

    def timed(stream: Any, idle_after_s: float | None) -> Any:
        return stream.assign_timestamps(lambda second: second, 0, idle_after_s)

    with LocalEnvironment("idle") as env:
        silent = timed(env.from_source(Trickle, delay=0.001), 0.05)
        busy = timed(env.from_source(Trickle, delay=0.001).map(lambda _: 100), None)
        keyed = silent.union(busy).keyby(lambda _: "all")
        keyed.window(TumblingTimeWindows(10)).reduce(min).sink(take)
        env.submit()
        came_in_time = came.wait(20)
        Trickle.over.set()
        env.wait(20)

    assert came_in_time
    assert windows == [1, 100]


def test_a_silent_source_without_idleness_holds_time_where_it_is() -> None:
    """The default is exact: what may still come is waited for."""
    job = JOBS["tumbling"]
    with LocalEnvironment("held") as env:

        def timed(events: list[Any]) -> Any:
            return env.from_collection(events).assign_timestamps(lambda e: e[1], BOUND_S)

        both = timed([("a", 1000, 1)]).union(timed(LEFT)).keyby(key_of)
        results = job.build(both, both).collect()

    assert ("a", 3, 13, (2,)) in results
    assert len(results) == len(job.model(LEFT, [])) + 1


def test_a_record_without_time_fails_the_job_and_says_why() -> None:
    """A window cannot guess. The check before the start sees most ways, but not all."""
    with LocalEnvironment("untimed") as env:
        timed = env.from_collection([1]).assign_timestamps(float)
        untimed = env.from_collection([2])
        keyed = timed.union(untimed).keyby(str)
        stream = keyed.window(TumblingTimeWindows(1)).reduce(max)

        with pytest.raises(Exception, match=r"have none; put assign_timestamps"):
            stream.collect()
