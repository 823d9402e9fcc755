"""A lane with an inbox, so that tests wait for messages and never for time."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sage_kernel_default.processes import LaneExit, Message, ProcessLane, decode, encode

_WAIT_S = 30.0


class Lane:
    """A real process lane whose messages and end can be waited for."""

    def __init__(self, entry: Callable[..., Any], *args: Any) -> None:
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._end: queue.SimpleQueue[LaneExit] = queue.SimpleQueue()
        self.process = ProcessLane("tested", self._inbox.put, self._end.put)
        self.process.start(entry, *args)

    def send(self, kind: int, value: Any = None) -> None:
        self.process.send(kind, 0, encode(value))

    def take(self) -> Any:
        message = self._inbox.get(timeout=_WAIT_S)
        return decode(message.body) if message.body.head else None

    def wait(self) -> LaneExit:
        return self._end.get(timeout=_WAIT_S)


@pytest.fixture
def start() -> Iterator[Callable[..., Lane]]:
    lanes: list[Lane] = []

    def run(entry: Callable[..., Any], *args: Any) -> Lane:
        lanes.append(Lane(entry, *args))
        return lanes[-1]

    yield run
    for lane in lanes:
        lane.process.stop(0)
