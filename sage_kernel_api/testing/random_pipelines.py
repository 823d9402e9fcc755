"""Random pipelines, compared with plain loops.

Layer: testing. Needs hypothesis.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.machines import so_many
from sage_kernel_api.testing.workbench import Workbench

__all__ = ["check_random_chains", "check_random_folds"]

_STEPS: Final[dict[str, Any]] = {
    "add": ("map", lambda x: x + 1),
    "double": ("map", lambda x: x * 2),
    "even": ("filter", lambda x: x % 2 == 0),
    "small": ("filter", lambda x: x < 50),
    "twice": ("flatmap", lambda x: [x, -x]),
    "none": ("flatmap", lambda x: [] if x % 3 else [x]),
}


def check_random_chains(bench: Workbench) -> None:
    """Compare random chains of steps with loops over lists."""

    @so_many(25)
    @given(
        st.lists(st.integers(-100, 100), max_size=40),
        st.lists(st.sampled_from(sorted(_STEPS)), max_size=6),
    )
    def compare(records: list[int], names: list[str]) -> None:
        stream = bench.environment().from_collection(records)
        expected = records
        for name in names:
            method, function = _STEPS[name]
            stream = getattr(stream, method)(function)
            expected = _plain(method, function, expected)
        expect_equal(bench.collect(stream), expected, f"the records behind {names}")

    compare()


def check_random_folds(bench: Workbench) -> None:
    """Compare random keyed sums with those of a dictionary."""
    keys = st.sampled_from(["a", "", 0, 1, None, ("x", 1)])

    @so_many(25)
    @given(st.lists(st.tuples(keys, st.integers(-9, 9)), max_size=40))
    def compare(records: list[tuple[Any, int]]) -> None:
        stream = bench.environment().from_collection(records).keyby(lambda pair: pair[0])
        folded = stream.reduce(lambda a, b: (a[0], a[1] + b[1]))
        sums: dict[Any, int] = {}
        expected = []
        for key, number in records:
            sums[key] = sums.get(key, 0) + number
            expected.append((key, sums[key]))
        expect_equal(bench.collect(folded), expected, "the running sums")

    compare()


def _plain(method: str, function: Any, records: list[int]) -> list[int]:
    if method == "map":
        return [function(x) for x in records]
    if method == "filter":
        return [x for x in records if function(x)]
    return [y for x in records for y in function(x)]
