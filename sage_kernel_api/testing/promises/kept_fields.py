"""State of a function that is not by key, after a crash.

Layer: testing. Promises of `Capability.CHECKPOINTS`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sage_kernel_api.core.functions import (
    MapFunction,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    crash_at,
    durable,
    numbers_of,
)
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class _Included(MapFunction[int, int]):
    """Has a field that it names as its state, and one that it does not name."""

    __state_include__: ClassVar[tuple[str, ...]] = ("total",)

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.other = 0
        self.at_open = -1

    def open(self) -> None:
        self.at_open = self.total

    def execute(self, data: int) -> Any:
        self.total += 1
        self.other += 1
        return self.total, self.other, self.at_open


class _Own(_Included):
    """Says itself what its state is."""

    __state_include__: ClassVar[tuple[str, ...]] = ()

    def get_state(self) -> Any:
        return {"of mine": self.total}

    def restore_state(self, state: Any) -> None:
        self.total = state["of mine"]


@promise(Capability.CHECKPOINTS, variants={"__state_include__": _Included, "restore_state": _Own})
def fields_of_a_function_come_back_before_it_opens(bench: Workbench, function: Any) -> None:
    """State is put back before `open`; fields that are no state are those of a new function."""

    def build(tape: Tape, found: list[Any]) -> Any:
        env = durable(bench)
        numbers_of(env, tape).map(function, uid="fields").sink(found.append)
        return env

    _, before, after = crash_at(bench, build)

    expect_equal(before[-1], (HELD, HELD, 0), "total, other and total at open, before")
    expect_equal(after[0], (HELD + 1, 1, HELD), "the same, after")


class _Saves(MapFunction[int, Any]):
    def execute(self, data: int) -> Any:
        state = self.ctx.state_manager
        count = state.load_state("count", 0) + 1
        state.save_state("count", count)
        return count


@promise(Capability.CHECKPOINTS, Capability.STATE)
def saved_values_come_back(bench: Workbench) -> None:
    """What `save_state` has kept is part of the checkpoint."""

    def build(tape: Tape, found: list[Any]) -> Any:
        env = durable(bench)
        numbers_of(env, tape).map(_Saves, uid="saves").sink(found.append)
        return env

    _, before, after = crash_at(bench, build)

    expect_equal([*before, *after], [*range(1, END + 1)], "the counts of both runs")
