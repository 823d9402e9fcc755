"""isage, today's SAGE, in its local environment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.functions import (
    AddOne,
    IsEven,
    Triple,
    add_one,
    digest,
    integers,
    is_even,
    triple,
)
from benchmarks.peers.peer import Peer, Run, timed
from benchmarks.values import Sample

__all__ = ["PEER"]

_foundation: Any = import_module("sage.foundation")
_runtime: Any = import_module("sage.runtime")


class _AddOne(AddOne, _foundation.MapFunction):  # type: ignore[misc] # untyped base
    pass


class _IsEven(IsEven, _foundation.FilterFunction):  # type: ignore[misc] # untyped base
    pass


class _Triple(Triple, _foundation.MapFunction):  # type: ignore[misc] # untyped base
    pass


class _Numbers(_foundation.BatchFunction):  # type: ignore[misc] # untyped base
    def __init__(self, size: int) -> None:
        super().__init__()
        self._values = iter(integers(size))

    def execute(self) -> int | None:
        return next(self._values, None)


class _Collect(_foundation.SinkFunction):  # type: ignore[misc] # untyped base
    def __init__(self, found: list[Any]) -> None:
        super().__init__()
        self._found = found

    def execute(self, data: Any) -> None:
        self._found.append(data)


def _environment() -> Any:
    environment = _runtime.LocalEnvironment("benchmark")
    environment.set_console_log_level("ERROR")
    return environment


def _chain(functions: tuple[Callable[..., Any], ...], size: int) -> Sample:
    found: list[int] = []
    first, keep, last = functions
    environment = _environment()
    stream = environment.from_batch(_Numbers, size)
    stream.map(first).filter(keep).map(last).sink(_Collect, found)
    return Sample(timed(lambda: environment.submit(autostop=True)), size, digest(found))


def _fanout(size: int) -> Sample:
    sinks: tuple[list[int], ...] = ([], [], [])
    environment = _environment()
    stream = environment.from_batch(_Numbers, size)
    stream.map(_AddOne).sink(_Collect, sinks[0])
    stream.map(_Triple).sink(_Collect, sinks[1])
    stream.filter(_IsEven).sink(_Collect, sinks[2])
    seconds = timed(lambda: environment.submit(autostop=True))
    return Sample(seconds, size, " ".join(map(digest, sinks)))


PEER = Peer(
    distribution="isage",
    runs={
        "chain/class": [Run("", partial(_chain, (_AddOne, _IsEven, _Triple)))],
        "chain/lambda": [Run("", partial(_chain, (add_one, is_even, triple)))],
        "fanout/three": [Run("", _fanout)],
    },
    absent={
        "keyed/reduce": "no keyed state",
        "keyed/state": "no keyed state",
        "cpu/lanes=2": "parallelism has no effect",
    },
)
