"""Small jobs whose exact output is known, one for each way in which state can be lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sage_kernel_api import (
    LocalEnvironment,
    ProcessFunction,
    ProcessOutput,
    SourceFunction,
    StopSignal,
    Timer,
    TumblingTimeWindows,
    ValueState,
)
from sage_kernel_default.simulation import SimulatedDisk
from tests.faults.workloads import Burst, Down, Numbered, Pair
from tests.simulation.disk_sink import DiskSink, read_parts

__all__ = ["WORKLOADS", "Workload", "numbered"]

_RECORDS = 16
_KEYS = ("a", 0, "", None, 2.5)


class Numbers(SourceFunction[int]):
    """Counts to its end, and tells where it is."""

    def __init__(self, end: int = _RECORDS) -> None:
        self.end = end
        self.next = 0

    def tell(self) -> int:
        return self.next

    def seek(self, position: int) -> None:
        self.next = position

    def execute(self) -> int | StopSignal:
        if self.next >= self.end:
            return StopSignal("end")
        self.next += 1
        return self.next - 1


def _numbers(env: LocalEnvironment, name: str = "numbers", end: int = _RECORDS) -> Any:
    # Virtual time passes only while somebody waits for it.
    return env.from_source(Numbers, end, name=name, delay=0.002)


def _stateless(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    tripled = _numbers(env).rebalance().map(lambda n: n * 3, parallelism=2)
    tripled.sink(DiskSink, disk, out, parallelism=1)


def numbered(env: LocalEnvironment) -> Any:
    """Return what the keyed workload counts, without its sink."""
    pairs = _numbers(env).rebalance().map(lambda n: (_KEYS[n % 5], n), parallelism=2)
    return pairs.keyby(lambda r: r[0]).map(Numbered, parallelism=2)


def _keyed(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    numbered(env).sink(DiskSink, disk, out, parallelism=1)


def _join(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    left = _numbers(env, "left").keyby(lambda n: n)
    right = _numbers(env, "right").keyby(lambda n: n)
    pairs = left.connect(right).comap(Pair, parallelism=2)
    pairs.filter(lambda n: n is not None).sink(DiskSink, disk, out, parallelism=1)


def _flatmap(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    bursts = _numbers(env, end=8).rebalance().flatmap(Burst, parallelism=2)
    bursts.sink(DiskSink, disk, out, parallelism=1)


def _second(number: int) -> int:
    """Return the event time of a number: out of order, by less than five seconds."""
    return number - number * 7 % 5


def _timed(env: LocalEnvironment) -> Any:
    timed = _numbers(env).assign_timestamps(_second, max_out_of_orderness_s=5)
    return timed.keyby(lambda n: n % 3)


def _window(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    sums = (
        _timed(env)
        .window(TumblingTimeWindows(5))
        .process(
            lambda key, window, found: [(key, window.start_us // 1_000_000, sum(found))],
            parallelism=2,
        )
    )
    sums.sink(DiskSink, disk, out, parallelism=1)


def _window_sums() -> list[Any]:
    return [
        [key, start, sum(found)]
        for key in range(3)
        for start in range(-5, _RECORDS + 5, 5)
        if (found := [n for n in _NUMBERS if n % 3 == key and start <= _second(n) < start + 5])
    ]


def _loop(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    back: Any = env.from_future("back")
    numbers: Any = _numbers(env).map(lambda n: (n, n % 4 + 1, 0))
    rounds = numbers.connect(back).map(lambda r: r).process(Down)
    rounds.filter(lambda r: r[1] > 0).fill_future(back)
    rounds.filter(lambda r: r[1] == 0).map(lambda r: (r[0], r[2])).sink(DiskSink, disk, out)


def _parallel(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    pairs = _numbers(env).map(lambda n: (_KEYS[n % 5], n)).keyby(lambda r: r[0])
    pairs.map(Numbered, parallelism=3).rebalance().sink(DiskSink, disk, out, parallelism=2)


def _file(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    pairs = _numbers(env).map(lambda n: (_KEYS[n % 5], n)).keyby(lambda r: r[0])
    pairs.map(Numbered, parallelism=2).sink_to_file(out / "lines", "json", parallelism=2)


class Remind(ProcessFunction[int, tuple[int, int, int]]):
    """Fires ten seconds after each number, and counts how often it did."""

    fired = ValueState(0)

    def process(self, value: int, out: ProcessOutput[tuple[int, int, int]]) -> None:
        self.timers.register_event_time((_second(value) + 10) * 1_000_000)

    def on_timer(self, timer: Timer, out: ProcessOutput[tuple[int, int, int]]) -> None:
        self.fired.set(self.fired.get() + 1)
        out.collect((self.ctx.get_key(), self.fired.get(), timer.time_us // 1_000_000))


def _timers(env: LocalEnvironment, disk: SimulatedDisk, out: Path) -> None:
    _timed(env).process(Remind, parallelism=2).sink(DiskSink, disk, out, parallelism=1)


def _fired() -> list[Any]:
    return [
        [key, number, second + 10]
        for key in range(3)
        for number, second in enumerate(sorted({_second(n) for n in _NUMBERS if n % 3 == key}), 1)
    ]


def _read_lines(out: Path) -> list[Any]:
    found = [path for path in out.iterdir() if path.name in ("lines", "lines.1")]
    return [json.loads(line) for path in found for line in path.read_text().splitlines()]


def _counted(keys: Iterable[Any]) -> list[Any]:
    return [[repr(key), n + 1] for key, most in Counter(keys).items() for n in range(most)]


@dataclass(frozen=True)
class Workload:
    """A job and its output, in any order."""

    build: Callable[[LocalEnvironment, SimulatedDisk, Path], None]
    expected: list[Any]
    read: Callable[[Path], list[Any]] = read_parts


_NUMBERS = range(_RECORDS)

WORKLOADS = {
    "stateless": Workload(_stateless, [n * 3 for n in _NUMBERS]),
    "keyed": Workload(_keyed, _counted(_KEYS[n % 5] for n in _NUMBERS)),
    "join": Workload(_join, list(_NUMBERS)),
    "flatmap": Workload(_flatmap, [[n, part] for n in range(8) for part in range(n % 50 + 1)]),
    "window": Workload(_window, _window_sums()),
    "loop": Workload(_loop, [[n, n % 4 + 1] for n in _NUMBERS]),
    "parallel": Workload(_parallel, _counted(_KEYS[n % 5] for n in _NUMBERS)),
    "file": Workload(_file, _counted(_KEYS[n % 5] for n in _NUMBERS), read=_read_lines),
    "timers": Workload(_timers, _fired()),
}
