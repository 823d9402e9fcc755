"""Our side: the shared functions as functions of the core API, and timed jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import functions
from benchmarks.functions import Pair
from sage_kernel_api import (
    FilterFunction,
    FlatMapFunction,
    KeyByFunction,
    LocalEnvironment,
    MapFunction,
    ReduceFunction,
    ValueState,
)

__all__ = [
    "AddOne",
    "CountInState",
    "IsEven",
    "MergeCounts",
    "PairsOf",
    "Triple",
    "WordOf",
    "environment",
    "timed_submit",
]


class AddOne(functions.AddOne, MapFunction[int, int]):
    """The shared function as a step."""


class IsEven(functions.IsEven, FilterFunction[int]):
    """The shared function as a step."""


class Triple(functions.Triple, MapFunction[int, int]):
    """The shared function as a step."""


class PairsOf(functions.PairsOf, FlatMapFunction[str, Pair]):
    """The shared function as a step."""


class WordOf(functions.WordOf, KeyByFunction[Pair, str]):
    """The shared function as a step."""


class MergeCounts(functions.MergeCounts, ReduceFunction[Pair]):
    """The shared function as a step."""


class CountInState(MapFunction[Pair, Pair]):
    """`CountInDictionary` with its dictionary kept by the kernel."""

    seen = ValueState(0)

    def execute(self, data: Pair) -> Pair:
        """Return the word with its count so far."""
        count = self.seen.get() + data[1]
        self.seen.set(count)
        return (data[0], count)


@contextmanager
def environment(kernel: str) -> Iterator[LocalEnvironment]:
    """Give an environment on the kernel of that spec, and close it afterwards."""
    with LocalEnvironment("benchmark", kernel=kernel) as made:
        yield made


def timed_submit(environment: LocalEnvironment) -> float:
    """Run the pipeline to its end and return the seconds from submit to end.

    Checking, planning and starting are in them, as they are in the peers' figures.
    """
    start = time.perf_counter()
    environment.submit(autostop=True)
    return time.perf_counter() - start
