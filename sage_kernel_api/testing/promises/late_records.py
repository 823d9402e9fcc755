"""Records that come too late for their window, and none that does not.

Layer: testing. Promises of `Capability.EVENT_TIME`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import OutputTag
from sage_kernel_api.core.windows import (
    TumblingTimeWindows,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.promises.windows import NEEDS, keyed, shown
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

LATENESS: dict[str, tuple[float, float, list[int], list[int]]] = {
    "within the bound": (2.0, 0.0, [1, 11, 9], []),
    "behind the bound": (2.0, 0.0, [1, 12, 9], [9]),
    "allowed": (0.0, 5.0, [1, 10, 5, 14, 6], []),
    "later than allowed": (0.0, 5.0, [1, 15, 5], [5]),
}


_LATE = OutputTag[int]("late")


@promise(
    Capability.EVENT_TIME,
    Capability.SIDE_OUTPUTS,
    *NEEDS,
    variants={name: case for name, case in LATENESS.items() if not case[3]},
)
def a_record_in_time_is_never_late(bench: Workbench, case: Any) -> None:
    """Out of order by no more than the bound, or than is allowed: its window takes it."""
    _, late, taken = _lateness(bench, case)

    expect_equal(late, [], "the late records")
    expect_equal(taken, set(case[2]), "the records that windows took")


@promise(
    Capability.EVENT_TIME,
    Capability.SIDE_OUTPUTS,
    *NEEDS,
    variants={name: case for name, case in LATENESS.items() if case[3]},
)
def a_late_record_is_told_apart(bench: Workbench, case: Any) -> None:
    """It goes to the output for late records, once, and into no window that has come out."""
    results, late, _ = _lateness(bench, case)

    expect_equal(late, case[3], "the late records")
    wanted = [one for one in case[2] if one not in case[3]]
    taken = [record for one in results for record in one[2]]
    expect_equal(sorted(taken), sorted(wanted), "the records in windows")


def _lateness(bench: Workbench, case: Any) -> tuple[list[Any], list[int], set[int]]:
    bound_s, allowed_s, records, _ = case
    env = bench.environment()
    late: list[int] = []
    windows = keyed(env, records, bound_s).window(
        TumblingTimeWindows(10), allowed_lateness_s=allowed_s, late_output=_LATE
    )
    results = windows.process(shown)
    results.get_side_output(_LATE).sink(late.append, name="late")
    got = bench.collect(results)
    return got, late, {record for one in got for record in one[2]}
