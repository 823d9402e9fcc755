"""State that an older program has written, or a newer one.

Layer: testing. Promises of `UpgradingRunnable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sage_kernel_api.core.functions import MapFunction, ValueState
from sage_kernel_api.errors import (
    StateError,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    durable,
    finish,
    modulo_7,
    numbers_of,
    run_to,
)
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability


class _Old(MapFunction[int, Any]):
    __state_include__ = ("records",)
    seen = ValueState(0)

    def __init__(self) -> None:
        super().__init__()
        self.records = 0

    def execute(self, data: int) -> Any:
        self.records += 1
        self.seen.set(self.seen.get() + 1)
        return self.records, self.seen.get()


class _New(MapFunction[int, Any]):
    """The next version: the field has another name, and counts have become pairs."""

    state_version = 2
    __state_include__ = ("total",)
    seen: Any = ValueState[Any]((0, ""))

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def upgrade_state(self, version: int, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"total": state["records"]}

    def upgrade_keyed_state(self, version: int, table: str, value: Any) -> Any:
        return value, f"{table} of {version}"

    def execute(self, data: int) -> Any:
        self.total += 1
        count, origin = self.seen.get()
        self.seen.set((count + 1, origin))
        return self.total, self.seen.get()


def _versioned(bench: Workbench, directory: str, tape: Tape, function: Any, found: Any) -> Env:
    env = durable(bench, directory)
    numbers_of(env, tape).keyby(modulo_7).map(function, uid="versions").sink(found.append)
    return env


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def state_of_an_older_program_is_upgraded(bench: Workbench) -> None:
    """Fields and values by key go through the hooks of the new version, each once."""
    tape, found = Tape(), list[Any]()
    env = _versioned(bench, "old", tape, _Old, [])
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=bench.folder / "old.savepoint")
    env = _versioned(bench, "new", tape, _New, found)
    run_to(bench, env, tape, HELD + 7, restore_from=bench.folder / "old.savepoint")
    env.stop(savepoint=bench.folder / "new.savepoint")
    bench.start_again()

    env = _versioned(bench, "newer", tape, _New, found)
    finish(bench, env, tape, restore_from=bench.folder / "new.savepoint")

    wanted = [(n + 1, (n // 7 + 1, "seen of 1")) for n in range(HELD, END)]
    expect_equal(found, wanted, "totals and counts")


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def state_of_a_newer_program_is_refused(bench: Workbench) -> None:
    """An older version of a function does not guess: the job does not run with it."""
    tape, found = Tape(), list[Any]()
    path = bench.folder / "new.savepoint"
    env = _versioned(bench, "new", tape, _New, [])
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=path)

    env = _versioned(bench, "old", tape, _Old, found)
    tape.let(tape.end)
    try:
        error = bench.wait(env.submit(restore_from=path)).get("exception")
    except StateError as refusal:
        error = refusal

    expect(error is not None, "the job ran")
    expect_equal(found, [], "the records")
