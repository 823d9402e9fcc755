"""Records for all instances, and for the one that the user chooses.

Layer: testing. Promises of `Capability.BROADCAST` and `Capability.CUSTOM_ROUTING`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.errors import InterfaceError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.promises.parallelism import Place
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState

_COUNTS = {str(count): count for count in (2, 3, 5)}


@promise(Capability.BROADCAST, Capability.PARALLELISM, variants=_COUNTS)
def every_instance_gets_every_record(bench: Workbench, count: int) -> None:
    """A broadcast record is processed once by each instance, in order."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(100)).broadcast().map(Place, parallelism=count))

    for index in range(count):
        records = [data for data, place, _ in got if place == index]
        expect_equal(records, list(range(100)), f"the records of instance {index}")


@promise(Capability.BROADCAST)
def a_broadcast_to_one_is_that_record(bench: Workbench) -> None:
    """With one receiver, a broadcast is nothing special."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2]).broadcast().map(_same))

    expect_equal(got, [1, 2], "the records")


@promise(Capability.BROADCAST, Capability.PARALLELISM)
def a_broadcast_of_parallel_senders_is_complete(bench: Workbench) -> None:
    """Each instance gets the records of all senders."""
    env = bench.environment()
    stream = env.from_collection(range(60)).map(_same, parallelism=2)

    got = bench.collect(stream.broadcast().map(Place, parallelism=3))

    for index in range(3):
        records = sorted(data for data, place, _ in got if place == index)
        expect_equal(records, list(range(60)), f"the records of instance {index}")


@promise(Capability.BROADCAST, Capability.PARALLELISM)
def a_broadcast_beside_a_plain_edge_changes_only_its_own(bench: Workbench) -> None:
    """The other branches of the stream have each record once."""
    env = bench.environment()
    stream = env.from_collection(range(20)).map(_same)
    plain: list[int] = []
    stream.sink(plain.append, parallelism=1)

    got = bench.collect(stream.broadcast().map(_same, parallelism=3))

    expect_equal((len(plain), len(got)), (20, 60), "records of both branches")


@promise(Capability.BROADCAST, Capability.PARALLELISM)
def a_keyby_may_broadcast(bench: Workbench) -> None:
    """With `strategy="broadcast"`, records have keys and reach every instance."""
    env = bench.environment()
    stream = env.from_collection(range(10)).keyby(_same, strategy="broadcast")

    got = bench.collect(stream.map(Place, parallelism=2))

    expect_equal(sorted(data for data, _, _ in got), sorted([*range(10)] * 2), "the records")


@promise(Capability.CUSTOM_ROUTING, Capability.PARALLELISM, variants=_COUNTS)
def the_users_choice_is_followed(bench: Workbench, count: int) -> None:
    """A record goes to the instance that the partitioner returns."""
    env = bench.environment()
    stream = env.from_collection(range(100)).partition_custom(_last_digit)

    got = bench.collect(stream.map(Place, parallelism=count))

    expect_equal(len(got), 100, "the number of records")
    wrong = [(data, index) for data, index, _ in got if index != data % 10 % count]
    expect_equal(wrong, [], "records at a wrong instance")


@promise(Capability.CUSTOM_ROUTING, Capability.PARALLELISM)
def the_order_of_a_choice_is_kept(bench: Workbench) -> None:
    """Records for one instance come in the order in which they were sent."""
    env = bench.environment()
    stream = env.from_collection(range(2_000)).partition_custom(_last_digit)

    got = bench.collect(stream.map(Place, parallelism=2))

    for index in range(2):
        records = [data for data, place, _ in got if place == index]
        expect_equal(records, sorted(records), f"the records of instance {index}")


@promise(Capability.CUSTOM_ROUTING, Capability.PARALLELISM)
def all_may_go_to_one_instance(bench: Workbench) -> None:
    """The choice may be as uneven as the user likes."""
    env = bench.environment()
    stream = env.from_collection(range(50)).partition_custom(_always_the_last)

    got = bench.collect(stream.map(Place, parallelism=3))

    expect_equal({index for _, index, _ in got}, {2}, "the instances")


CHOICES: dict[str, Callable[[Any, int], Any]] = {
    "too large": lambda record, n: n,
    "negative": lambda record, n: -1,
    "no number": lambda record, n: "0",
    "nothing": lambda record, n: None,
    "a fraction": lambda record, n: 0.0,
}


@promise(Capability.CUSTOM_ROUTING, Capability.PARALLELISM, variants=CHOICES)
def a_choice_out_of_range_fails_the_job(
    bench: Workbench, choose: Callable[[Any, int], Any]
) -> None:
    """A partitioner that returns no instance fails the job with an `InterfaceError`."""
    env = bench.environment()
    env.from_collection([1]).partition_custom(choose).map(_same, parallelism=2).sink(_same)

    error = bench.fail(env)

    causes: list[BaseException | None] = [error, error.__cause__]
    expect(any(isinstance(one, InterfaceError) for one in causes), f"the job failed by {error!r}")


@promise(Capability.CUSTOM_ROUTING, Capability.PARALLELISM)
def a_failing_partitioner_fails_the_job(bench: Workbench) -> None:
    """What a partitioner raises is a failure of the step before."""
    env = bench.environment()
    env.from_collection([1]).partition_custom(_fails).map(_same, parallelism=2).sink(_same)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


def _same(x: Any) -> Any:
    return x


def _last_digit(x: int, n: int) -> int:
    return x % 10 % n


def _always_the_last(x: int, n: int) -> int:
    return n - 1


def _fails(x: int, n: int) -> int:
    raise ValueError("no choice")
