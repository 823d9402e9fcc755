"""Ray: one actor per lane that takes frames of records; the driver keeps a few in flight.

Ray has no unbounded stream of records, so this is what one would write by hand on its actors.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.functions import (
    AddOne,
    IsEven,
    Triple,
    add_one,
    burn,
    digest,
    integers,
    is_even,
    triple,
)
from benchmarks.peers.peer import Peer, Run, timed
from benchmarks.values import Sample

__all__ = ["PEER"]

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
_ray: Any = import_module("ray")

_FRAMES = (1000, 10000, 50000)
_IN_FLIGHT = 8


class _Chain:
    """An actor that runs the whole chain over a frame."""

    def __init__(self, functions: tuple[Callable[..., Any], ...]) -> None:
        self._functions = functions

    def run(self, frame: list[int]) -> list[int]:
        first, keep, last = self._functions
        found = []
        for value in frame:
            added = first(value)
            if keep(added):
                found.append(last(added))
        return found


class _Burn:
    """An actor that burns processor time for each record of a frame."""

    def run(self, frame: list[int]) -> list[int]:
        return [burn(value) for value in frame]


def _start() -> None:
    if not _ray.is_initialized():
        _ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)


def _feed(actors: list[Any], values: list[int], frame: int) -> list[int]:
    found: list[int] = []
    pending: deque[Any] = deque()
    for number, start in enumerate(range(0, len(values), frame)):
        actor = actors[number % len(actors)]
        pending.append(actor.run.remote(values[start : start + frame]))
        if len(pending) >= _IN_FLIGHT:
            found += _ray.get(pending.popleft())
    while pending:
        found += _ray.get(pending.popleft())
    return found


def _timed_feed(actors: list[Any], size: int, frame: int) -> Sample:
    found: list[int] = []
    values = integers(size)
    _ray.get([actor.run.remote([]) for actor in actors])
    try:
        seconds = timed(lambda: found.extend(_feed(actors, values, frame)))
    finally:
        for actor in actors:
            _ray.kill(actor)
    return Sample(seconds, size, digest(found, ordered=False))


def _chain(functions: tuple[Callable[..., Any], ...], frame: int, size: int) -> Sample:
    _start()
    return _timed_feed([_ray.remote(_Chain).remote(functions)], size, frame)


def _cpu(lanes: int, frame: int, size: int) -> Sample:
    _start()
    return _timed_feed([_ray.remote(_Burn).remote() for _ in range(lanes)], size, frame)


def _ways(functions: tuple[Callable[..., Any], ...]) -> list[Run]:
    return [Run(f"frame={frame}", partial(_chain, functions, frame)) for frame in _FRAMES]


PEER = Peer(
    distribution="ray",
    runs={
        "chain/class": _ways((AddOne().execute, IsEven().execute, Triple().execute)),
        "chain/lambda": _ways((add_one, is_even, triple)),
        "cpu/lanes=2": [
            Run(f"actors=2 frame={frame}", partial(_cpu, 2, frame)) for frame in (10, 100)
        ],
    },
    absent={
        "keyed/reduce": "no keyed state",
        "keyed/state": "no keyed state",
        "fanout/three": "no streams, so no branches",
    },
    close=_ray.shutdown,
)
