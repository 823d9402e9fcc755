"""`latency`: 10,000 records a second over two hops, as a distribution.

The hops are between threads of one process, or to a process lane and back.

A record carries the moment at which the source let it go. The pacing is part of the source
and is the same on both sides; how far the source itself fell behind its plan is shown too,
because a source that is held up hides the delay of the records behind it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import sage
from benchmarks.ratios import percentiles
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api import SourceFunction, StopSignal
from sage_kernel_api.lifecycle import Placement

__all__ = ["cases"]

_RATE = 10_000
_CAPACITY = 1024
_AIMS = (
    Aim(against=None, detail="p50_ms", at_most=0.3),
    Aim(against=None, detail="p99_ms", at_most=3.0),
)
_PROCESS_AIMS = (Aim(against=None, detail="p99_ms", at_most=5.0),)


def cases(kernel: str) -> Sequence[Case]:
    """Return the forms with thread hops and with process hops."""
    threads = (LocalSide(HAND, _hand), LocalSide(SAGE, partial(_sage, kernel, "kernel")))
    processes = (LocalSide(HAND, _hand), LocalSide(SAGE, partial(_sage, kernel, "process")))
    return (_case("threads", threads, _AIMS), _case("processes", processes, _PROCESS_AIMS))


def _case(name: str, sides: tuple[LocalSide, ...], aims: tuple[Aim, ...]) -> Case:
    return Case(
        "latency",
        name,
        sides,
        50_000,
        1_000,
        measure="time",
        repetitions=3,
        aims=aims,
        scales=False,
    )


class _Paced:
    """Gives moments, at the planned rate."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.behind_s: list[float] = []

    def __iter__(self) -> Iterator[float]:
        start = time.perf_counter()
        for number in range(self._size):
            due = start + number / _RATE
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            now = time.perf_counter()
            self.behind_s.append(now - due)
            yield now


class _PacedSource(SourceFunction[float]):
    """A source that blocks until its next record is due, as one that reads a socket does."""

    def __init__(self, paced: _Paced) -> None:
        super().__init__()
        self._moments = iter(paced)

    def execute(self) -> float | StopSignal:
        return next(self._moments, StopSignal("paced"))


class _Stopwatch:
    """A sink that notes how old each record is."""

    def __init__(self) -> None:
        self.ages_s: list[float] = []

    def take(self, sent: float) -> None:
        self.ages_s.append(time.perf_counter() - sent)


def _pass_on(sent: float) -> float:
    return sent


def _sample(source: _Paced, sink: _Stopwatch) -> Sample:
    """Return a sample whose seconds are the sum of all ages: the time per record is their mean."""
    details = {f"{name}_ms": age * 1e3 for name, age in percentiles(sink.ages_s).items()}
    details["source_behind_p99_ms"] = percentiles(source.behind_s)["p99"] * 1e3
    return Sample(sum(sink.ages_s), len(sink.ages_s), str(len(sink.ages_s)), details)


def _hand(size: int) -> Sample:
    source, sink = _Paced(size), _Stopwatch()
    first: queue.Queue[float | None] = queue.Queue(_CAPACITY)
    second: queue.Queue[float | None] = queue.Queue(_CAPACITY)

    def pass_on() -> None:
        while (sent := first.get()) is not None:
            second.put(_pass_on(sent))
        second.put(None)

    def take() -> None:
        while (sent := second.get()) is not None:
            sink.take(sent)

    threads = [threading.Thread(target=pass_on), threading.Thread(target=take)]
    for thread in threads:
        thread.start()
    for sent in source:
        first.put(sent)
    first.put(None)
    for thread in threads:
        thread.join()

    return _sample(source, sink)


def _sage(kernel: str, placement: Placement, size: int) -> Sample:
    source, sink = _Paced(size), _Stopwatch()
    with sage.environment(kernel) as environment:
        stream = environment.from_source(_PacedSource, source)
        # Two instances between one and one: no two of the three steps can share a thread.
        stream.map(_pass_on, parallelism=2).set_placement(placement).sink(sink.take)
        sage.timed_submit(environment)
    return _sample(source, sink)
