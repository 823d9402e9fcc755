"""`keyed`: split lines, key by word, running count per word, sink.

The count is a reduce, or a function that keeps it by key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks import functions, sage
from benchmarks.functions import Pair, digest, text_lines
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]


def cases(kernel: str) -> Sequence[Case]:
    """Return the form with reduce, and the one with keyed state in a function."""
    return (
        _case("reduce", _hand, partial(_sage, kernel), 0.80),
        _case("state", _hand_state, partial(_sage_state, kernel), 0.60),
    )


def _case(
    name: str, hand: Callable[[int], Sample], ours: Callable[[int], Sample], at_least: float
) -> Case:
    sides = (LocalSide(HAND, hand), LocalSide(SAGE, ours))
    aims = (Aim(at_least=at_least), Aim(against="bytewax", at_least=2.0))
    return Case("keyed", name, sides, 800_000, 16_000, peers=True, unit="words", aims=aims)


def _hand(size: int) -> Sample:
    lines = text_lines(size)
    split = functions.PairsOf().execute
    word_of = functions.WordOf().execute
    merge = functions.MergeCounts().execute
    found: list[Pair] = []
    sink = found.append

    start = time.perf_counter()
    table: dict[str, Pair] = {}
    for line in lines:
        for pair in split(line):
            word = word_of(pair)
            merged = merge(table[word], pair) if word in table else pair
            table[word] = merged
            sink(merged)
    seconds = time.perf_counter() - start

    return Sample(seconds, len(found), digest(found, ordered=False))


def _hand_state(size: int) -> Sample:
    lines = text_lines(size)
    split = functions.PairsOf().execute
    word_of = functions.WordOf().execute
    count = functions.CountInDictionary().execute
    found: list[Pair] = []
    sink = found.append

    start = time.perf_counter()
    for line in lines:
        for pair in split(line):
            sink(count(word_of(pair), pair))
    seconds = time.perf_counter() - start

    return Sample(seconds, len(found), digest(found, ordered=False))


def _sage(kernel: str, size: int) -> Sample:
    found: list[Pair] = []
    with sage.environment(kernel) as environment:
        pairs = environment.from_collection(text_lines(size)).flatmap(sage.PairsOf)
        pairs.keyby(sage.WordOf).reduce(sage.MergeCounts).sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, len(found), digest(found, ordered=False))


def _sage_state(kernel: str, size: int) -> Sample:
    found: list[Pair] = []
    with sage.environment(kernel) as environment:
        pairs = environment.from_collection(text_lines(size)).flatmap(sage.PairsOf)
        pairs.keyby(sage.WordOf).map(sage.CountInState).sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, len(found), digest(found, ordered=False))
