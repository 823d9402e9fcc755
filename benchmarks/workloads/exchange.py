"""`exchange`: a cheap function behind a keyed exchange between lanes: tuples, and large arrays.

`lanes` exchanges tuples between two process lanes, which make them and keep one in a thousand.
`threads` and `tuples` make and keep them in the program itself: there and back, which costs its
process four times as much as the hand-written loop does in all.

The arrays cross once, and what comes back is a number; the first side copies each of them once in
memory, the least that passing it on by value can cost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

from benchmarks import sage
from benchmarks.functions import Pair, digest
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api.lifecycle import Placement

__all__ = ["cases"]

_KEYS = 1000
_ARRAY_BYTES = 1_000_000
_DISTINCT = 16
_BAR_BYTES_PER_S = 2e9
_Numbered: TypeAlias = tuple[int, Any]
"""A number and a numpy array, which the type checkers need not know."""


def cases(kernel: str) -> Sequence[Case]:
    """Return tuples between threads and between processes, and arrays between processes."""
    arrays = (
        LocalSide("memory copy", _copy_arrays),
        LocalSide(SAGE, partial(_sage_arrays, kernel), "process lanes=2"),
    )
    return (
        _between_lanes(kernel),
        _tuples("threads", kernel, "kernel"),
        _tuples("tuples", kernel, "process"),
        Case(
            "exchange",
            "arrays",
            arrays,
            12_000,
            40,
            unit="arrays",
            aims=(Aim(against=None, detail="of_bar", at_least=1.0),),
            scales=False,
            repetitions=3,
        ),
    )


def _between_lanes(kernel: str) -> Case:
    sides = (
        LocalSide(HAND, _hand_lanes, "one core"),
        LocalSide(SAGE, partial(_sage_lanes, kernel), "process lanes=2"),
    )
    aims = (Aim(at_least=0.5),)
    return Case(
        "exchange", "lanes", sides, 8_000_000, 8_000, aims=aims, scales=False, repetitions=9
    )


def _pair_of(number: int) -> Pair:
    return (f"key{number % _KEYS}", number)


def _is_sample(pair: Pair) -> bool:
    return pair[1] % 1000 == 0


def _hand_lanes(size: int) -> Sample:
    found: list[Pair] = []
    sink = found.append

    start = time.perf_counter()
    for number in range(size):
        pair = _pair_of(number)
        _key_of(pair)  # see `_hand`
        stepped = _next_pair(pair)
        if _is_sample(stepped):
            sink(stepped)
    seconds = time.perf_counter() - start

    return Sample(seconds, size, digest(found, ordered=False))


def _sage_lanes(kernel: str, size: int) -> Sample:
    found: list[Pair] = []
    with sage.environment(kernel) as environment:
        numbers = environment.from_collection(range(size))
        pairs = numbers.map(_pair_of, parallelism=2).set_placement("process")
        stepped = pairs.keyby(_key_of).map(_next_pair, parallelism=2).set_placement("process")
        stepped.filter(_is_sample, parallelism=2).set_placement("process").sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found, ordered=False))


def _tuples(name: str, kernel: str, placement: Placement) -> Case:
    sides = (
        LocalSide(HAND, _hand, "one core"),
        LocalSide(SAGE, partial(_sage, kernel, placement), "parallelism=2"),
    )
    return Case("exchange", name, sides, 1_000_000, 8_000, scales=False)


def _pairs(size: int) -> list[Pair]:
    return [*map(_pair_of, range(size))]


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


def _sage(kernel: str, placement: Placement, size: int) -> Sample:
    found: list[Pair] = []
    with sage.environment(kernel) as environment:
        keyed = environment.from_collection(_pairs(size)).keyby(_key_of)
        stepped = keyed.map(_next_pair, parallelism=2).set_placement(placement)
        stepped.sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found, ordered=False))


def _arrays(size: int) -> list[_Numbered]:
    numpy = import_module("numpy")
    distinct = [numpy.full(_ARRAY_BYTES, number, "uint8") for number in range(_DISTINCT)]
    # A view each: the same array twice in a frame would cross only once.
    return [(number, distinct[number % _DISTINCT].view()) for number in range(size)]


def _number_of(numbered: _Numbered) -> int:
    return numbered[0]


def _last_of(numbered: _Numbered) -> int:
    return int(numbered[1][-1])


def _copy_arrays(size: int) -> Sample:
    values = _arrays(size)
    found: list[int] = []

    start = time.perf_counter()
    for number, array in values:
        found.append(_last_of((number, array.copy())))
    seconds = time.perf_counter() - start

    return _arrays_sample(seconds, found, _BAR_BYTES_PER_S)


def _sage_arrays(kernel: str, size: int) -> Sample:
    # Of this moment and this machine: half of what a plain copy reaches, 2 GB/s at most.
    copied = _copy_arrays(max(size // 10, _DISTINCT))
    bar = min(_BAR_BYTES_PER_S, copied.operations * _ARRAY_BYTES / copied.seconds / 2)
    found: list[int] = []
    with sage.environment(kernel) as environment:
        keyed = environment.from_collection(_arrays(size)).keyby(_number_of)
        keyed.map(_last_of, parallelism=2).set_placement("process").sink(found.append)
        seconds = sage.timed_submit(environment)
    return _arrays_sample(seconds, found, bar)


def _arrays_sample(seconds: float, found: list[int], bar_bytes_per_s: float) -> Sample:
    rate = len(found) * _ARRAY_BYTES / seconds
    details = {"gb_per_s": rate / 1e9, "of_bar": rate / bar_bytes_per_s}
    return Sample(seconds, len(found), digest(found, ordered=False), details)
