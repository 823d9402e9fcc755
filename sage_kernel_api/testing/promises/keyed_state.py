"""Values kept by key, at hand for the record that is being processed.

Layer: testing. Promises of `KeyedStateStore` and of the states that functions declare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.context import SupportsKeyedState
from sage_kernel_api.core.functions import (
    ListState,
    MapFunction,
    MapState,
    ReducingState,
    ValueState,
)
from sage_kernel_api.core.streams import KeyedStream
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.storage import KeyedStateStore
from sage_kernel_api.testing.backdoors import Door
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same
from sage_kernel_api.testing.promises.keys import KEYS
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobId


class Counts(MapFunction[Any, Any]):
    """How many records of the key there were, this one included."""

    seen: ValueState[int] = ValueState(0)

    def execute(self, data: Any) -> Any:
        count = self.seen.get() + 1
        self.seen.set(count)
        return self.ctx.get_key(), count


class Lists(MapFunction[Any, Any]):
    """The records of the key so far."""

    items: ListState[Any] = ListState[Any]()

    def execute(self, data: Any) -> Any:
        self.items.append(data)
        return list(self.items.get())


class Maps(MapFunction[Any, Any]):
    """How often each record came for the key."""

    counts: MapState[Any, int] = MapState[Any, int]()

    def execute(self, data: Any) -> Any:
        self.counts.set(data, self.counts.get(data, 0) + 1)
        return self.counts.items()


class Largest(MapFunction[int, int]):
    """The largest record of the key so far."""

    largest: ReducingState[int] = ReducingState[int](max)

    def execute(self, data: int) -> int:
        return self.largest.add(data)


STATES: dict[str, tuple[Callable[[KeyedStream[int, int]], Any], list[Any]]] = {
    "ValueState": (lambda s: s.map(Counts), [(0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]),
    "ListState": (lambda s: s.map(Lists), [[4], [1], [4, 2], [1, 5], [4, 2, 4]]),
    "MapState": (
        lambda s: s.map(Maps),
        [[(4, 1)], [(1, 1)], [(4, 1), (2, 1)], [(1, 1), (5, 1)], [(4, 2), (2, 1)]],
    ),
    "ReducingState": (lambda s: s.map(Largest), [4, 1, 4, 5, 4]),
}


@promise(Capability.KEYED_STATE, variants=STATES)
def a_state_is_kept_for_each_key(bench: Workbench, case: Any) -> None:
    """Every kind of state works on the value of the key at hand, and on no other."""
    build, expected = case
    env = bench.environment()
    stream = env.from_collection([4, 1, 2, 5, 4]).keyby(lambda x: x % 2)

    expect_equal(bench.collect(build(stream)), expected, "the results")


@promise(Capability.KEYED_STATE, variants=KEYS)
def any_key_has_its_value(bench: Workbench, key: Any) -> None:
    """Falsy keys, and None, have values like any other."""
    env = bench.environment()
    stream = env.from_collection([key, "other", key, key]).keyby(lambda x: x)

    got = bench.collect(stream.map(Counts))

    expect_equal(got, [(key, 1), ("other", 1), (key, 2), (key, 3)], "keys and counts")


@promise(Capability.KEYED_STATE)
def equal_keys_have_one_value(bench: Workbench) -> None:
    """1, 1.0 and True are one key."""
    env = bench.environment()
    keys: list[Any] = [1, 1.0, True]

    got = bench.collect(env.from_collection(keys).keyby(lambda x: x).map(Counts))

    expect_equal([count for _, count in got], [1, 2, 3], "the counts")


class _Two(MapFunction[int, Any]):
    first = ValueState(0)
    second = ValueState(100)

    def execute(self, data: int) -> Any:
        self.first.set(self.first.get() + 1)
        return self.first.get(), self.second.get()


@promise(Capability.KEYED_STATE)
def two_states_of_a_function_are_apart(bench: Workbench) -> None:
    """Each declared state has a table of its own."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1, 1]).keyby(lambda x: x).map(_Two))

    expect_equal(got, [(1, 100), (2, 100)], "both values")


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


class _Clears(MapFunction[str, int]):
    seen = ValueState(0)

    def execute(self, data: str) -> int:
        if data.endswith("clear"):
            self.seen.clear()
        else:
            self.seen.set(self.seen.get() + 1)
        return self.seen.get()


@promise(Capability.KEYED_STATE)
def clearing_forgets_one_key(bench: Workbench) -> None:
    """`clear` brings back the default for the key at hand, and leaves the others."""
    env = bench.environment()
    records = ["a", "b", "a", "a clear", "a", "b"]

    got = bench.collect(env.from_collection(records).keyby(lambda x: x[0]).map(_Clears))

    expect_equal(got, [1, 1, 2, 0, 1, 2], "the counts")


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


class _Keeps(MapFunction[list[int], list[int]]):
    kept = ValueState[Any](None)

    def execute(self, data: list[int]) -> list[int]:
        if self.kept.get() is None:
            self.kept.set(data)
        kept: list[int] = self.kept.get()
        return kept


@promise(Capability.KEYED_STATE)
def values_are_kept_by_reference(bench: Workbench) -> None:
    """What is set is what is got: the same object."""
    value = [1]
    env = bench.environment()

    got = bench.collect(env.from_collection([value, [2]]).keyby(lambda x: 0).map(_Keeps))

    expect_same(got[1], value, "the kept value")


class _SetsAndFails(MapFunction[int, int]):
    seen = ValueState(0)

    def execute(self, data: int) -> int:
        self.seen.set(self.seen.get() + 1)
        if data < 0:
            raise ValueError(data)
        return self.seen.get()


@promise(Capability.KEYED_STATE, Capability.ERROR_POLICIES)
def what_a_failing_record_set_stays(bench: Workbench) -> None:
    """An assignment is done when it returns; it is not undone when the record fails later."""
    env = bench.environment()
    stream = env.from_collection([1, -1, 1]).keyby(lambda x: 0)

    got = bench.collect(stream.map(_SetsAndFails, on_error="skip"))

    expect_equal(got, [1, 3], "the counts")


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


@promise(Capability.KEYED_STATE, doors=[Door.RAW_STATE])
def the_kernel_really_has_the_values(bench: Workbench) -> None:
    """What a function set is in the kernel's own store, seen past the interface."""
    seen: list[dict[Any, Any]] = []

    class Reads(Counts):
        def execute(self, data: Any) -> Any:
            result = super().execute(data)
            job_id = JobId(bench.jobs.list_jobs()[-1]["job_id"])
            raw = bench.doors.raw_state(bench.kernel, job_id, "reads", "seen")
            seen.append(dict(raw))
            return result

    env = bench.environment()
    env.from_collection(["a", "b", "a"]).keyby(lambda x: x).map(Reads, name="reads").sink(
        lambda record: None
    )
    bench.finish(env)

    expect_equal(seen[-1], {"a": 2, "b": 1}, "the values")


def _modulo_17(x: int) -> int:
    return x % 17
