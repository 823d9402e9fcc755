"""What a compiled loop merges into one line, or counts at once, stays exact."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from sage_kernel_api import (
    FilterFunction,
    LocalEnvironment,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
)
from sage_kernel_api.errors import JobFailedError, StepError


def failure_of(env: LocalEnvironment) -> StepError:
    with pytest.raises(JobFailedError):
        env.submit(autostop=True)
    failure = env.status().get("exception")
    assert isinstance(failure, StepError)
    return failure


def boom_at_7(data: int) -> int:
    if data == 7:
        raise ValueError("seven")
    return data


def test_a_map_whose_result_goes_straight_into_a_list_is_named_with_its_record(
    env: LocalEnvironment,
) -> None:
    """Who loses the step and record of a failure in the commonest pipeline searches by hand."""
    found: list[int] = []
    numbers = env.from_collection(range(10))
    numbers.map(boom_at_7, name="careful").sink(found.append, name="list")

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("careful", "7")
    assert found == list(range(7))


def test_a_map_in_front_of_another_task_is_named_with_its_record(env: LocalEnvironment) -> None:
    """The same, where the result is put into the frame for the next task."""
    found: list[int] = []
    numbers = env.from_collection(range(10)).map(boom_at_7, name="careful")
    numbers.map(abs, parallelism=2).sink(found.append)

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("careful", "7")


def test_a_sink_that_may_fail_is_blamed_itself(env: LocalEnvironment) -> None:
    """A sink's failure shown as one of the map before it sends people to the wrong code."""
    numbers = env.from_collection(range(10))
    numbers.map(abs, name="innocent").sink(boom_at_7, name="culprit")

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("culprit", "7")


def test_what_a_filter_kept_is_in_the_list_also_if_a_later_record_fails(
    env: LocalEnvironment,
) -> None:
    """A failure must not take the results before it along."""
    found: list[int] = []
    odd = env.from_collection(range(10)).filter(lambda data: data % 2 == 1)
    odd.map(boom_at_7, name="careful").sink(found.append, name="list")

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("careful", "7")
    assert found == [1, 3, 5]


