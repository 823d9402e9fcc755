"""Apache Beam on its direct runner and on the portable one that the direct runner may choose.

Both run in this process and unpickle the user's functions, so the sink finds its list through
this module and not through a closure.
"""

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

_beam: Any = import_module("apache_beam")
_coders: Any = import_module("apache_beam.coders")
_options: Any = import_module("apache_beam.options.pipeline_options")
_userstate: Any = import_module("apache_beam.transforms.userstate")

_RUNNERS = ("DirectRunner", "FnApiRunner")

_found: tuple[list[Any], ...] = ([], [], [])


def _collect(value: Any, sink: int = 0) -> None:
    _found[sink].append(value)


class _Count(_beam.DoFn):  # type: ignore[misc] # untyped base
    """Running count per key, in Beam's keyed state."""

    STATE = _userstate.ReadModifyWriteStateSpec("pair", _coders.PickleCoder())

    def __init__(self) -> None:
        self._merge = MergeCounts().execute

    def process(
        self,
        keyed: tuple[str, Pair],
        state: Any = _beam.DoFn.StateParam(STATE),  # noqa: B008 - how Beam hands state in
    ) -> Any:
        old = state.read()
        merged = keyed[1] if old is None else self._merge(old, keyed[1])
        state.write(merged)
        yield merged


def _run(runner: str, values: list[Any], build: Callable[[Any], None]) -> float:
    for sink in _found:
        sink.clear()
    pipeline = _beam.Pipeline(runner=runner, options=_options.PipelineOptions([]))
    build(pipeline | "input" >> _beam.Create(values, reshuffle=False))
    return timed(lambda: pipeline.run().wait_until_finish())


def _chain(functions: tuple[Callable[..., Any], ...], runner: str, size: int) -> Sample:
    first, keep, last = functions

    def build(stream: Any) -> None:
        stream = stream | "first" >> _beam.Map(first) | "keep" >> _beam.Filter(keep)
        _ = stream | "last" >> _beam.Map(last) | "output" >> _beam.Map(_collect)

    return Sample(_run(runner, integers(size), build), size, digest(_found[0]))


def _keyed(runner: str, size: int) -> Sample:
    word_of = WordOf().execute

    def build(stream: Any) -> None:
        stream = stream | "split" >> _beam.FlatMap(PairsOf().execute)
        keyed = "key" >> _beam.Map(lambda pair: (word_of(pair), pair))
        stream = stream | keyed.with_output_types(tuple[str, Any])
        _ = stream | "count" >> _beam.ParDo(_Count()) | "output" >> _beam.Map(_collect)

    seconds = _run(runner, text_lines(size), build)
    return Sample(seconds, len(_found[0]), digest(_found[0], ordered=False))


def _fanout(runner: str, size: int) -> Sample:
    def build(stream: Any) -> None:
        branches = (
            stream | "add" >> _beam.Map(AddOne().execute),
            stream | "triple" >> _beam.Map(Triple().execute),
            stream | "even" >> _beam.Filter(IsEven().execute),
        )
        for number, branch in enumerate(branches):
            _ = branch | f"output{number}" >> _beam.Map(_collect, number)

    seconds = _run(runner, integers(size), build)
    return Sample(seconds, size, " ".join(map(digest, _found)))


def _ways(work: Callable[[str, int], Sample]) -> list[Run]:
    return [Run(runner, partial(work, runner)) for runner in _RUNNERS]


PEER = Peer(
    distribution="apache-beam",
    runs={
        "chain/class": _ways(
            partial(_chain, (AddOne().execute, IsEven().execute, Triple().execute))
        ),
        "chain/lambda": _ways(partial(_chain, (add_one, is_even, triple))),
        "keyed/reduce": _ways(_keyed),
        "keyed/state": _ways(_keyed),
        "fanout/three": _ways(_fanout),
    },
    absent={},
)
