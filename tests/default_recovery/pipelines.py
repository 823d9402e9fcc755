"""Functions for jobs that a test stops, fails and looks into; all they note is per class."""

from __future__ import annotations

import threading
from typing import ClassVar

from sage_kernel_api import MapFunction, SinkFunction, SourceFunction, StopSignal, ValueState

__all__ = ["Count", "Gate", "Last", "Trap", "reset"]


class Gate(SourceFunction[int]):
    """Numbers up to an end, but no further than the test lets them."""

    limit: ClassVar[int] = 0
    reached: ClassVar[threading.Event] = threading.Event()
    starts: ClassVar[list[int]] = []

    def __init__(self, end: int) -> None:
        self.end = end
        self.next = 0

    def open(self) -> None:
        self.starts.append(self.next)

    def execute(self) -> int | StopSignal | None:
        if self.next >= self.end:
            return StopSignal("end")
        if self.next >= type(self).limit:
            self.reached.set()
            return None
        self.next += 1
        return self.next - 1


class Trap(MapFunction[int, int]):
    """Fails at certain records, each of them once."""

    at: ClassVar[list[int]] = []

    def execute(self, data: int) -> int:
        if data in self.at:
            self.at.remove(data)
            raise RuntimeError(f"trap at {data}")
        return data


class Count(MapFunction[int, tuple[int, int]]):
    """Numbers the records of each key."""

    seen = ValueState(0)

    def execute(self, data: int) -> tuple[int, int]:
        count = self.seen.get() + 1
        self.seen.set(count)
        return data % 7, count


class Last(SinkFunction[tuple[int, int]]):
    """Keeps the last count of each key: idempotent, so that repeats do not show."""

    found: ClassVar[dict[int, int]] = {}

    def execute(self, data: tuple[int, int]) -> None:
        self.found[data[0]] = data[1]


def reset() -> None:
    """Forget what earlier tests have noted."""
    Gate.limit = 0
    Gate.reached.clear()
    Gate.starts.clear()
    Trap.at.clear()
    Last.found.clear()
