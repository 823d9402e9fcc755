"""Streamz: its push streams, one `emit` per record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.functions import (
    AddOne,
    IsEven,
    MergeCounts,
    Pair,
    PairsOf,
    Triple,
    WordOf,
    add_one,
    digest,
    integers,
    is_even,
    text_lines,
    triple,
)
from benchmarks.peers.peer import Peer, Run, timed
from benchmarks.values import Sample

__all__ = ["PEER"]

_streamz: Any = import_module("streamz")

_NO_LANES = "one thread only"


def _emit_all(source: Any, values: list[Any]) -> None:
    emit = source.emit
    for value in values:
        emit(value)


def _chain(functions: tuple[Callable[..., Any], ...], size: int) -> Sample:
    found: list[int] = []
    values = integers(size)
    first, keep, last = functions
    source = _streamz.Stream()
    source.map(first).filter(keep).map(last).sink(found.append)
    return Sample(timed(lambda: _emit_all(source, values)), size, digest(found))


def _keyed(size: int) -> Sample:
    lines = text_lines(size)
    merge, word_of = MergeCounts().execute, WordOf().execute

    def count(table: dict[str, Pair], pair: Pair) -> tuple[dict[str, Pair], Pair]:
        word = word_of(pair)
        table[word] = merged = merge(table[word], pair) if word in table else pair
        return table, merged

    found: list[Pair] = []
    source = _streamz.Stream()
    split = source.map(PairsOf().execute).flatten()
    split.accumulate(count, start={}, returns_state=True).sink(found.append)
    seconds = timed(lambda: _emit_all(source, lines))
    return Sample(seconds, len(found), digest(found, ordered=False))


def _fanout(size: int) -> Sample:
    sinks: tuple[list[int], ...] = ([], [], [])
    values = integers(size)
    source = _streamz.Stream()
    source.map(AddOne().execute).sink(sinks[0].append)
    source.map(Triple().execute).sink(sinks[1].append)
    source.filter(IsEven().execute).sink(sinks[2].append)
    seconds = timed(lambda: _emit_all(source, values))
    return Sample(seconds, size, " ".join(map(digest, sinks)))


PEER = Peer(
    distribution="streamz",
    runs={
        "chain/class": [
            Run("", partial(_chain, (AddOne().execute, IsEven().execute, Triple().execute)))
        ],
        "chain/lambda": [Run("", partial(_chain, (add_one, is_even, triple)))],
        "keyed/reduce": [Run("", _keyed)],
        "keyed/state": [Run("", _keyed)],
        "fanout/three": [Run("", _fanout)],
    },
    absent={"cpu/lanes=2": _NO_LANES},
)
