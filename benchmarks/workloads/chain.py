"""`chain`: map, filter, map, sink on integers; with classes and with lambdas."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import functions, sage
from benchmarks.functions import add_one, digest, integers, is_even, triple
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]

_ROUNDS = 25
"""The ratio is near its aim, and a shared machine changes its pace by half from one second to the
next: the median of nine rounds still moves by a tenth."""
_AIMS = (Aim(at_least=0.90), Aim(against="bytewax", at_least=2.5))


def cases(kernel: str) -> Sequence[Case]:
    """Return both forms."""
    methods = (
        functions.AddOne().execute,
        functions.IsEven().execute,
        functions.Triple().execute,
    )
    lambdas = (add_one, is_even, triple)
    return (
        _case("class", partial(_hand, *methods), partial(_sage_classes, kernel)),
        _case("lambda", partial(_hand, *lambdas), partial(_sage_lambdas, kernel)),
    )


def _case(name: str, hand: Callable[[int], Sample], ours: Callable[[int], Sample]) -> Case:
    sides = (LocalSide(HAND, hand), LocalSide(SAGE, ours))
    return Case(
        *("chain", name, sides, 4_000_000, 20_000), peers=True, aims=_AIMS, repetitions=_ROUNDS
    )


def _hand(
    first: Callable[[int], int],
    keep: Callable[[int], bool],
    last: Callable[[int], int],
    size: int,
) -> Sample:
    values = integers(size)
    found: list[int] = []
    sink = found.append

    start = time.perf_counter()
    for value in values:
        added = first(value)
        if keep(added):
            sink(last(added))
    seconds = time.perf_counter() - start

    return Sample(seconds, size, digest(found))


def _sage_classes(kernel: str, size: int) -> Sample:
    found: list[int] = []
    with sage.environment(kernel) as environment:
        stream = environment.from_collection(integers(size))
        stream.map(sage.AddOne).filter(sage.IsEven).map(sage.Triple).sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found))


def _sage_lambdas(kernel: str, size: int) -> Sample:
    found: list[int] = []
    with sage.environment(kernel) as environment:
        stream = environment.from_collection(integers(size))
        stream.map(add_one).filter(is_even).map(triple).sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found))
