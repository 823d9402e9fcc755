"""`cpu`: a function of about 40 microseconds a record, on two lanes, against one core's loop.

The side "ideal" is the loop in two processes that were started beforehand and share nothing: what
the machine has to give. On a shared one, two cores are rarely twice of one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks import sage
from benchmarks.functions import burn, digest, integers
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]

_LANES = 2


def cases(kernel: str) -> Sequence[Case]:
    """Return the only form: some sixteen seconds of work for one core.

    So the start of two processes (0.3 s; see `start`) is a small part of it, as in all workloads.
    """
    sides = (
        LocalSide(HAND, _hand, "one core"),
        LocalSide("ideal", _ideal, "two processes"),
        LocalSide(SAGE, partial(_sage, kernel), "process lanes=2"),
    )
    aims = (Aim(at_least=1.8),)
    return (
        Case(
            *("cpu", "lanes=2", sides, 400_000, 500),
            peers=True,
            aims=aims,
            scales=False,
            repetitions=3,
        ),
    )


def _hand(size: int) -> Sample:
    values = integers(size)
    found: list[int] = []
    sink = found.append

    start = time.perf_counter()
    for value in values:
        sink(burn(value))
    seconds = time.perf_counter() - start

    return Sample(seconds, size, digest(found, ordered=False))


def _ideal(size: int) -> Sample:
    with ProcessPoolExecutor(_LANES, get_context("spawn")) as pool:
        # Both are there, and have imported what they need, before the clock runs.
        list(pool.map(_burn_all, [range(100)] * _LANES * 4))

        start = time.perf_counter()
        found = list(pool.map(_burn_all, [range(size)[part::_LANES] for part in range(_LANES)]))
        seconds = time.perf_counter() - start

    return Sample(seconds, size, digest([one for part in found for one in part], ordered=False))


def _burn_all(values: range) -> list[int]:
    return [burn(value) for value in values]


def _sage(kernel: str, size: int) -> Sample:
    found: list[int] = []
    with sage.environment(kernel) as environment:
        stream = environment.from_collection(integers(size)).map(burn, parallelism=_LANES)
        stream.set_placement("process").sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found, ordered=False))
