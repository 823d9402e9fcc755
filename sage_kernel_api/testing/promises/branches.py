"""Streams that part and meet: fan-out, union, many inputs, joins.

Layer: testing. Promises of `DataTransport` and `InputConfig`.
"""

from __future__ import annotations

from sage_kernel_api.core.functions import BaseCoMapFunction, BaseJoinFunction
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same, expect_same_records
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Profile.DELIVERY, variants={str(count): count for count in (2, 3, 12)})
def every_branch_gets_every_record(bench: Workbench, count: int) -> None:
    """A stream that is used several times feeds all of them, each with every record in order."""
    env = bench.environment()
    stream = env.from_collection(range(100)).map(lambda x: x)
    branches: list[list[int]] = [[] for _ in range(count)]
    for number, records in enumerate(branches):
        stream.map(lambda x, n=number: x + n).sink(records.append)  # type: ignore[misc]

    bench.finish(env)

    for number, records in enumerate(branches):
        expect_equal(records, [x + number for x in range(100)], f"branch {number}")


@promise(Profile.DELIVERY)
def branches_get_the_same_object(bench: Workbench) -> None:
    """Branches of one process are handed the same record, not copies."""
    env = bench.environment()
    stream = env.from_collection([[1]])
    left: list[list[int]] = []
    right: list[list[int]] = []
    stream.sink(left.append)
    stream.sink(right.append)

    bench.finish(env)

    expect_same(left[0], right[0], "the record of the other branch")


@promise(Profile.DELIVERY)
def a_filtered_branch_takes_nothing_from_the_other(bench: Workbench) -> None:
    """What one branch drops, the other one has."""
    env = bench.environment()
    stream = env.from_collection(range(10))
    small: list[int] = []
    everything: list[int] = []
    stream.filter(lambda x: x < 3).sink(small.append)
    stream.sink(everything.append)

    bench.finish(env)

    expect_equal((small, everything), ([0, 1, 2], list(range(10))), "both branches")


@promise(Profile.DELIVERY)
def a_union_has_the_records_of_all(bench: Workbench) -> None:
    """A union has every record of its streams once, those of one stream in order."""
    env = bench.environment()
    streams = [env.from_collection([(name, n) for n in range(50)]) for name in "abc"]

    got = bench.collect(streams[0].union(streams[1], streams[2]).map(lambda record: record))

    for name in "abc":
        expect_equal([n for who, n in got if who == name], list(range(50)), f"records of {name}")


@promise(Profile.DELIVERY)
def a_stream_united_with_itself_has_each_record_twice(bench: Workbench) -> None:
    """Two edges between two steps are two edges."""
    env = bench.environment()
    stream = env.from_collection([1, 2, 3])

    got = bench.collect(stream.union(stream).map(lambda x: x))

    expect_same_records(got, [1, 2, 3, 1, 2, 3], "the records")


@promise(Profile.DELIVERY)
def a_diamond_keeps_the_order_of_each_side(bench: Workbench) -> None:
    """Two ways between two steps: all records come, in the order of their way."""
    env = bench.environment()
    stream = env.from_collection(range(200))
    left = stream.map(lambda x: ("left", x))
    right = stream.filter(lambda x: x % 3 == 0).map(lambda x: ("right", x))

    got = bench.collect(left.union(right).map(lambda record: record))

    expect_equal([x for side, x in got if side == "left"], list(range(200)), "the left side")
    expect_equal([x for side, x in got if side == "right"], list(range(0, 200, 3)), "the right")


class _Tell(BaseCoMapFunction):
    """Says which input a record came from."""

    def map0(self, data: int) -> tuple[int, int]:
        return 0, data

    def map1(self, data: int) -> tuple[int, int]:
        return 1, data

    def map2(self, data: int) -> tuple[int, int]:
        return 2, data


@promise(Profile.DELIVERY)
def a_comap_takes_each_input_by_its_own_method(bench: Workbench) -> None:
    """A record of input *n* goes through ``map<n>``; the order of each input is kept."""
    env = bench.environment()
    one, two, three = (env.from_collection(range(n, 60, 3)) for n in range(3))

    got = bench.collect(one.connect(two).connect(three).comap(_Tell))

    for number in range(3):
        records = [data for tag, data in got if tag == number]
        expect_equal(records, list(range(number, 60, 3)), f"records of input {number}")


class _Pairs(BaseJoinFunction[str, int, int, tuple[str, int, int]]):
    """Joins each record with all earlier ones of the other side and the same key."""

    def __init__(self) -> None:
        super().__init__()
        self.sides: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})

    def execute(self, payload: int, key: str, tag: int) -> list[tuple[str, int, int]]:
        self.sides[tag].setdefault(key, []).append(payload)
        others = self.sides[1 - tag].get(key, [])
        return [(key, payload, o) if tag == 0 else (key, o, payload) for o in others]


@promise(Capability.KEYED_ROUTING)
def a_join_meets_the_records_of_a_key(bench: Workbench) -> None:
    """Two keyed streams meet key by key: every pair is found once."""
    env = bench.environment()
    left = env.from_collection(range(20)).keyby(lambda x: "even" if x % 2 == 0 else "odd")
    right = env.from_collection(range(100, 110)).keyby(lambda x: "even" if x % 2 == 0 else "odd")

    got = bench.collect(left.connect(right).join(_Pairs))

    expected = [
        ("odd" if x % 2 else "even", x, y)
        for x in range(20)
        for y in range(100, 110)
        if x % 2 == y % 2
    ]
    expect_same_records(got, expected, "the pairs")
