"""`fanout`: one source, three branches, three sinks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from benchmarks import functions, sage
from benchmarks.functions import digest, integers
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]


def cases(kernel: str) -> Sequence[Case]:
    """Return the only form."""
    sides = (LocalSide(HAND, _hand), LocalSide(SAGE, partial(_sage, kernel)))
    return (
        Case("fanout", "three", sides, 2_000_000, 12_000, peers=True, aims=(Aim(at_least=0.85),)),
    )


def _hand(size: int) -> Sample:
    values = integers(size)
    add = functions.AddOne().execute
    multiply = functions.Triple().execute
    keep = functions.IsEven().execute
    found: tuple[list[int], ...] = ([], [], [])
    first, second, third = (sink.append for sink in found)

    start = time.perf_counter()
    for value in values:
        first(add(value))
        second(multiply(value))
        if keep(value):
            third(value)
    seconds = time.perf_counter() - start

    return Sample(seconds, size, " ".join(map(digest, found)))


def _sage(kernel: str, size: int) -> Sample:
    found: tuple[list[int], ...] = ([], [], [])
    with sage.environment(kernel) as environment:
        stream = environment.from_collection(integers(size))
        stream.map(sage.AddOne).sink(found[0].append)
        stream.map(sage.Triple).sink(found[1].append)
        stream.filter(sage.IsEven).sink(found[2].append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, " ".join(map(digest, found)))
