"""Every record arrives exactly once, whatever the shape of the graph and its parallelism."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Any

import pytest

from sage_kernel_api import BaseCoMapFunction, BaseJoinFunction, LocalEnvironment, SinkFunction
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade

N = 500


def run(env: LocalEnvironment) -> None:
    """Run to the end, and see the ledger balanced."""
    env.submit(autostop=True)
    status = env.status()
    assert status["state"] is JobState.FINISHED
    for edge in status["edges"]:
        assert edge["in_flight"] == 0
        assert edge["produced"] == edge["consumed"] + edge["dropped"] + edge["dead_lettered"]


def test_each_branch_of_a_fan_out_gets_every_record(env: LocalEnvironment) -> None:
    """Whoever adds a second branch must not take records from the first."""
    first: list[int] = []
    second: list[int] = []
    numbers = env.from_collection(range(N))
    numbers.map(lambda x: x + 1).sink(first.append)
    numbers.filter(lambda x: x % 2 == 0).sink(second.append)

    run(env)

    assert first == list(range(1, N + 1))
    assert second == list(range(0, N, 2))


def test_a_diamond_delivers_both_sides(env: LocalEnvironment) -> None:
    """Branches that meet again are the most common shape after a chain."""
    out: list[int] = []
    numbers = env.from_collection(range(N))
    left = numbers.map(lambda x: x)
    right = numbers.map(lambda x: -x)
    left.union(right).map(lambda x: x * 2).sink(out.append)

    run(env)

    assert Counter(out) == Counter([2 * x for x in range(N)] + [-2 * x for x in range(N)])


def test_twenty_diamonds_in_a_row_compile_and_deliver(env: LocalEnvironment) -> None:
    """The compiled loops must not double at each diamond."""
    out: list[int] = []
    stream = env.from_collection(range(3))
    for _ in range(12):
        stream = stream.filter(lambda x: x % 2 == 0).union(stream.filter(lambda x: x % 2 == 1))
    stream.sink(out.append)

    run(env)

    assert sorted(out) == [0, 1, 2]


def test_a_chain_of_many_flatmaps_is_not_nested_too_deeply(env: LocalEnvironment) -> None:
    """Python refuses more than twenty nested blocks; users may chain as much as they like."""
    out: list[int] = []
    stream = env.from_collection(range(5))
    for _ in range(40):
        stream = stream.flatmap(lambda x: [x]).filter(lambda _: True)
    stream.sink(out.append)

    run(env)

    assert out == list(range(5))


def test_union_of_two_sources_keeps_the_order_of_each(env: LocalEnvironment) -> None:
    """Fan-in may interleave, never reorder."""
    out: list[int] = []
    evens = env.from_collection(range(0, N, 2))
    odds = env.from_collection(range(1, N, 2))
    evens.union(odds).sink(out.append)

    run(env)

    assert [x for x in out if x % 2 == 0] == list(range(0, N, 2))
    assert [x for x in out if x % 2 == 1] == list(range(1, N, 2))


class Tag3(BaseCoMapFunction):
    def map0(self, data: int) -> tuple[int, int]:
        return 0, data

    def map1(self, data: int) -> tuple[int, int]:
        return 1, data

    def map2(self, data: int) -> tuple[int, int]:
        return 2, data


@pytest.mark.parametrize("inputs", [2, 3])
def test_comap_knows_which_input_a_record_came_from(env: LocalEnvironment, inputs: int) -> None:
    """Mixed-up inputs would call the wrong function without an error."""
    out: list[tuple[int, int]] = []
    streams = [env.from_collection(range(10 * i, 10 * i + 10)) for i in range(inputs)]
    connected: Any = streams[0].connect(streams[1])
    for stream in streams[2:]:
        connected = connected.connect(stream)
    connected.comap(Tag3 if inputs == 3 else Tag2).sink(out.append)

    run(env)

    assert Counter(out) == Counter(
        (i, x) for i in range(inputs) for x in range(10 * i, 10 * i + 10)
    )


class Tag2(BaseCoMapFunction):
    def map0(self, data: int) -> tuple[int, int]:
        return 0, data

    def map1(self, data: int) -> tuple[int, int]:
        return 1, data


class Pair(BaseJoinFunction[int, int, int, tuple[int, int, int]]):
    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))

    def execute(self, payload: int, key: int, tag: int) -> list[tuple[int, int, int]]:
        sides = self.seen[key]
        sides[tag].append(payload)
        return [
            (key, payload, other) if tag == 0 else (key, other, payload) for other in sides[1 - tag]
        ]


@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_a_join_pairs_every_match_once(env: LocalEnvironment, parallelism: int) -> None:
    """Both sides of a key must meet in one instance."""
    out: list[tuple[int, int, int]] = []
    left = env.from_collection(range(60)).keyby(lambda x: x % 7)
    right = env.from_collection(range(100, 160)).keyby(lambda x: x % 7)
    left.connect(right).join(Pair, parallelism=parallelism).sink(out.append, parallelism=1)

    run(env)

    expected = [(x % 7, x, y) for x in range(60) for y in range(100, 160) if x % 7 == y % 7]
    assert Counter(out) == Counter(expected)


class Collect(SinkFunction[tuple[int, int]]):
    lock = threading.Lock()
    seen: dict[int, list[tuple[int, int]]]

    def __init__(self, into: dict[int, list[tuple[int, int]]]) -> None:
        super().__init__()
        self.into = into

    def execute(self, data: tuple[int, int]) -> None:
        with self.lock:
            self.into.setdefault(self.ctx.parallel_index, []).append(data)


@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_keyed_parallelism_keeps_each_key_together_and_in_order(
    env: LocalEnvironment, parallelism: int
) -> None:
    """Counting by key is wrong if a key is split or reordered."""
    seen: dict[int, list[tuple[int, int]]] = {}
    (
        env.from_collection([(x % 13, x) for x in range(N)])
        .keyby(lambda pair: pair[0])
        .sink(Collect, seen, parallelism=parallelism)
    )

    run(env)

    owners: dict[int, set[int]] = defaultdict(set)
    for instance, pairs in seen.items():
        for key, _ in pairs:
            owners[key].add(instance)
        for key in range(13):
            values = [value for k, value in pairs if k == key]
            assert values == sorted(values)
    assert all(len(instances) == 1 for instances in owners.values())
    assert Counter(p for pairs in seen.values() for p in pairs) == Counter(
        (x % 13, x) for x in range(N)
    )
    assert len(seen) == parallelism


@pytest.mark.parametrize("parallelism", [2, 4])
def test_round_robin_gives_every_instance_the_same_share(
    env: LocalEnvironment, parallelism: int
) -> None:
    """Work is spread evenly, and exactly."""
    seen: dict[int, list[tuple[int, int]]] = {}
    records = [(0, x) for x in range(parallelism * 50)]
    env.from_collection(records).rebalance().sink(Collect, seen, parallelism=parallelism)

    run(env)

    assert {instance: len(pairs) for instance, pairs in seen.items()} == dict.fromkeys(
        range(parallelism), 50
    )
    assert seen[0] == records[::parallelism]


def test_broadcast_gives_every_instance_every_record(env: LocalEnvironment) -> None:
    """Configuration streams must reach all instances."""
    seen: dict[int, list[tuple[int, int]]] = {}
    records = [(0, x) for x in range(100)]
    env.from_collection(records).broadcast().sink(Collect, seen, parallelism=3)

    run(env)

    assert seen == dict.fromkeys(range(3), records)


def test_a_reduce_behind_a_parallel_keyby_counts_exactly(env: LocalEnvironment) -> None:
    """The word count of every tutorial."""
    last: dict[int, int] = {}
    lock = threading.Lock()

    def note(pair: tuple[int, int]) -> None:
        with lock:
            last[pair[0]] = pair[1]

    (
        env.from_collection([(x % 10, 1) for x in range(N)])
        .keyby(lambda pair: pair[0])
        .reduce(lambda a, b: (a[0], a[1] + b[1]), parallelism=4)
        .sink(note, parallelism=4)
    )

    run(env)

    assert last == dict.fromkeys(range(10), N // 10)


@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_a_feedback_loop_runs_dry_and_ends_by_itself(
    env: LocalEnvironment, parallelism: int
) -> None:
    """A loop that ends too early loses records; one that never ends hangs the job."""
    out: list[int] = []
    start = env.from_collection(range(200))
    future = env.from_future("again", of=int)
    halved = start.union(future).rebalance().map(lambda x: x // 2, parallelism=parallelism)
    halved.filter(lambda x: x > 0, parallelism=parallelism).fill_future(future)
    halved.filter(lambda x: x == 0, parallelism=parallelism).sink(out.append, parallelism=1)

    run(env)

    assert out == [0] * 200


def test_a_loop_that_multiplies_its_records_does_not_block_itself(env: LocalEnvironment) -> None:
    """With full channels all around, only a reserved credit lets the loop go on."""
    out: list[int] = []
    start = env.from_collection([8] * 20)
    future = env.from_future("again", of=int)
    split = (
        start.union(future)
        .rebalance()
        .flatmap(lambda x: [x - 1, x - 1] if x else [], parallelism=2)
    )
    split.filter(lambda x: x > 0, parallelism=2).fill_future(future)
    split.filter(lambda x: x == 0, parallelism=2).sink(out.append, parallelism=1)

    run(env)

    assert len(out) == 20 * 2**8


def again(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[0] - 1, 4


def test_nested_loops_end(env: LocalEnvironment) -> None:
    """The outer loop may feed the inner one when that had been dry for long."""
    out: list[tuple[int, int]] = []
    rounds: list[tuple[int, int]] = [(3, 4)] * 10
    start = env.from_collection(rounds)
    outer = env.from_future("outer", of=tuple[int, int])
    inner = env.from_future("inner", of=tuple[int, int])
    inside = start.union(outer).union(inner).map(lambda p: (p[0], p[1] - 1))
    inside.filter(lambda p: p[1] > 0).fill_future(inner)
    done = inside.filter(lambda p: p[1] == 0)
    done.filter(lambda p: p[0] > 0).map(again).fill_future(outer)
    done.filter(lambda p: p[0] == 0).sink(out.append)

    run(env)

    assert out == [(0, 0)] * 10


def test_flatmap_forwards_what_was_collected_before_what_was_returned(
    env: LocalEnvironment,
) -> None:
    """Both ways of emitting keep their order; an endless result is read lazily."""
    out: list[int] = []
    env.from_collection(range(3)).flatmap(lambda x: (x * 10 + i for i in range(3))).sink(out.append)

    run(env)

    assert out == [0, 1, 2, 10, 11, 12, 20, 21, 22]


def test_counters_show_each_step_exactly(env: LocalEnvironment) -> None:
    """The figures of `status` are what users trust when they look for lost records."""
    env.from_collection(range(100), name="numbers").filter(
        lambda x: x % 4 == 0, name="quarter"
    ).flatmap(lambda x: [x, x], name="twice").sink(lambda _: None, name="end")

    run(env)

    steps = env.status()["steps"]
    assert steps["numbers"]["records_out"] == 100
    assert (steps["quarter"]["records_in"], steps["quarter"]["records_out"]) == (100, 25)
    assert (steps["twice"]["records_in"], steps["twice"]["records_out"]) == (25, 50)
    assert steps["end"]["records_in"] == 50


def test_a_graph_of_one_source_at_parallelism_1_is_one_task(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """Chains are fused: no channel is paid for where none is needed."""
    numbers = env.from_collection(range(10))
    numbers.map(lambda x: x).union(numbers.filter(bool)).keyby(lambda x: x).sink(lambda _: None)

    job_id = env.submit(autostop=True)

    assert len(kernel.task_manager.list_tasks(job_id)) == 1
