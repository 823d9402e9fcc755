"""`exchange`: a cheap function behind a keyed exchange between lanes, in frames of tuples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from benchmarks import sage
from benchmarks.functions import Pair, digest
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]

_KEYS = 1000


def cases(kernel: str) -> Sequence[Case]:
    """Return the form with tuples."""
    sides = (
        LocalSide(HAND, _hand, "one core"),
        LocalSide(SAGE, partial(_sage, kernel), "parallelism=2"),
    )
    return (Case("exchange", "tuples", sides, 400_000, 8_000, aims=(Aim(at_least=0.5),)),)


def _pairs(size: int) -> list[Pair]:
    return [(f"key{number % _KEYS}", number) for number in range(size)]


def _key_of(pair: Pair) -> str:
    return pair[0]


def _next_pair(pair: Pair) -> Pair:
    return (pair[0], pair[1] + 1)


def _hand(size: int) -> Sample:
    values = _pairs(size)
    found: list[Pair] = []
    sink = found.append

    start = time.perf_counter()
    for value in values:
        _key_of(value)  # the loop has nowhere to route to, but finds the key like the others
        sink(_next_pair(value))
    seconds = time.perf_counter() - start

    return Sample(seconds, size, digest(found, ordered=False))


def _sage(kernel: str, size: int) -> Sample:
    found: list[Pair] = []
    with sage.environment(kernel) as environment:
        keyed = environment.from_collection(_pairs(size)).keyby(_key_of)
        keyed.map(_next_pair, parallelism=2).sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found, ordered=False))