def test_user_code_sees_the_list_of_a_sink_as_it_is_after_each_record() -> None:
    """A filter that looks for a record among the results is the shortest way to drop doubles."""
    with LocalEnvironment("large frames") as env:
        found: list[int] = []
        doubles = env.from_collection([number // 100 for number in range(5000)])
        doubles.filter(lambda data: data not in found).sink(found.append)

        env.submit(autostop=True)

    assert found == [*range(50)]


class Kept(FilterFunction[int]):
    """Looks at the results of a sink, as an object that was given them."""

    def __init__(self, found: list[int]) -> None:
        self._found = found

    def execute(self, data: int) -> bool:
        return data not in self._found


@pytest.mark.parametrize("sight", ["default", "object", "partial"])
def test_user_code_sees_the_list_of_a_sink_by_whatever_way_it_got_it(sight: str) -> None:
    """Results may be held back only where nobody looks, and there are many ways to look."""
    found: list[int] = []
    looks: dict[str, Any] = {
        "default": lambda data, found=found: data not in found,
        "object": Kept(found).execute,
        "partial": partial(lambda seen, data: data not in seen, found),
    }
    with LocalEnvironment("large frames") as env:
        numbers = env.from_collection([number // 100 for number in range(5000)])
        numbers.filter(looks[sight]).sink(found.append)

        env.submit(autostop=True)

    assert found == [*range(50)]


def test_results_that_are_held_back_are_there_if_a_later_record_fails() -> None:
    """A failure must not take along what a loop keeps for the end of its frame."""
    found: list[float] = []
    with LocalEnvironment("large frames") as env:
        numbers = env.from_collection(range(5000)).filter(lambda data: data % 2 == 1)
        numbers.map(lambda data: 1 / (data - 4001), name="careful").sink(found.append)

        failure = failure_of(env)

    assert (failure.step, failure.record) == ("careful", "4001")
    assert found == [1 / (data - 4001) for data in range(1, 4001, 2)]


@pytest.mark.parametrize("records", [0, 1, 10, 70_000])
def test_a_filter_in_front_of_a_list_counts_what_it_kept(records: int) -> None:
    """What is not counted record by record is known from what was kept."""
    found: list[int] = []
    with LocalEnvironment("kept") as env:
        thirds = env.from_collection(range(records)).filter(lambda data: data % 3 > 0, name="all")
        halves = thirds.filter(lambda data: data % 2 > 0, name="half")
        halves.map(lambda data: data + 1, name="more").sink(found.append, name="list")

        env.submit(autostop=True)
        status = env.status()

    assert found == [data + 1 for data in range(records) if data % 3 and data % 2]
    outs = {name: step["records_out"] for name, step in status["steps"].items()}
    assert outs["all"] == sum(data % 3 > 0 for data in range(records))
    assert outs["half"] == outs["more"] == len(found)
    assert status["steps"]["list"]["records_in"] == len(found)
    assert all(not edge["in_flight"] for edge in status["edges"])


def test_two_branches_into_one_list_take_turns_also_where_nobody_looks() -> None:
    """The same as below, for functions that cannot see the list."""
    found: list[int] = []
    with LocalEnvironment("turns") as env:
        numbers = env.from_collection(range(2000))
        numbers.filter(lambda data: data > 0).sink(found.append)
        numbers.filter(lambda data: data > 1).map(lambda data: -data).sink(found.append)

        env.submit(autostop=True)

    assert found == [1, *(turn for data in range(2, 2000) for turn in (data, -data))]


def test_two_branches_into_one_list_take_turns_record_by_record(env: LocalEnvironment) -> None:
    """Whoever reads the list finds together what belongs to one record."""
    found: list[str] = []
    numbers = env.from_collection(range(4))
    numbers.filter(lambda data: data > 0).map(lambda data: f"a{data}").sink(found.append)
    numbers.filter(lambda data: data > 1).map(lambda data: f"b{data}").sink(found.append)

    env.submit(autostop=True)

    assert found == ["a1", "a2", "b2", "a3", "b3"]


@pytest.mark.parametrize("change", ["clear", "shrink"])
def test_a_list_that_is_changed_while_it_is_read_is_delivered_as_it_was(
    env: LocalEnvironment, change: str
) -> None:
    """A function that reuses its list must not unbalance the ledger of the whole job."""
    shared: list[int] = []
    found: list[int] = []

    def refill(data: int) -> list[int]:
        shared[:] = [data] * 3
        return shared

    def disturb(data: int) -> int:
        if change == "clear":
            shared.clear()
        else:
            del shared[1:]
        return data

    env.from_collection([1, 2]).flatmap(refill, name="refill").map(disturb).sink(found.append)
    env.submit(autostop=True)

    assert found == [1, 1, 1, 2, 2, 2]
    assert env.status()["steps"]["refill"]["records_out"] == 6


@pytest.mark.parametrize("make", [list, tuple, iter, set, "generator"])
def test_every_sort_of_iterable_is_counted_item_by_item(env: LocalEnvironment, make: Any) -> None:
    """Lists take another way through the loop than generators; both must count all."""
    found: list[int] = []

    def spread(count: int) -> Any:
        return _count_to(count) if make == "generator" else make(range(count))

    env.from_collection([0, 1, 5_000, 3]).flatmap(spread, name="spread").sink(found.append)
    env.submit(autostop=True)

    assert sorted(found) == sorted([0, *range(5_000), *range(3)])
    assert env.status()["steps"]["spread"]["records_out"] == len(found)
    assert all(not edge["in_flight"] for edge in env.status()["edges"])


def test_a_generator_that_fails_half_way_has_delivered_what_came_before(
    env: LocalEnvironment,
) -> None:
    """Items must reach the sink one by one: the next one may take a minute, or fail."""
    found: list[int] = []

    def two_then_fail(data: int) -> Iterator[int]:
        yield data
        yield data
        raise ValueError("no third")

    env.from_collection([4]).flatmap(two_then_fail, name="half").sink(found.append)

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("half", "4")
    assert found == [4, 4]


def _count_to(count: int) -> Iterator[int]:
    yield from range(count)


class Spread(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        for number in range(value):
            out.collect(number)


@pytest.mark.parametrize("records", [65_536, 65_537, 100_000, 150_000])
def test_a_filter_counts_whatever_comes_at_once(env: LocalEnvironment, records: int) -> None:
    """A step that may skip a record keeps all that it emits for it: more than any frame."""
    found: list[int] = []
    spread = env.from_collection([records, 3]).process(Spread).set_policies(on_error="skip")
    spread.filter(lambda data: data % 3 > 0, name="thirds").sink(found.append)

    env.submit(autostop=True)

    assert found == [*(data for data in range(records) if data % 3), 1, 2]
    assert env.status()["steps"]["thirds"]["records_out"] == len(found)
    assert all(not edge["in_flight"] for edge in env.status()["edges"])


@pytest.mark.parametrize("skip", [False, True], ids=["plain", "guarded"])
def test_a_filter_counts_more_items_than_its_frame_had_records(
    env: LocalEnvironment, skip: bool
) -> None:
    """One record can become any number of items: no bound that a frame gives holds for them."""
    found: list[int] = []
    items = env.from_collection([150_000, 3]).flatmap(range)
    items.set_policies(on_error="skip" if skip else "fail")
    items.filter(lambda data: data % 3 > 0, name="thirds").sink(found.append)

    env.submit(autostop=True)

    assert len(found) == 150_000 * 2 // 3 + 2
    assert env.status()["steps"]["thirds"]["records_out"] == len(found)
    assert all(not edge["in_flight"] for edge in env.status()["edges"])


class Shifted(MapFunction[int, int]):
    """A method that needs its object, and fails for one record."""

    def __init__(self, by: int) -> None:
        self._by = by

    def execute(self, data: int) -> int:
        return boom_at_7(data) + self._by


def test_a_class_whose_method_fails_is_named_with_its_record(env: LocalEnvironment) -> None:
    """Methods are called as functions with their object; blame must not get lost by that."""
    found: list[int] = []
    env.from_collection(range(10)).map(Shifted, 100, name="shifted").sink(found.append)

    failure = failure_of(env)

    assert (failure.step, failure.record) == ("shifted", "7")
    assert found == [100 + data for data in range(7)]


def test_more_keys_than_are_remembered_still_reach_one_instance_each(
    env: LocalEnvironment,
) -> None:
    """The loop forgets where keys belong now and then; records must not go astray by that."""
    keys = 70_000
    found: list[int] = []
    seen: list[tuple[int, int]] = []
    numbers = env.from_collection([*range(keys), *range(0, keys, 1000)])
    spread = numbers.keyby(lambda number: number).map(_WhoAmI, seen, parallelism=2)
    spread.sink(found.append)

    env.submit(autostop=True)

    assert len(found) == keys + keys // 1000
    assert len(set(seen)) == keys, "one instance for each key"


class _WhoAmI(MapFunction[int, int]):
    def __init__(self, seen: list[tuple[int, int]]) -> None:
        self._seen = seen

    def execute(self, data: int) -> int:
        self._seen.append((data, self.ctx.parallel_index))
        return data
