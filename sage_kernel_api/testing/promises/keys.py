"""The key of a record: given by a keyby, kept until the next one.

Layer: testing. Promises of `ExecutionContext.get_key` and `send_data`; one instance of each step.
"""

from __future__ import annotations

from typing import Any, Final

from sage_kernel_api.core.functions import (
    KeyByFunction,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    SinkFunction,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import NONE_KEY, Capability

KEYS: Final[dict[str, Any]] = {
    "None": None,
    "zero": 0,
    "False": False,
    "an empty text": "",
    "empty bytes": b"",
    "an empty tuple": (),
    "a text": "a",
    "a pair": ("a", 1),
    "a negative number": -1,
}


class _WithKey(MapFunction[Any, tuple[Any, Any]]):
    """Returns each record with its key."""

    def execute(self, data: Any) -> tuple[Any, Any]:
        return data, self.ctx.get_key()


@promise(Capability.KEYED_ROUTING, variants=KEYS)
def any_key_is_a_key(bench: Workbench, key: Any) -> None:
    """`get_key` answers what the keyby gave, falsy keys included."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2]).keyby(lambda _: key).map(_WithKey))

    expect_equal(got, [(1, key), (2, key)], "records and keys")


@promise(Capability.KEYED_ROUTING, variants=KEYS)
def records_of_any_key_are_reduced_together(bench: Workbench, key: Any) -> None:
    """A reduce folds the records of one key, and of no other."""
    env = bench.environment()
    stream = env.from_collection([(key, 1), ("other", 10), (key, 2), ("other", 20), (key, 3)])

    got = bench.collect(stream.keyby(lambda r: r[0]).reduce(lambda a, b: (a[0], a[1] + b[1])))

    expect_equal(
        got, [(key, 1), ("other", 10), (key, 3), ("other", 30), (key, 6)], "the folded records"
    )


@promise(Profile.DELIVERY)
def a_record_without_a_keyby_has_no_key(bench: Workbench) -> None:
    """`get_key` is None for records that never had one."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1]).map(_WithKey))

    expect_equal(got, [(1, None)], "records and keys")


@promise(Capability.KEYED_ROUTING)
def a_key_is_kept_until_the_next_keyby(bench: Workbench) -> None:
    """Maps, filters and flatmaps keep the key of their record."""
    env = bench.environment()
    keyed = env.from_collection([1, 2, 3]).keyby(lambda x: x % 2)
    changed = keyed.map(lambda x: x * 10).filter(lambda x: x > 10).flatmap(lambda x: [x, x + 1])

    got = bench.collect(changed.map(_WithKey))

    expect_equal(got, [(20, 0), (21, 0), (30, 1), (31, 1)], "records and keys")


@promise(Capability.KEYED_ROUTING)
def the_last_keyby_counts(bench: Workbench) -> None:
    """A keyby replaces the key."""
    env = bench.environment()
    stream = env.from_collection([1, 2]).keyby(lambda x: x).keyby(lambda x: -x)

    expect_equal(bench.collect(stream.map(_WithKey)), [(1, -1), (2, -2)], "records and keys")


@promise(Capability.KEYED_ROUTING)
def a_keyby_may_look_at_the_key_before(bench: Workbench) -> None:
    """Within a keyby function, `get_key` is the key that the record has so far."""

    class Next(KeyByFunction[int, int]):
        def execute(self, data: int) -> int:
            return int(self.ctx.get_key()) + 1

    env = bench.environment()
    stream = env.from_collection([5]).keyby(lambda x: x).keyby(Next)

    expect_equal(bench.collect(stream.map(_WithKey)), [(5, 6)], "records and keys")


class _Rekey(ProcessFunction[int, int]):
    """Sends each record on with the key before, a new one, and None."""

    def process(self, value: int, out: ProcessOutput[int]) -> None:
        self.ctx.send_data(value)
        self.ctx.send_data(value, partition_key="new")
        self.ctx.send_data(value, partition_key=NONE_KEY)
        self.ctx.send_data(value)


@promise(Profile.DELIVERY)
def a_sender_may_give_another_key(bench: Workbench) -> None:
    """`partition_key` replaces the key; None keeps it; `NONE_KEY` makes it None."""
    env = bench.environment()
    stream = env.from_collection([1]).keyby(lambda x: "old").process(_Rekey)

    got = bench.collect(stream.map(_WithKey))

    expect_equal([key for _, key in got], ["old", "new", None, "old"], "the keys")


@promise(Profile.DELIVERY)
def there_is_no_key_between_records(bench: Workbench) -> None:
    """`get_key` is None outside of record processing."""
    keys: list[Any] = []

    class Looks(SinkFunction[int]):
        def open(self) -> None:
            keys.append(self.ctx.get_key())

        def execute(self, data: int) -> None:
            keys.append(self.ctx.get_key())

        def close(self) -> None:
            keys.append(self.ctx.get_key())

    env = bench.environment()
    env.from_collection([1]).keyby(lambda x: "k").sink(Looks)
    bench.finish(env)

    expect_equal(keys, [None, "k", None], "the keys in open, execute and close")


@promise(Profile.DELIVERY)
def each_branch_has_the_keys_of_its_keyby(bench: Workbench) -> None:
    """The key of one branch does not leak into the other."""
    env = bench.environment()
    stream = env.from_collection([1, 2])
    plain: list[Any] = []
    keyed: list[Any] = []
    stream.keyby(lambda x: x * 10).map(_WithKey).sink(keyed.append)
    stream.map(_WithKey).sink(plain.append)

    bench.finish(env)

    expect_equal((keyed, plain), ([(1, 10), (2, 20)], [(1, None), (2, None)]), "both branches")


@promise(Capability.KEYED_ROUTING)
def keys_and_records_arrive_together_in_long_streams(bench: Workbench) -> None:
    """Each record keeps its own key, also where many records travel at once."""
    env = bench.environment()
    stream = env.from_collection(range(5_000)).keyby(lambda x: x % 7)

    got = bench.collect(stream.map(lambda x: x).map(_WithKey))

    expect_equal(got, [(x, x % 7) for x in range(5_000)], "records and keys")
