"""All records of one key meet at one instance: the one that the key groups say.

Layer: testing. Promises of `Capability.KEYED_ROUTING` and `key_group` (R15).
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.core.functions import MapFunction
from sage_kernel_api.errors import KeyEncodingError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


class Colour(enum.Enum):
    """Keys of an enumeration."""

    RED = 1
    BLUE = 2
    GREEN = 3


@dataclass(frozen=True)
class Place:
    """Keys of a dataclass."""

    street: str
    number: int


KEYS: Final[dict[str, Sequence[Any]]] = {
    "texts": [f"user-{n}" for n in range(40)],
    "numbers": list(range(-20, 20)),
    "huge numbers": [1 << n for n in range(60, 100)],
    "fractions": [n / 7 for n in range(40)],
    "bytes": [bytes([n]) for n in range(40)],
    "pairs": [("a", n) for n in range(40)],
    "falsy keys": [None, 0, "", b"", (), frozenset()],
    "members of an enumeration": list(Colour),
    "dataclasses": [Place("main", n) for n in range(40)],
    "dates": [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(40)],
    "exact numbers": [Decimal(n) / 3 for n in range(20)] + [Fraction(n, 7) for n in range(20)],
    "identifiers": [UUID(int=n) for n in range(40)],
    "sets": [frozenset({n, -n}) for n in range(40)],
}
_WIDTHS = {str(count): count for count in (2, 3, 8)}


class _Owner(MapFunction[Any, tuple[Any, int]]):
    """Returns the key of each record with the instance that has it."""

    def execute(self, data: Any) -> tuple[Any, int]:
        return self.ctx.get_key(), self.ctx.get_parallel_index()


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM, variants=KEYS)
def a_key_belongs_to_the_owner_of_its_group(bench: Workbench, keys: Sequence[Any]) -> None:
    """The instance of a key is `owner_of(key_group(key), parallelism)`, for every kind of key."""
    env = bench.environment()
    stream = env.from_collection([*keys, *keys]).keyby(_itself)

    got = bench.collect(stream.map(_Owner, parallelism=3))

    expect_equal(len(got), 2 * len(keys), "the number of records")
    for key, instance in got:
        expect_equal(instance, owner_of(key_group(key), 3), f"the instance of the key {key!r}")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM, variants=_WIDTHS)
def every_width_has_the_owners_of_the_contract(bench: Workbench, width: int) -> None:
    """The same for every parallelism, and the keys spread over all instances."""
    env = bench.environment()
    stream = env.from_collection(range(300)).keyby(_itself)

    got = bench.collect(stream.map(_Owner, parallelism=width))

    wrong = [(k, i) for k, i in got if i != owner_of(key_group(k), width)]
    expect_equal(wrong, [], "keys at a wrong instance")
    expect_equal(len({instance for _, instance in got}), width, "instances that have keys")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def equal_keys_meet(bench: Workbench) -> None:
    """Keys that are equal in Python are one key: 1, 1.0 and True."""
    env = bench.environment()
    keys: list[Any] = [1, 1.0, True, Decimal(1), Fraction(1), 0, 0.0, False, -0.0]

    got = bench.collect(env.from_collection(keys).keyby(_itself).map(_Owner, parallelism=8))

    expect_equal(len({i for key, i in got if key == 1}), 1, "instances of the key 1")
    expect_equal(len({i for key, i in got if key == 0}), 1, "instances of the key 0")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def the_order_of_a_key_is_kept(bench: Workbench) -> None:
    """All records of one key meet in the order in which they were sent."""
    env = bench.environment()
    stream = env.from_collection(range(4_000)).keyby(_modulo_13).map(_same, parallelism=3)

    got = bench.collect(stream)

    for key in range(13):
        records = [x for x in got if x % 13 == key]
        expect_equal(records, list(range(key, 4_000, 13)), f"the records of the key {key}")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def the_order_of_a_key_is_kept_over_several_steps(bench: Workbench) -> None:
    """Also over a second keyed step of another width."""
    env = bench.environment()
    stream = env.from_collection(range(2_000)).keyby(_modulo_13).map(_same, parallelism=4)

    got = bench.collect(stream.keyby(_modulo_13).map(_same, parallelism=2))

    for key in range(13):
        records = [x for x in got if x % 13 == key]
        expect_equal(records, list(range(key, 2_000, 13)), f"the records of the key {key}")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM, variants=_WIDTHS)
def a_parallel_reduce_sees_all_records_of_a_key(bench: Workbench, width: int) -> None:
    """The last folded value of each key is the fold of all its records."""
    env = bench.environment()
    pairs = env.from_collection([(x % 11, x) for x in range(1_000)])

    got = bench.collect(pairs.keyby(_first).reduce(_add_second, parallelism=width))

    last = dict(got)
    expected = {key: sum(range(key, 1_000, 11)) for key in range(11)}
    expect_equal(sorted(last.items()), sorted(expected.items()), "the totals")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def parallel_senders_meet_at_the_owner(bench: Workbench) -> None:
    """Records of one key from several senders come to one instance."""
    env = bench.environment()
    stream = env.from_collection(range(600)).map(_same, parallelism=3).keyby(_modulo_13)

    got = bench.collect(stream.map(_Owner, parallelism=2))

    expect_equal(len(got), 600, "the number of records")
    expect_equal(len(set(got)), 13, "pairs of key and instance")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def a_key_without_encoding_fails_the_job(bench: Workbench) -> None:
    """A key that cannot be routed everywhere alike is a `KeyEncodingError`, not a guess."""
    env = bench.environment()
    env.from_collection([1]).keyby(_as_list).map(_same, parallelism=2).sink(_same)

    error = bench.fail(env)

    causes: list[BaseException | None] = [error, error.__cause__]
    expect(any(isinstance(one, KeyEncodingError) for one in causes), f"the job failed by {error!r}")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def two_runs_route_alike(bench: Workbench) -> None:
    """Routing is a function of the key alone: a second job finds the same owners."""
    owners: list[list[Any]] = []
    for _ in range(2):
        env = bench.environment()
        stream = env.from_collection([f"k{n}" for n in range(50)]).keyby(_itself)
        owners.append(sorted(bench.collect(stream.map(_Owner, parallelism=4))))

    expect_equal(owners[1], owners[0], "the owners in the second job")


@promise(Capability.KEYED_ROUTING, Capability.PARALLELISM)
def a_keyby_may_spread_in_turns(bench: Workbench) -> None:
    """With `strategy="round_robin"` records have keys, and go to each instance in turn."""
    env = bench.environment()
    stream = env.from_collection(range(40)).keyby(_modulo_13, strategy="round_robin")

    got = bench.collect(stream.map(_Owner, parallelism=2))

    expect_equal(sorted(key for key, _ in got), sorted(x % 13 for x in range(40)), "the keys")
    expect_equal(sum(instance == 0 for _, instance in got), 20, "records of instance 0")


@promise(Capability.KEYED_ROUTING)
def a_failing_key_function_fails_the_job(bench: Workbench) -> None:
    """A key function that raises is a failure like any other."""
    env = bench.environment()
    env.from_collection([0]).keyby(_one_divided_by).sink(_same)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


def _itself(x: Any) -> Any:
    return x


def _same(x: Any) -> Any:
    return x


def _modulo_13(x: int) -> int:
    return x % 13


def _first(pair: tuple[int, int]) -> int:
    return pair[0]


def _add_second(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0], a[1] + b[1]


def _as_list(x: int) -> list[int]:
    return [x]


def _one_divided_by(x: int) -> float:
    return 1 / x
