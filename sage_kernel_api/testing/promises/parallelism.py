"""Steps with more than one instance.

Layer: testing. Promises of `Capability.PARALLELISM`. What instances saw travels as records, so that
these tests hold for instances in other processes too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sage_kernel_api.core.functions import (
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    SourceFunction,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_same_records
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState, StopSignal

_COUNTS = {str(count): count for count in (2, 3, 5)}


class Place(MapFunction[Any, tuple[Any, int, int]]):
    """Returns each record with index and parallelism of the instance."""

    def execute(self, data: Any) -> tuple[Any, int, int]:
        return data, self.ctx.get_parallel_index(), self.ctx.get_parallelism()


class Alive(ProcessFunction[Any, tuple[int, int]]):
    """Says at its end which instance it is, and how many records it had."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: int = 0

    def process(self, value: Any, out: ProcessOutput[tuple[int, int]]) -> None:
        self.seen += 1

    def finish(self, out: ProcessOutput[tuple[int, int]]) -> None:
        out.collect((self.ctx.get_parallel_index(), self.seen))


@promise(Capability.PARALLELISM, variants=_COUNTS)
def there_are_as_many_instances_as_asked_for(bench: Workbench, count: int) -> None:
    """A step has one instance for each index from 0 to its parallelism, also without records."""
    env = bench.environment()

    got = bench.collect(env.from_collection([]).process(Alive, parallelism=count))

    expect_equal(sorted(got), [(index, 0) for index in range(count)], "the instances")


@promise(Capability.PARALLELISM, variants=_COUNTS)
def every_record_is_processed_by_one_instance(bench: Workbench, count: int) -> None:
    """No record is lost or doubled between parallel steps."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(1_000)).map(Place, parallelism=count))

    expect_equal(sorted(data for data, _, _ in got), list(range(1_000)), "the records")
    expect_equal({n for _, _, n in got}, {count}, "get_parallelism()")


@promise(Capability.PARALLELISM, variants=_COUNTS)
def instances_take_turns(bench: Workbench, count: int) -> None:
    """From one sender, round robin gives each instance its share, evenly."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(60)).map(Place, parallelism=count))

    shares = Counter(index for _, index, _ in got)
    expect_equal(sorted(shares.items()), [(n, 60 // count) for n in range(count)], "the shares")


@promise(Capability.PARALLELISM)
def the_order_between_two_instances_is_kept(bench: Workbench) -> None:
    """Order is kept between one sender and one receiver."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(3_000)).map(Place, parallelism=3))

    for index in range(3):
        records = [data for data, place, _ in got if place == index]
        expect_equal(records, sorted(records), f"the records of instance {index}")


class _Through(MapFunction[tuple[Any, int, int], tuple[int, int]]):
    """Returns the instances that a record came through."""

    def execute(self, data: tuple[Any, int, int]) -> tuple[int, int]:
        return data[1], self.ctx.get_parallel_index()


@promise(Capability.PARALLELISM)
def equal_steps_go_straight_on(bench: Workbench) -> None:
    """Between steps of equal parallelism, instance i feeds instance i."""
    env = bench.environment()
    stream = env.from_collection(range(90)).map(Place, parallelism=3)

    got = bench.collect(stream.map(_Through, parallelism=3))

    expect_equal(sorted(set(got)), [(0, 0), (1, 1), (2, 2)], "pairs of instances")


@promise(Capability.PARALLELISM)
def steps_may_become_wider_and_narrower(bench: Workbench) -> None:
    """Records pass steps of different parallelism, each exactly once."""
    env = bench.environment()
    stream = env.from_collection(range(500))
    for count in (2, 4, 1, 3):
        stream = stream.map(_same, parallelism=count)

    expect_same_records(bench.collect(stream), range(500), "the records")


@promise(Capability.PARALLELISM, variants=_COUNTS)
def a_collection_is_split_over_its_instances(bench: Workbench, count: int) -> None:
    """Parallel instances of a collection have each item once, together."""
    env = bench.environment()

    got = bench.collect(env.from_collection(list(range(100)), parallelism=count))

    expect_equal(sorted(got), list(range(100)), "the records")


class _Numbered(SourceFunction[tuple[int, int]]):
    """Three records that tell which instance they come from."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 3

    def execute(self) -> tuple[int, int] | StopSignal:
        self.left -= 1
        return (self.ctx.get_parallel_index(), self.left) if self.left >= 0 else StopSignal()


@promise(Capability.PARALLELISM)
def every_instance_of_a_source_is_read(bench: Workbench) -> None:
    """A parallel source function has instances of its own, all read to their ends."""
    env = bench.environment()

    got = bench.collect(env.from_source(_Numbered, parallelism=3))

    expect_equal(sorted(got), [(i, n) for i in range(3) for n in range(3)], "the records")


@promise(Capability.PARALLELISM)
def instances_share_no_function(bench: Workbench) -> None:
    """Each instance has a function object of its own: attributes are not shared."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(40)).process(Alive, parallelism=4))

    expect_equal(sorted(got), [(index, 10) for index in range(4)], "instances and their counts")


@promise(Capability.PARALLELISM)
def rebalancing_spreads_what_was_uneven(bench: Workbench) -> None:
    """After `rebalance`, every instance has its share of what each sender had."""
    env = bench.environment()
    stream = env.from_collection(range(80)).map(_same, parallelism=2)

    got = bench.collect(stream.rebalance().map(Place, parallelism=2))

    shares = Counter(index for _, index, _ in got)
    expect_equal(sorted(shares.values()), [40, 40], "the shares")


@promise(Capability.PARALLELISM)
def a_parallel_sink_takes_every_record(bench: Workbench) -> None:
    """The counters of the job, or its state alone, show that all records were taken."""
    env = bench.environment()
    env.from_collection(range(100)).sink(_same, parallelism=4, name="takes")

    status = bench.finish(env)

    taken = status["steps"].get("takes")
    expect(taken is None or taken["records_in"] == 100, f"the sink took {taken!r}")


@promise(Capability.PARALLELISM)
def one_failing_instance_fails_the_job(bench: Workbench) -> None:
    """A failure in any instance is the job's failure."""
    env = bench.environment()
    env.from_collection(range(100)).map(_fail_at_77, parallelism=3).sink(_same)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


@promise(Capability.PARALLELISM)
def branches_of_a_parallel_step_are_complete(bench: Workbench) -> None:
    """Fan-out behind parallel instances gives every branch every record."""
    env = bench.environment()
    stream = env.from_collection(range(200)).map(_same, parallelism=3)
    left: list[int] = []
    right: list[int] = []
    stream.sink(left.append, parallelism=1)
    stream.map(_same, parallelism=2).sink(right.append, parallelism=1)

    bench.finish(env)

    expect_same_records(left, range(200), "the first branch")
    expect_same_records(right, range(200), "the second branch")


def _same(x: Any) -> Any:
    return x


def _fail_at_77(x: int) -> int:
    if x == 77:
        raise ValueError("77")
    return x
