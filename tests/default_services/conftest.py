"""Services on a clock that moves only when told, and calls that end only when told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from sage_kernel_default.engine import Clock
from sage_kernel_default.services import ServiceRecipe, ServiceRegistry
from sage_kernel_default.services.calls import Call
from tests.helpers import no_leaks

TIMEOUT_S = 10.0
"""Deadline of calls that name none, on the manual clock."""


class ManualClock(Clock):
    """Stands still until it is advanced."""

    def __init__(self) -> None:
        self.time_s = 0.0

    def now_s(self) -> float:
        return self.time_s

    def wall_us(self) -> int:
        return round(self.time_s * 1_000_000)


class Job:
    """One call, from both sides of it."""

    def __init__(self, number: int, *, fails: bool = False) -> None:
        self.number = number
        self.fails = fails
        self.begun = threading.Event()
        self.gate = threading.Event()


class Desk:
    """Works on a job until its gate opens."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running = self.peak = 0
        self._lock = threading.Lock()

    def work(self, job: Job) -> int:
        with self._lock:
            self.running += 1
            self.peak = max(self.peak, self.running)
        job.begun.set()
        job.gate.wait(30)
        with self._lock:
            self.running -= 1
        if job.fails:
            raise KeyError(job.number)
        return job.number

    def stop(self) -> None:
        self.log.append("stop")

    def cleanup(self) -> None:
        self.log.append("cleanup")


class DeskService:
    """A desk with some workers, in a registry of its own."""

    def __init__(self, workers: int) -> None:
        self.clock = ManualClock()
        self.registry = ServiceRegistry(self.clock, TIMEOUT_S, lambda *_: None)
        self.registry.register("desk", ServiceRecipe(Desk, workers=workers))
        self.registry.start("desk")
        self.host = self.registry.host("desk")
        self.desk: Desk = self.host.instance

    def call(self, job: Job, timeout_s: float | None = None) -> Call:
        return self.registry.call("desk", "work", (job,), {}, timeout_s)

    def advance(self, duration_s: float) -> None:
        """Let time pass for the deadlines."""
        self.clock.time_s += duration_s
        self.registry.deadlines.look_again()


@pytest.fixture
def make_desk() -> Iterator[Callable[[int], DeskService]]:
    """Makes desks and stops them; nothing of them may be left."""
    made: list[DeskService] = []

    def make(workers: int) -> DeskService:
        made.append(DeskService(workers))
        return made[-1]

    with no_leaks():
        yield make
        for service in made:
            service.registry.stop_all(10.0)
