"""`async`: 5,000 calls that take 10 ms each, 100 at once, against the time they must take.

The ideal is the number of calls times their duration, divided by the capacity. The hand-written
side is a bare event loop with as many workers that take the calls from one iterator: nothing
less can limit them to the capacity.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks import sage
from benchmarks.functions import digest, integers
from benchmarks.values import HAND, SAGE, Aim, Case, LocalSide, Sample

__all__ = ["cases"]

_CAPACITY = 100
_CALL_S = 0.010
_AIMS = (Aim(against=None, detail="times_ideal", at_most=1.10),)


def cases(kernel: str) -> Sequence[Case]:
    """Return the ordered and the unordered form."""
    return (
        _case("ordered", partial(_sage, kernel, ordered=True)),
        _case("unordered", partial(_sage, kernel, ordered=False)),
    )


def _case(name: str, run: Callable[[int], Sample]) -> Case:
    sides = (LocalSide(HAND, _hand, "worker coroutines"), LocalSide(SAGE, run, "capacity=100"))
    return Case(
        "async",
        name,
        sides,
        5_000,
        500,
        unit="calls",
        measure="time",
        aims=_AIMS,
        scales=False,
    )


async def _ask(value: int) -> int:
    await asyncio.sleep(_CALL_S)
    return value + 1


def _sample(seconds: float, found: list[int]) -> Sample:
    ideal_s = -(-len(found) // _CAPACITY) * _CALL_S
    # Sorted: the unordered sides may differ in order by right.
    return Sample(
        seconds, len(found), digest(found, ordered=False), {"times_ideal": seconds / ideal_s}
    )


def _hand(size: int) -> Sample:
    found: list[int] = []
    start = time.perf_counter()
    asyncio.run(_work_off(iter(integers(size)), found))
    return _sample(time.perf_counter() - start, found)


async def _work_off(values: Iterator[int], found: list[int]) -> None:
    async def work() -> None:
        found.extend([await _ask(value) for value in values])

    await asyncio.gather(*(work() for _ in range(_CAPACITY)))


def _sage(kernel: str, size: int, *, ordered: bool) -> Sample:
    found: list[int] = []
    with sage.environment(kernel) as environment:
        values = environment.from_collection(integers(size))
        values.map_async(_ask, capacity=_CAPACITY, ordered=ordered).sink(found.append)
        seconds = sage.timed_submit(environment)
    if ordered and found != sorted(found):
        raise AssertionError("the ordered step changed the order")
    return _sample(seconds, found)
