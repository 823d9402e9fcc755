"""`scaling`: cost per record as chains get longer and steps get more instances."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from benchmarks import functions, sage
from benchmarks.functions import digest, integers
from benchmarks.values import HAND, SAGE, Case, LocalSide, Sample

__all__ = ["cases"]

_STEPS = (1, 2, 5, 10, 20)
_PARALLELISM = (1, 2, 4, 8)


def cases(kernel: str) -> Sequence[Case]:
    """Return one case per chain length and per parallelism."""
    lengths = tuple(
        Case(
            "scaling",
            f"steps={steps}",
            (
                LocalSide(HAND, partial(_hand, steps)),
                LocalSide(SAGE, partial(_sage, kernel, steps, 1)),
            ),
            1_000_000 // max(2, steps),
            10_000 // steps,
            repetitions=5,
        )
        for steps in _STEPS
    )
    widths = tuple(
        Case(
            "scaling",
            f"parallelism={parallelism}",
            (
                LocalSide(HAND, partial(_hand, 1)),
                LocalSide(SAGE, partial(_sage, kernel, 1, parallelism)),
            ),
            400_000,
            8_000,
            repetitions=5,
        )
        for parallelism in _PARALLELISM
    )
    return lengths + widths


def _hand(steps: int, size: int) -> Sample:
    values = integers(size)
    calls = [functions.AddOne().execute] * steps
    found: list[int] = []
    sink = found.append

    # One generated line per step: a loop over `calls` would be slower than what one writes.
    source = "for value in values:\n"
    source += "".join(f"    value = call{number}(value)\n" for number in range(steps))
    source += "    sink(value)\n"
    names = {f"call{number}": call for number, call in enumerate(calls)}
    arguments = ", ".join(["values", "sink", *names])
    body = source.replace("\n", "\n    ")
    namespace: dict[str, object] = {}
    exec(f"def loop({arguments}):\n    {body}", namespace)
    loop = namespace["loop"]
    assert callable(loop)

    start = time.perf_counter()
    loop(values=values, sink=sink, **names)
    seconds = time.perf_counter() - start

    return Sample(seconds, size, digest(found, ordered=False))


def _sage(kernel: str, steps: int, parallelism: int, size: int) -> Sample:
    found: list[int] = []
    with sage.environment(kernel) as environment:
        stream = environment.from_collection(integers(size))
        for _ in range(steps):
            stream = stream.map(sage.AddOne, parallelism=parallelism)
        stream.sink(found.append)
        seconds = sage.timed_submit(environment)
    return Sample(seconds, size, digest(found, ordered=False))
