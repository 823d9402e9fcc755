"""Values kept by key, at hand for the record that is being processed.

Layer: testing. Promises of `KeyedStateStore` and of the states that functions declare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.functions import (
    ListState,
    MapFunction,
    MapState,
    ReducingState,
    ValueState,
)
from sage_kernel_api.core.streams import KeyedStream
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
