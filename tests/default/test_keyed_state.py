"""Keyed state through functions, on every kernel that has it."""

from __future__ import annotations

import datetime as dt
import enum
import operator
from typing import Any

import pytest

from sage_kernel_api import (
    KernelFacade,
    ListState,
    LocalEnvironment,
    MapFunction,
    MapState,
    PipelineError,
    ReducingState,
    ValueState,
    resolve_kernel,
    retry,
)
from sage_kernel_api.errors import ContextError, JobFailedError, StateError
from sage_kernel_default import DefaultKernelFacade
from sage_kernel_mock import MockKernelFacade


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


ODD_KEYS: list[Any] = [
    0, "", b"", (), None, 2, "2", b"2", 10**30, -1, 2.5, ("a", (1, None)), Colour.RED, Colour.BLUE,
    dt.date(2024, 2, 29), frozenset({1, 2}), "\ud800", "é", "e\u0301",
]  # fmt: skip


class CountPerKey(MapFunction[Any, tuple[Any, int]]):
    """How often each key came."""

    seen = ValueState(0)

    def execute(self, data: Any) -> tuple[Any, int]:
        count = self.seen.get() + 1
        self.seen.set(count)
        return self.ctx.get_key(), count


@pytest.fixture(params=["default", "default?frame_size=3", "mock"])
def kernel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("parallelism", [1, 3])
def test_every_key_has_a_value_of_its_own(kernel: str, parallelism: int) -> None:
    """Whoever counts by user would otherwise see the counts of another user."""
    records = [key for n in range(1, 5) for key in ODD_KEYS[:: 1 if n % 2 else 2]]

    with LocalEnvironment("count", kernel=kernel) as env:
        keyed = env.from_collection(records).keyby(lambda record: record)
        counted = keyed.map(CountPerKey, parallelism=parallelism).execute_and_collect()

    expected = [(key, records[:end].count(key) + 1) for end, key in enumerate(records)]
    assert sorted(counted, key=repr) == sorted(expected, key=repr)
    for key in ODD_KEYS:
        assert [n for found, n in counted if found == key] == [n for k, n in expected if k == key]


class Remember(MapFunction[tuple[str, int], tuple[Any, ...]]):
    """All kinds of state at once, cleared by a negative number."""

    last = ValueState[int | None](None)
    recent = ListState[int]()
    by_parity = MapState[str, int]()
    total = ReducingState[int](operator.add)

    def execute(self, data: tuple[str, int]) -> tuple[Any, ...]:
        key, number = data
        if number < 0:
            for state in (self.last, self.recent, self.by_parity, self.total):
                state.clear()
            return key, self.last.get(), [*self.recent.get()], self.total.get()
        parity = "odd" if number % 2 else "even"
        before = self.last.get()
        self.last.set(number)
        self.recent.append(number)
        self.by_parity.set(parity, self.by_parity.get(parity, 0) + 1)
        self.total.add(number)
        return key, before, [*self.recent.get()], self.by_parity.items(), self.total.get()


def test_all_kinds_of_state_are_kept_by_key_and_can_be_cleared(kernel: str) -> None:
    """A cleared key must begin afresh, and no other key with it."""
    records = [("a", 1), ("b", 5), ("a", 2), ("a", -1), ("a", 4), ("b", 7)]

    with LocalEnvironment("remember", kernel=kernel) as env:
        keyed = env.from_collection(records).keyby(lambda record: record[0])
        results = keyed.map(Remember).execute_and_collect()

    assert results == [
        ("a", None, [1], [("odd", 1)], 1),
        ("b", None, [5], [("odd", 1)], 5),
        ("a", 1, [1, 2], [("odd", 1), ("even", 1)], 3),
        ("a", None, [], None),
        ("a", None, [4], [("even", 1)], 4),
        ("b", 5, [5, 7], [("odd", 2)], 12),
    ]


class CountWithStumble(CountPerKey):
    """Fails once, after it has set the state."""

    stumbled = False

    def execute(self, data: Any) -> tuple[Any, int]:
        result = super().execute(data)
        if data == 2 and not self.stumbled:
            self.stumbled = True
            raise ValueError("stumbled")
        return result


def test_what_a_record_changed_before_it_failed_stays_changed(kernel: str) -> None:
    """Documented, so that whoever retries knows to set the state last."""
    with LocalEnvironment("stumble", kernel=kernel) as env:
        keyed = env.from_collection([1, 2, 3]).keyby(lambda record: "k")
        counted = keyed.map(CountWithStumble, on_error=retry(1, delay_s=0.0)).execute_and_collect()

    assert counted == [("k", 1), ("k", 3), ("k", 4)]


def test_state_on_a_stream_without_keys_is_refused_before_anything_runs(kernel: str) -> None:
    """All records would share one value, or be spread over instances by chance."""
    with LocalEnvironment("unkeyed", kernel=kernel) as env:
        env.from_collection([1]).map(CountPerKey, name="count").sink(print)

        with pytest.raises(PipelineError, match=r"'count': keeps state by key \(seen\).*keyby"):
            env.submit()


def test_a_key_that_no_table_can_hold_fails_its_step_by_name(kernel: str) -> None:
    """A list as a key is a mistake of the program, and has to be found at once."""
    with LocalEnvironment("list", kernel=kernel) as env:
        env.from_collection([[1]]).keyby(lambda record: record).map(CountPerKey).sink(print)

        with pytest.raises(JobFailedError, match=r"unhashable|list"):
            env.submit(autostop=True)


def test_a_default_that_can_be_changed_in_place_is_refused() -> None:
    """One list for all keys is the bug that nobody finds."""
    with pytest.raises(StateError, match="ListState"):
        ValueState[list[int]]([])


@pytest.mark.parametrize("make", [DefaultKernelFacade, MockKernelFacade])
def test_a_function_can_be_tested_apart_from_any_job(
    make: type[DefaultKernelFacade] | type[MockKernelFacade],
) -> None:
    """Unit tests of functions need no pipeline."""
    kernel: KernelFacade = make()
    function = CountPerKey()
    function.set_context(kernel.create_execution_context({"key": "a"}))

    assert [function.execute("x"), function.execute("x")] == [("a", 1), ("a", 2)]

    function.ctx = kernel.create_execution_context({"key": "b"})
    assert function.execute("x") == ("b", 1)
    kernel.shutdown()


def test_without_a_runtime_the_error_says_how_to_get_one() -> None:
    """The first thing that a newcomer tries is to call the function."""
    with pytest.raises(ContextError, match=r"CountPerKey\.seen.*create_execution_context"):
        CountPerKey().execute("x")


def test_keyed_state_is_no_part_of_the_state_of_the_function() -> None:
    """The kernel has it already; twice in a snapshot it could differ."""
    kernel = resolve_kernel("mock")
    function = CountPerKey()
    function.set_context(kernel.create_execution_context({"key": "a"}))
    function.execute("x")

    assert function.get_state() == {}
