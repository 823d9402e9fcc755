"""`soak`: a long stream through a slow sink, and many short jobs of which some fail.

What counts here is not the time but what is left: memory, threads, descriptors, children,
shared memory.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import memory, sage
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api import BatchFunction, LocalEnvironment, SourceFunction, StopSignal
from sage_kernel_api.errors import JobFailedError

__all__ = ["cases"]

_PAUSE_EVERY = 1_000
_PAUSE_S = 0.0005
_LOOK_EVERY = 50_000
_MIB = 2**20
_LEFT = ("threads", "descriptors", "children", "shared_memory")


def cases(kernel: str) -> Sequence[Case]:
    """Return the long stream and the many jobs."""
    stream = (LocalSide(HAND, _hand_stream), LocalSide(SAGE, partial(_sage_stream, kernel)))
    jobs = (LocalSide(HAND, _hand_jobs), LocalSide(SAGE, partial(_sage_jobs, kernel)))
    bounded = (Aim(against=None, detail="grown_mib", at_most=64.0),)
    nothing_left = tuple(Aim(against=None, detail=f"{name}_left", at_most=0.0) for name in _LEFT)
    return (
        Case(
            "soak",
            "slow-sink",
            stream,
            10_000_000,
            100_000,
            repetitions=1,
            aims=bounded,
            scales=False,
        ),
        Case(
            "soak",
            "jobs",
            jobs,
            1_000,
            50,
            unit="jobs",
            repetitions=1,
            aims=nothing_left,
            scales=False,
        ),
    )


class _Numbers(BatchFunction[int]):
    """Counts without a list: whatever grows is not the input."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._values = iter(range(size))

    def execute(self) -> int | None:
        return next(self._values, None)


class _SlowSink:
    """Sums up with a pause now and then, and looks at the memory."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.start_bytes = memory.resident_bytes()
        self.most_bytes = self.start_bytes

    def take(self, value: int) -> None:
        self.count += 1
        self.total += value
        if self.count % _PAUSE_EVERY == 0:
            time.sleep(_PAUSE_S)
        if self.count % _LOOK_EVERY == 0:
            self.most_bytes = max(self.most_bytes, memory.resident_bytes())

    def sample(self, seconds: float) -> Sample:
        grown = (self.most_bytes - self.start_bytes) / _MIB
        outcome = f"{self.count}:{self.total}"
        return Sample(seconds, self.count, outcome, {"grown_mib": grown})


def _hand_stream(size: int) -> Sample:
    sink = _SlowSink()
    start = time.perf_counter()
    for value in range(size):
        sink.take(value)
    return sink.sample(time.perf_counter() - start)


def _sage_stream(kernel: str, size: int) -> Sample:
    sink = _SlowSink()
    with sage.environment(kernel) as environment:
        environment.from_batch(_Numbers, size).sink(sink.take)
        return sink.sample(sage.timed_submit(environment))


class _Endless(SourceFunction[int]):
    """Never ends by itself."""

    def execute(self) -> int | StopSignal:
        return 1


def _fail(value: int) -> int:
    raise ValueError(value)


def _hand_jobs(size: int) -> Sample:
    """Do the same in loops: a job is ten records; one in ten fails, one in ten is broken off."""
    return _jobs(size, lambda: sum(range(10)), lambda: None, lambda: None)


def _sage_jobs(kernel: str, size: int) -> Sample:
    with sage.environment(kernel):  # whatever is made once is made before the first look
        pass
    return _jobs(
        size, partial(_finish, kernel), partial(_fail_job, kernel), partial(_cancel, kernel)
    )


def _jobs(
    size: int,
    finish: Callable[[], object],
    fail: Callable[[], object],
    cancel: Callable[[], object],
) -> Sample:
    before = _inventory()
    start = time.perf_counter()
    for number in range(size):
        {0: fail, 5: cancel}.get(number % 10, finish)()
    seconds = time.perf_counter() - start
    gc.collect()
    left = {f"{name}_left": float(n - before[name]) for name, n in _inventory().items()}
    return Sample(seconds, size, str(size), left)


def _finish(kernel: str) -> None:
    found: list[int] = []
    with LocalEnvironment("finishing", kernel=kernel) as environment:
        environment.from_collection(range(10)).map(sage.AddOne).sink(found.append)
        environment.submit(autostop=True)
    if len(found) != 10:
        raise RuntimeError(f"10 records went in, {len(found)} came out")


def _fail_job(kernel: str) -> None:
    with LocalEnvironment("failing", kernel=kernel) as environment:
        environment.from_collection(range(10)).map(_fail).sink(lambda value: None)
        try:
            environment.submit(autostop=True)
        except JobFailedError:
            return
    raise RuntimeError("a job whose function raises was reported as a success")


def _cancel(kernel: str) -> None:
    arrived = threading.Event()
    with LocalEnvironment("cancelled", kernel=kernel) as environment:
        environment.from_source(_Endless).sink(lambda value: arrived.set())
        environment.submit()
        if not arrived.wait(30.0):
            raise RuntimeError("no record within 30 s")
        environment.cancel()


def _inventory() -> Mapping[str, int]:
    """Count what a job could leave behind; Linux only, 0 elsewhere."""
    return {
        "threads": threading.active_count(),
        "descriptors": _count(Path("/proc/self/fd")),
        "children": sum(
            len(task.joinpath("children").read_text().split())
            for task in _entries(Path("/proc/self/task"))
        ),
        "shared_memory": _count(Path("/dev/shm")),
    }


def _count(folder: Path) -> int:
    return len(os.listdir(folder)) if folder.exists() else 0


def _entries(folder: Path) -> Iterable[Path]:
    return list(folder.iterdir()) if folder.exists() else ()
