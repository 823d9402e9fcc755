"""`start`: how long until a job is under way, and what an empty one costs.

The hand-written side does the least that anybody would do instead: ten threads behind ten
queues, or one thread that does nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from functools import partial

from benchmarks import functions, sage
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api import LocalEnvironment, resolve_kernel

__all__ = ["cases"]

_STEPS = 10


def cases(kernel: str) -> Sequence[Case]:
    """Return the first record of a ten-step job, and the empty job on a new kernel."""
    first = (LocalSide(HAND, _hand_first), LocalSide(SAGE, partial(_sage_first, kernel)))
    empty = (LocalSide(HAND, _hand_empty), LocalSide(SAGE, partial(_sage_empty, kernel)))
    return (
        _case("first-record", first, Aim(against=None, detail="start_ms", at_most=20.0)),
        _case("empty-job", empty, Aim(against=None, detail="start_ms", at_most=50.0)),
    )


def _case(name: str, sides: tuple[LocalSide, ...], aim: Aim) -> Case:
    return Case(
        "start",
        name,
        sides,
        1,
        1,
        unit="jobs",
        measure="time",
        repetitions=15,
        aims=(aim,),
        scales=False,
    )


def _sample(seconds: float, outcome: str = "") -> Sample:
    return Sample(seconds, 1, outcome, {"start_ms": seconds * 1e3})


def _hand_first(size: int) -> Sample:
    arrived: list[float] = []
    add_one = functions.AddOne().execute
    queues: list[queue.Queue[int]] = [queue.Queue() for _ in range(_STEPS + 1)]

    def step(number: int) -> None:
        queues[number + 1].put(add_one(queues[number].get()))

    threads = [threading.Thread(target=step, args=(number,)) for number in range(_STEPS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    queues[0].put(size)
    value = queues[-1].get()
    arrived.append(time.perf_counter())
    for thread in threads:
        thread.join()
    return _sample(arrived[0] - start, str(value))


def _sage_first(kernel: str, size: int) -> Sample:
    arrived: list[float] = []
    found: list[int] = []

    def sink(value: int) -> None:
        arrived.append(time.perf_counter())
        found.append(value)

    with sage.environment(kernel) as environment:
        stream = environment.from_collection([size])
        for _ in range(_STEPS):
            stream = stream.map(sage.AddOne)
        stream.sink(sink)
        start = time.perf_counter()
        environment.submit(autostop=True)
    return _sample(arrived[0] - start, str(found[0]))


def _hand_empty(size: int) -> Sample:
    start = time.perf_counter()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return _sample(time.perf_counter() - start)


def _sage_empty(kernel: str, size: int) -> Sample:
    start = time.perf_counter()
    resolved = resolve_kernel(kernel)
    with LocalEnvironment("empty", kernel=resolved) as environment:
        environment.from_collection(list[int]()).sink(lambda value: None)
        environment.submit(autostop=True)
    resolved.shutdown()
    return _sample(time.perf_counter() - start)
