"""Small jobs whose exact output is known, one for each way in which state can be lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sage_kernel_api import (
    BaseCoMapFunction,
    FlatMapFunction,
    LocalEnvironment,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    SlidingTimeWindows,
    SourceFunction,
    StopSignal,
    Timer,
    ValueState,
)
from tests.faults.parts_sink import PartsSink, read_parts
from tests.faults.progress import TRACE

__all__ = ["WORKLOADS", "Workload"]

_RECORDS = 400
_ODD_KEYS: list[Any] = [0, "", b"", (), None, 1.5, "0", (None,), -1, "ä" * 50, 2**70, (1, ("a",))]


class Paced(SourceFunction[int]):
    """Numbers, a few each millisecond, so that there is time to be killed in."""

    def __init__(self, end: int, first: int = 0) -> None:
        self.end = end
        self.next = first
        self._is_read = False

    def tell(self) -> int:
        # Once at its end, it may be asked again before the epoch is complete.
        if self.next < self.end:
            TRACE.write("told", self.ctx.name, self.next)
        return self.next

    def seek(self, position: int) -> None:
        self.next = position

    def execute(self) -> int | StopSignal:
        if not self._is_read:
            self._is_read = True
            TRACE.write("reads", self.ctx.name, self.next)
        if self.next >= self.end:
            return StopSignal("end")
        if self.next % 4 == 0:
            time.sleep(0.001)
        self.next += 1
        return self.next - 1


class Numbered(MapFunction[tuple[Any, int], tuple[str, int]]):
    """Numbers the records of each key: any loss or repetition shows in all that follow."""

    seen = ValueState(0)

    def execute(self, data: tuple[Any, int]) -> tuple[str, int]:
        count = self.seen.get() + 1
        self.seen.set(count)
        return repr(data[0]), count


class Burst(FlatMapFunction[int, tuple[int, int]]):
    """From 1 to 50 records for each one."""

    def execute(self, data: int) -> Iterable[tuple[int, int]]:
        return [(data, part) for part in range(data % 50 + 1)]


class Pair(BaseCoMapFunction):
    """Waits for the other side of each number."""

    waiting: ValueState[str | None] = ValueState(None)

    def map0(self, data: int) -> Any:
        return self._meet("left", data)

    def map1(self, data: int) -> Any:
        return self._meet("right", data)

    def _meet(self, side: str, data: int) -> Any:
        other = self.waiting.get()
        if other is None:
            self.waiting.set(side)
            return None
        assert other != side, f"{data} came twice from the {side}"
        self.waiting.clear()
        return data


class Down(ProcessFunction[tuple[int, int, int], tuple[int, int, int]]):
    """One round of a loop: counts a number down, and its rounds up."""

    def process(
        self, value: tuple[int, int, int], out: ProcessOutput[tuple[int, int, int]]
    ) -> None:
        number, left, rounds = value
        out.collect((number, left - 1, rounds + 1))


async def _later(number: int) -> int:
    await asyncio.sleep(0.001 * (number % 3))
    return number * 2


# --- the pipelines ----------------------------------------------------------------------------


def _stateless(env: LocalEnvironment, folder: str) -> None:
    env.from_source(Paced, _RECORDS).map(lambda n: n * 3).sink(PartsSink, folder)


def _keyed(env: LocalEnvironment, folder: str) -> None:
    keyed = env.from_source(Paced, _RECORDS).map(lambda n: (n % 17, n)).keyby(lambda r: r[0])
    keyed.map(Numbered, parallelism=2).sink(PartsSink, folder)


def _odd_keys(env: LocalEnvironment, folder: str) -> None:
    numbers = env.from_source(Paced, _RECORDS)
    keyed = numbers.map(lambda n: (_ODD_KEYS[n % len(_ODD_KEYS)], n)).keyby(lambda r: r[0])
    keyed.map(Numbered, parallelism=3).sink(PartsSink, folder, parallelism=2)


def _reduce(env: LocalEnvironment, folder: str) -> None:
    keyed = env.from_source(Paced, _RECORDS).keyby(lambda n: n % 5)
    keyed.reduce(lambda total, n: total + n).sink(PartsSink, folder)


def _flatmap(env: LocalEnvironment, folder: str) -> None:
    env.from_source(Paced, _RECORDS // 2).flatmap(Burst).sink(PartsSink, folder)


def _join(env: LocalEnvironment, folder: str) -> None:
    left = env.from_source(Paced, _RECORDS, name="left").keyby(lambda n: n)
    right = env.from_source(Paced, _RECORDS, name="right").keyby(lambda n: n)
    pairs = left.connect(right).comap(Pair, parallelism=2)
    pairs.filter(lambda n: n is not None).sink(PartsSink, folder)


def _loop(env: LocalEnvironment, folder: str) -> None:
    back: Any = env.from_future("back")
    numbers: Any = env.from_source(Paced, _RECORDS).map(lambda n: (n, n % 7 + 1, 0))
    rounds = numbers.connect(back).map(lambda r: r).process(Down)
    rounds.filter(lambda r: r[1] > 0).fill_future(back)
    rounds.filter(lambda r: r[1] == 0).map(lambda r: (r[0], r[2])).sink(PartsSink, folder)


def _async(env: LocalEnvironment, folder: str) -> None:
    env.from_source(Paced, _RECORDS).map_async(_later, capacity=8).sink(PartsSink, folder)


def _to_file(env: LocalEnvironment, folder: str) -> None:
    keyed = env.from_source(Paced, _RECORDS).map(lambda n: (n % 17, n)).keyby(lambda r: r[0])
    keyed.map(Numbered, parallelism=2).sink_to_file(f"{folder}/lines", "json", parallelism=2)


def _to_sqlite(env: LocalEnvironment, folder: str) -> None:
    keyed = env.from_source(Paced, _RECORDS).map(lambda n: (n % 17, n)).keyby(lambda r: r[0])
    rows = keyed.map(Numbered, parallelism=2)
    rows.sink_to_sqlite(f"{folder}/rows.db", "counts", {"key": str, "number": int})


def _read_lines(folder: Path) -> list[Any]:
    found = [path for path in folder.glob("lines*") if path.name in ("lines", "lines.1")]
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]


def _read_rows(folder: Path) -> list[Any]:
    path = folder / "rows.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path, timeout=10)) as database:
        tables = database.execute("select name from sqlite_master where name = 'counts'")
        if not tables.fetchall():
            return []
        return [list(row) for row in database.execute("select key, number from counts")]


def _on_lanes(env: LocalEnvironment, folder: str) -> None:
    keyed = env.from_source(Paced, _RECORDS).map(lambda n: (n % 17, n)).keyby(lambda r: r[0])
    counted = keyed.map(Numbered, parallelism=2)
    counted.set_placement("process")
    counted.sink(PartsSink, folder)


def _second(number: int) -> int:
    """Return the event time of a number: out of order, by less than five seconds."""
    return number - number * 7 % 5


def _timed(env: LocalEnvironment, name: str = "numbers") -> Any:
    numbers = env.from_source(Paced, _RECORDS, name=name)
    return numbers.assign_timestamps(_second, max_out_of_orderness_s=5).keyby(lambda n: n % 3)


def _windows(env: LocalEnvironment, folder: str) -> None:
    windows = _timed(env).window(SlidingTimeWindows(20, 10))
    sums = windows.process(
        lambda key, window, found: [(key, window.start_us // 1_000_000, sum(found), len(found))],
        parallelism=2,
    )
    sums.sink(PartsSink, folder)


def _window_sums() -> list[Any]:
    return [
        [key, start, sum(found), len(found)]
        for key in range(3)
        for start in range(-20, _RECORDS + 20, 10)
        if (found := [n for n in _NUMBERS if n % 3 == key and start <= _second(n) < start + 20])
    ]


def _interval(env: LocalEnvironment, folder: str) -> None:
    both = _timed(env, "left").connect(_timed(env, "right"))
    pairs = both.interval_join(lambda a, b: (a, b), lower_s=-3, upper_s=6, parallelism=2)
    pairs.sink(PartsSink, folder)


def _pairs() -> list[Any]:
    return [
        [a, b]
        for a in _NUMBERS
        for b in range(max(0, a - 20), min(_RECORDS, a + 21))
        if a % 3 == b % 3 and -3 <= _second(b) - _second(a) <= 6
    ]


class Remind(ProcessFunction[int, tuple[int, int, int]]):
    """Fires ten seconds after each number, and counts how often it did."""

    fired = ValueState(0)

    def process(self, value: int, out: ProcessOutput[tuple[int, int, int]]) -> None:
        self.timers.register_event_time((_second(value) + 10) * 1_000_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[tuple[int, int, int]]) -> None:
        self.fired.set(self.fired.get() + 1)
        out.collect((self.ctx.get_key(), self.fired.get(), timer.time_us // 1_000_000))


def _timers(env: LocalEnvironment, folder: str) -> None:
    _timed(env).process(Remind, parallelism=2).sink(PartsSink, folder)


def _fired() -> list[Any]:
    return [
        [key, number, second + 10]
        for key in range(3)
        for number, second in enumerate(sorted({_second(n) for n in _NUMBERS if n % 3 == key}), 1)
    ]


def _counted(keys: Iterable[Any]) -> list[Any]:
    return [[repr(key), n + 1] for key, most in Counter(keys).items() for n in range(most)]


def _sums() -> list[Any]:
    return [sum(range(n % 5, n + 1, 5)) for n in range(_RECORDS)]


@dataclass(frozen=True)
class Workload:
    """A job and its output, in any order."""

    build: Callable[[LocalEnvironment, str], None]
    expected: list[Any]
    has_lanes: bool = False
    read: Callable[[Path], list[Any]] = read_parts


_NUMBERS = range(_RECORDS)

WORKLOADS = {
    "stateless": Workload(_stateless, [n * 3 for n in _NUMBERS]),
    "keyed": Workload(_keyed, _counted(n % 17 for n in _NUMBERS)),
    "odd keys": Workload(_odd_keys, _counted(_ODD_KEYS[n % len(_ODD_KEYS)] for n in _NUMBERS)),
    "reduce": Workload(_reduce, _sums()),
    "flat-map": Workload(
        _flatmap, [[n, part] for n in range(_RECORDS // 2) for part in range(n % 50 + 1)]
    ),
    "join": Workload(_join, list(_NUMBERS)),
    "loop": Workload(_loop, [[n, n % 7 + 1] for n in _NUMBERS]),
    "async": Workload(_async, [n * 2 for n in _NUMBERS]),
    "file": Workload(_to_file, _counted(n % 17 for n in _NUMBERS), read=_read_lines),
    "sqlite": Workload(_to_sqlite, _counted(n % 17 for n in _NUMBERS), read=_read_rows),
    "windows": Workload(_windows, _window_sums()),
    "interval": Workload(_interval, _pairs()),
    "timers": Workload(_timers, _fired()),
    "lanes": Workload(_on_lanes, _counted(n % 17 for n in _NUMBERS), has_lanes=True),
}
