"""Bytewax: built-in test source and sink at several batch sizes, and an own source of slices.

`TestingSource` is the source that Bytewax has for a list; it makes its batches item by item.
The own source cuts them from the list, as a user in need of speed would write it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from importlib import import_module
from operator import itemgetter
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
    burn,
    digest,
    integers,
    is_even,
    many_keys,
    text_lines,
    triple,
)
from benchmarks.peers.peer import Peer, Run, timed
from benchmarks.values import Sample

__all__ = ["PEER"]

# Imported by name: the environment of the type checkers does not have it.
_flows: Any = import_module("bytewax.dataflow")
_inputs: Any = import_module("bytewax.inputs")
_op: Any = import_module("bytewax.operators")
_recovery: Any = import_module("bytewax.recovery")
_testing: Any = import_module("bytewax.testing")

_BATCHES = (1, 10, 100, 1000, 5000)
_NO_RECOVERY = "bytewax, no recovery"
_OWN_SOURCE = "bytewax, own source"


class _SlicesPartition(_inputs.StatelessSourcePartition):  # type: ignore[misc] # untyped base
    def __init__(self, values: list[Any], batch: int) -> None:
        self._values = values
        self._batch = batch
        self._next = 0

    def next_batch(self) -> list[Any]:
        start = self._next
        if start >= len(self._values):
            raise StopIteration
        self._next = start + self._batch
        return self._values[start : self._next]


class _Slices(_inputs.DynamicSource):  # type: ignore[misc] # untyped base
    def __init__(self, values: list[Any], batch_size: int) -> None:
        self._values = values
        self._batch = batch_size

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _SlicesPartition:
        return _SlicesPartition(self._values if worker_index == 0 else [], self._batch)


def _input(values: list[Any], batch: int, source: Callable[..., Any]) -> tuple[Any, Any]:
    flow = _flows.Dataflow("benchmark")
    return flow, _op.input("input", flow, source(values, batch_size=batch))


def _chain(
    functions: tuple[Callable[..., Any], ...], batch: int, source: Callable[..., Any], size: int
) -> Sample:
    found: list[int] = []
    first, keep, last = functions
    flow, stream = _input(integers(size), batch, source)
    stream = _op.map("first", stream, first)
    stream = _op.filter("keep", stream, keep)
    stream = _op.map("last", stream, last)
    _op.output("output", stream, _testing.TestingSink(found))
    return Sample(timed(lambda: _testing.run_main(flow)), size, digest(found))


def _keyed(batch: int, source: Callable[..., Any], size: int) -> Sample:
    lines = text_lines(size)
    merge = MergeCounts().execute

    def count(state: Pair | None, pair: Pair) -> tuple[Pair, Pair]:
        merged = pair if state is None else merge(state, pair)
        return merged, merged

    found: list[tuple[str, Pair]] = []
    flow, stream = _input(lines, batch, source)
    stream = _op.flat_map("split", stream, PairsOf().execute)
    stream = _op.key_on("key", stream, WordOf().execute)
    stream = _op.stateful_map("count", stream, count)
    _op.output("output", stream, _testing.TestingSink(found))
    seconds = timed(lambda: _testing.run_main(flow))
    return Sample(seconds, len(found), digest((pair for _, pair in found), ordered=False))


def _counting(is_skewed: bool, epoch_s: float | None, batch: int, size: int) -> Sample:
    """Count a million words: keyed state, with recovery on or without."""
    merge = MergeCounts().execute
    found: list[int] = []

    def count(state: Pair | None, pair: Pair) -> tuple[Pair, int]:
        merged = pair if state is None else merge(state, pair)
        return merged, merged[1]

    flow, stream = _input(many_keys(size, is_skewed=is_skewed), batch, _testing.TestingSource)
    stream = _op.key_on("key", stream, WordOf().execute)
    stream = _op.stateful_map("count", stream, count)
    stream = _op.map("bare", stream, itemgetter(1))
    _op.output("output", stream, _testing.TestingSink(found))
    with tempfile.TemporaryDirectory() as directory:
        options: dict[str, Any] = {}
        if epoch_s is not None:
            _recovery.init_db_dir(directory, 1)
            options["epoch_interval"] = timedelta(seconds=epoch_s)
            options["recovery_config"] = _recovery.RecoveryConfig(directory)
        seconds = timed(lambda: _testing.run_main(flow, **options))
    return Sample(seconds, size, digest(found, ordered=False))


def _fanout(batch: int, source: Callable[..., Any], size: int) -> Sample:
    sinks: tuple[list[int], ...] = ([], [], [])
    flow, stream = _input(integers(size), batch, source)
    branches = (
        _op.map("add", stream, AddOne().execute),
        _op.map("triple", stream, Triple().execute),
        _op.filter("even", stream, IsEven().execute),
    )
    for number, (branch, sink) in enumerate(zip(branches, sinks, strict=True)):
        _op.output(f"output{number}", branch, _testing.TestingSink(sink))
    seconds = timed(lambda: _testing.run_main(flow))
    return Sample(seconds, size, " ".join(map(digest, sinks)))


def _cpu(workers: int, batch: int, size: int) -> Sample:
    found: list[int] = []
    flow, stream = _input(integers(size), batch, _testing.TestingSource)
    stream = _op.redistribute("spread", stream)
    stream = _op.map("burn", stream, burn)
    _op.output("output", stream, _testing.TestingSink(found))
    run = partial(_testing.cluster_main, flow, [], 0, worker_count_per_proc=workers)
    return Sample(timed(run), size, digest(found, ordered=False))


def _ways(work: Callable[..., Sample], own_batches: Iterable[int] = (1000, 5000)) -> list[Run]:
    """Return *work* at every batch size: the default first, the own source last."""
    built_in = [Run(f"batch={n}", partial(work, n, _testing.TestingSource)) for n in _BATCHES]
    own = [Run(f"batch={n}", partial(work, n, _Slices), _OWN_SOURCE) for n in own_batches]
    return built_in + own


_METHODS = (AddOne().execute, IsEven().execute, Triple().execute)
_LAMBDAS = (add_one, is_even, triple)

PEER = Peer(
    distribution="bytewax",
    runs={
        "chain/class": _ways(partial(_chain, _METHODS)),
        "chain/lambda": _ways(partial(_chain, _LAMBDAS)),
        "keyed/reduce": _ways(_keyed, (100, 1000)),
        "keyed/state": _ways(_keyed, (100, 1000)),
        "fanout/three": _ways(_fanout),
        **{
            f"checkpoints/{name}": [
                Run("recovery batch=100", partial(work, 1.0, 100)),
                Run("batch=100", partial(work, None, 100), _NO_RECOVERY),
            ]
            for name, work in {
                "skewed": partial(_counting, True),
                "uniform": partial(_counting, False),
            }.items()
        },
        "cpu/lanes=2": [
            Run(f"-w {workers} batch={batch}", partial(_cpu, workers, batch))
            for workers in (1, 2)
            for batch in (1, 10)
        ],
    },
    absent={},
)
