"""Windows, joins and late records: results by event time, the same on every kernel.

Layer: testing. Promises of ``docs/event-time.md`` for `Capability.EVENT_TIME`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sage_kernel_api.core.functions import SourceFunction
from sage_kernel_api.core.streams import DataStream, KeyedStream
from sage_kernel_api.core.windows import (
    SessionWindows,
    SlidingTimeWindows,
    TimeWindow,
    TumblingTimeWindows,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    Tape,
    TapeSource,
    durable,
    finish,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, StopSignal

_S = 1_000_000


NEEDS = (Capability.KEYED_STATE, Capability.KEYED_ROUTING)


class _OneByOne(SourceFunction[int]):
    """Gives its records one at a time, so that the watermark moves between any two."""

    def __init__(self, records: list[int]) -> None:
        super().__init__()
        self.records = records
        self.next = 0

    def execute(self) -> int | StopSignal | None:
        if self.next == len(self.records):
            return StopSignal()
        self.next += 1
        return self.records[self.next - 1]


def keyed(env: Env, records: list[int], bound_s: float) -> KeyedStream[str, int]:
    """Return records that come one by one, each at its own number of seconds, under one key."""
    source: DataStream[int] = env.from_source(_OneByOne, records, delay=1e-6)
    return source.assign_timestamps(float, bound_s).keyby(lambda record: "all")


def shown(key: str, window: TimeWindow, records: Any) -> list[Any]:
    """Return a window and its records, to compare them."""
    return [(window.start_us // _S, window.end_us // _S, list(records))]


WINDOWS: dict[str, tuple[Any, list[int], list[Any]]] = {
    "tumbling": (
        TumblingTimeWindows(10),
        [3, 12, -1, 9, 10],
        [(-10, 0, [-1]), (0, 10, [3, 9]), (10, 20, [12, 10])],
    ),
    "sliding": (
        SlidingTimeWindows(10, 5),
        [0, 7],
        [(-5, 5, [0]), (0, 10, [0, 7]), (5, 15, [7])],
    ),
    "with gaps": (SlidingTimeWindows(4, 10), [3, 4, 9, 10], [(0, 4, [3]), (10, 14, [10])]),
    "sessions": (
        SessionWindows(5),
        [0, 8, 4, 30],
        [(0, 13, [0, 8, 4]), (30, 35, [30])],
    ),
}


@promise(Capability.EVENT_TIME, *NEEDS, variants=WINDOWS)
def records_meet_by_when_they_happened(bench: Workbench, case: Any) -> None:
    """Every kind of window has the records of its time, in the order of their arrival."""
    assigner, records, expected = case
    env = bench.environment()

    got = bench.collect(keyed(env, records, 100).window(assigner).process(shown))

    expect_equal(sorted(got), expected, "the windows")


@promise(Capability.EVENT_TIME, *NEEDS)
def a_window_comes_out_when_its_time_is_over(bench: Workbench) -> None:
    """Not before, since records may come; not at the end only, since somebody waits."""
    env = bench.environment()
    seen: list[int] = []

    def look(record: int) -> int:
        seen.append(record)
        return record

    timed = keyed(env, [1, 9, 10, 25, 40], 5).map(look)
    windows = timed.keyby(lambda record: "all").window(TumblingTimeWindows(10))
    results = windows.process(lambda key, window, records: [(window.end_us // _S, seen[-1])])

    got = bench.collect(results)

    # [0, 10) is over at 15 and later, which is known behind 25; [10, 20) behind 25 or 40.
    expect_equal([end for end, _ in got], [10, 20, 30, 50], "the ends of the windows, in order")
    expect_equal(got[0][1] >= 25, True, "whether the first one waited for its time")


@promise(Capability.EVENT_TIME, *NEEDS)
def results_of_windows_have_times(bench: Workbench) -> None:
    """A result has the last microsecond of its window, so that windows follow on windows."""
    env = bench.environment()
    counts = (
        keyed(env, [*range(40)], 50)
        .window(TumblingTimeWindows(5))
        .process(lambda key, window, records: [len(records)])
    )

    sums = counts.window_all(TumblingTimeWindows(20)).reduce(
        lambda a, b: a + b, result=lambda key, window, total: (window.start_us // _S, total)
    )

    expect_equal(sorted(bench.collect(sums)), [(0, 20), (20, 20)], "the sums of the counts")


@promise(Capability.EVENT_TIME, *NEEDS)
def a_datetime_is_its_microseconds(bench: Workbench) -> None:
    """A function may tell a datetime with a time zone instead of seconds."""
    env = bench.environment()
    stream = env.from_collection([1, 12]).assign_timestamps(
        lambda second: datetime.fromtimestamp(second, UTC)
    )

    windows = stream.keyby(lambda record: "all").window(TumblingTimeWindows(10)).process(shown)

    expect_equal(bench.collect(windows), [(0, 10, [1]), (10, 20, [12])], "the windows")


def _pair(left: int | None, right: int | None) -> Any:
    return left, right


JOINS: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
    "inner": (
        lambda both: both.window(TumblingTimeWindows(10)).inner(_pair),
        [(1, 3), (2, 3)],
    ),
    "full": (
        lambda both: both.window(TumblingTimeWindows(10)).full(_pair),
        [(1, 3), (2, 3), (11, None), (None, 25)],
    ),
    "interval": (
        lambda both: both.interval_join(_pair, lower_s=-8, upper_s=1),
        [(2, 3), (11, 3)],
    ),
    "as of": (lambda both: both.asof_join(_pair), [(1, None), (2, None), (11, 3)]),
}


@promise(Capability.EVENT_TIME, *NEEDS, variants=JOINS)
def streams_are_joined_by_time(bench: Workbench, case: Any) -> None:
    """Every kind of join has the pairs whose times belong together, each once."""
    build, expected = case
    env = bench.environment()
    left, right = keyed(env, [1, 2, 11], 100), keyed(env, [3, 25], 100)

    got = bench.collect(build(left.connect(right)))

    expect_equal(sorted(got, key=str), sorted(expected, key=str), "the pairs")


def _modulo_5(record: int) -> int:
    return record % 5


def _size(key: int, window: TimeWindow, records: Any) -> list[Any]:
    return [(key, window.start_us // _S, sorted(records))]


@promise(Capability.EVENT_TIME, Capability.PARALLELISM, *NEEDS)
def windows_are_the_same_on_any_number_of_instances(bench: Workbench) -> None:
    """Parallel instances give the results of one, in some order."""
    records = [number * 37 % 500 for number in range(500)]
    found = []
    for parallelism in (1, 3):
        env = bench.environment()
        timed = env.from_collection(records).assign_timestamps(float, 500, parallelism=parallelism)
        windows = timed.keyby(_modulo_5).window(SlidingTimeWindows(40, 20))
        found.append(sorted(bench.collect(windows.process(_size, parallelism=parallelism))))

    expect_equal(found[1], found[0], "the windows of three instances")
    expect_equal(sum(len(records) for _, _, records in found[0]), 2 * 500, "records in windows")


@promise(Capability.EVENT_TIME, Capability.CHECKPOINTS, *NEEDS)
def windows_go_on_after_a_crash(bench: Workbench) -> None:
    """Open windows, and what is over, are part of a checkpoint: results are those of one run."""
    tape = Tape()
    before: list[Any] = []
    after: list[Any] = []

    def build(found: list[Any]) -> Env:
        env = durable(bench)
        numbers = env.from_source(TapeSource, tape, uid="tape")
        timed = numbers.assign_timestamps(float, 3, uid="time")
        keyed = timed.keyby(_modulo_5)
        keyed.window(TumblingTimeWindows(8)).process(_size, uid="windows").sink(found.append)
        return env

    take_checkpoint(bench, run_to(bench, build(before), tape, 45))
    bench.start_again()
    finish(bench, build(after), tape)

    wanted = [
        (key, start, [one for one in range(start, min(start + 8, 100)) if one % 5 == key])
        for start in range(0, 100, 8)
        for key in range(5)
    ]
    wanted = [one for one in wanted if one[2]]
    expect_equal(sorted([*before, *after]), sorted(wanted), "the windows of both runs")
