"""Whose a value by key is: of one step, one job, one key.

Layer: testing. Promises of `KeyedStateStore`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.context import SupportsKeyedState
from sage_kernel_api.core.functions import (
    MapFunction,
    ValueState,
)
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same
from sage_kernel_api.testing.promises.keyed_state import Counts
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.KEYED_STATE)
def steps_do_not_share_a_state(bench: Workbench) -> None:
    """Two steps of one class have states of their own, whatever their names."""
    env = bench.environment()
    stream = env.from_collection([1, 1]).keyby(lambda x: 0)
    first: list[Any] = []
    second: list[Any] = []
    stream.map(Counts).sink(first.append)
    stream.map(Counts).sink(second.append)

    bench.finish(env)

    expect_equal((first, second), ([(0, 1), (0, 2)],) * 2, "the counts of both steps")


@promise(Capability.KEYED_STATE)
def jobs_do_not_share_a_state(bench: Workbench) -> None:
    """A table is empty at first, in every job."""
    env = bench.environment()
    got: list[Any] = []
    env.from_collection([1, 1]).keyby(lambda x: 0).map(Counts).sink(got.append)

    bench.finish(env)
    bench.finish(env)

    expect_equal(got, [(0, 1), (0, 2), (0, 1), (0, 2)], "the counts of both jobs")


class _Looks(MapFunction[Any, Any]):
    """Shows what the store itself is."""

    seen = ValueState(0)

    def __init__(self, found: list[Any]) -> None:
        super().__init__()
        self.found = found

    def open(self) -> None:
        self.found.append(self._store().key)

    def execute(self, data: Any) -> Any:
        store = self._store()
        self.found.append(store.key)
        return store.table("seen") is store.table("seen")

    def _store(self) -> KeyedStateStore:
        context = self.ctx
        assert isinstance(context, SupportsKeyedState), "the context has no keyed state"
        return context.keyed_state


@promise(Capability.KEYED_STATE)
def the_store_knows_the_key_at_hand(bench: Workbench) -> None:
    """`key` is that of the record, None between records; a table is the same object each time."""
    found: list[Any] = []
    env = bench.environment()

    got = bench.collect(env.from_collection(["a", "b"]).keyby(lambda x: x).map(_Looks, found))

    expect_equal(found, [None, "a", "b"], "the keys")
    expect_equal(got, [True, True], "whether a table is the same object")


@promise(Capability.KEYED_STATE)
def a_context_outside_of_jobs_has_a_store(bench: Workbench) -> None:
    """Functions with state can be tested alone: the store has the key of the config."""
    context = bench.kernel.create_execution_context({"key": "k"})
    store = bench.keyed_state(context)

    expect_equal(list(compare_members(store, KeyedStateStore)), [], "KeyedStateStore")
    expect_equal((store.key, dict(store.table("a"))), ("k", {}), "key and table")
    expect_same(store.table("a"), store.table("a"), "the table")
    store.table("a")["k"] = 1
    expect_equal(dict(store.table("b")), {}, "the table of another state")


@promise(Capability.KEYED_STATE, Capability.PARALLELISM, Capability.KEYED_ROUTING)
def parallel_instances_count_each_key_once(bench: Workbench) -> None:
    """A key has its values in one table only: the last count is that of all its records."""
    env = bench.environment()
    stream = env.from_collection(range(2_000)).keyby(_modulo_17)

    got = bench.collect(stream.map(Counts, parallelism=3))

    last = dict(got)
    expected = {key: len(range(key, 2_000, 17)) for key in range(17)}
    expect_equal(sorted(last.items()), sorted(expected.items()), "the last counts")


@promise(Capability.KEYED_STATE)
def many_keys_have_many_values(bench: Workbench) -> None:
    """Ten thousand records of a thousand keys are counted right."""
    env = bench.environment()
    stream = env.from_collection(range(10_000)).keyby(lambda x: f"user-{x % 1_000}")

    got = bench.collect(stream.map(Counts))

    expect_equal(got, [(f"user-{x % 1_000}", x // 1_000 + 1) for x in range(10_000)], "counts")


def _modulo_17(x: int) -> int:
    return x % 17
