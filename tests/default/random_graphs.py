"""Random pipelines beside a sequential reference that says what each of them must deliver.

A record is a pair of its origin and a value. Each step is described twice: as what it does to
the list of all records (the reference), and as what it is in a pipeline.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from hypothesis import strategies as st

from sage_kernel_api import (
    BaseJoinFunction,
    DataStream,
    LocalEnvironment,
    MapFunction,
    OutputTag,
    ProcessFunction,
    ProcessOutput,
    ValueState,
    retry,
)

__all__ = ["ASYNC_STEPS", "STEPS", "Graph", "Sink", "Step", "place_at_random", "random_graph"]

Record: TypeAlias = tuple[int, int]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

Step: TypeAlias = Callable[["Graph", "Stream", int, Draw], None]

TOTAL: Final = 1
"""In order as a whole: in order for each origin modulo 1."""

_ODD = OutputTag[Record]("odd")


@dataclass
class Stream:
    """One stream: the live one, and what must flow in it.

    Attributes:
        order: The stream is in order for each value of ``origin % order``; None if it is not.
    """

    live: DataStream[Record]
    records: list[Record]
    order: int | None
    parallelism: int = 1


@dataclass
class Sink:
    """Where a stream ends."""

    expected: Stream
    found: list[Record] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Compare what came with what the reference says."""
        expected, order = self.expected.records, self.expected.order
        name = self.expected.live.transformation.basename
        if Counter(self.found) != Counter(expected):
            lost = Counter(expected) - Counter(self.found)
            return [f"{name}: lost {lost}, invented {Counter(self.found) - Counter(expected)}"]
        if order is None:
            return []
        return [
            f"{name}: key {key} of {order} out of order"
            for key in range(order)
            if _of_key(self.found, key, order) != _of_key(expected, key, order)
        ]


@dataclass
class Graph:
    """A pipeline under construction."""

    env: LocalEnvironment
    streams: list[Stream] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Return all that is wrong after the end of the job."""
        uneven = [edge for edge in self.env.status()["edges"] if edge["in_flight"]]
        return [f"uneven: {uneven}"] * bool(uneven) + [p for s in self.sinks for p in s.problems()]

    def add(self, live: DataStream[Any], records: list[Record], order: int | None, p: int) -> None:
        """Add a stream that later steps may read."""
        self.streams.append(Stream(live, records, order, p))


def random_graph(draw: Draw, env: LocalEnvironment, steps: Sequence[Step]) -> Graph:
    """Describe a pipeline of up to six of these *steps*; every stream gets a sink."""
    graph = Graph(env)
    for number in range(draw(st.integers(1, 2))):
        origins = [10_000 * number + n for n in range(draw(st.integers(0, 40)))]
        records = [(origin, origin % 7) for origin in origins]
        graph.add(env.from_collection(records), records, TOTAL, 1)
    for _ in range(draw(st.integers(1, 6))):
        stream = draw(st.sampled_from(graph.streams))
        draw(st.sampled_from(steps))(graph, stream, draw(st.integers(1, 4)), draw)
    for stream in graph.streams:
        sink = Sink(stream)
        stream.live.sink(sink.found.append)
        graph.sinks.append(sink)
    return graph


def place_at_random(draw: Draw, env: LocalEnvironment) -> int:
    """Put some steps of a described pipeline on process lanes; return how many."""
    inner = [step for step in env.pipeline if step.kind not in ("source", "sink")]
    for step in inner:
        step.placement = draw(st.sampled_from(["process", "kernel"]))
    return sum(step.placement == "process" for step in inner)


def _of_key(records: list[Record], key: int, order: int) -> list[Record]:
    return [record for record in records if record[0] % order == key]


def _order_after(stream: Stream, parallelism: int) -> int | None:
    """Return the order behind an edge without keys."""
    return stream.order if parallelism in (stream.parallelism, 1) else None


def _order_by_key(stream: Stream, keys: int, parallelism: int) -> int | None:
    """Return the order behind an edge by ``origin % keys``."""
    order = stream.order
    if order is None or parallelism == 1 or order % keys == 0:
        return order
    return keys if keys % order == 0 else None


# --- steps -----------------------------------------------------------------------------------


def _map(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    records = [(o, v + 1) for o, v in stream.records]
    live = stream.live.map(lambda r: (r[0], r[1] + 1), parallelism=p)
    graph.add(live, records, _order_after(stream, p), p)


def _filter(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    records = [r for r in stream.records if r[1] % 3]
    live = stream.live.filter(lambda r: r[1] % 3 != 0, parallelism=p)
    graph.add(live, records, _order_after(stream, p), p)


def _repeat(record: Record) -> list[Record]:
    return [(record[0], record[1] + n) for n in range(record[1] % 3)]


def _flatmap(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    records = [r for record in stream.records for r in _repeat(record)]
    live = stream.live.flatmap(_repeat, parallelism=p)
    graph.add(live, records, _order_after(stream, p), p)


def _union(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    other = draw(st.sampled_from(graph.streams))
    live = stream.live.map(lambda r: r, parallelism=p).union(
        other.live.map(lambda r: r, parallelism=p)
    )
    graph.add(live, stream.records + other.records, None, p)


def _rebalance(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    live = stream.live.rebalance().map(lambda r: r, parallelism=p)
    graph.add(live, stream.records, _order_after(stream, 1) if p == 1 else None, p)


def _broadcast(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    live = stream.live.broadcast().map(lambda r: r, parallelism=p)
    graph.add(live, stream.records * p, stream.order if p == 1 else None, p)


class _Count(MapFunction[Record, Record]):
    seen = ValueState(0)

    def execute(self, data: Record) -> Record:
        self.seen.set(count := self.seen.get() + 1)
        return self.ctx.get_key(), count


def _add_counts(total: Record, one: Record) -> Record:
    return total[0], total[1] + one[1]


def _count(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    keys = draw(st.integers(1, 6))
    keyed = stream.live.keyby(lambda r: r[0] % keys, parallelism=stream.parallelism)
    if draw(st.booleans()):
        live: DataStream[Any] = keyed.map(_Count, parallelism=p)
    else:

        def one(record: Record) -> Record:
            return record[0] % keys, 1

        ones = keyed.map(one).keyby(lambda r: r[0])
        live = ones.reduce(_add_counts, parallelism=p)
    graph.add(live, _running_counts(stream.records, keys), _order_of_counts(stream, keys, p), p)


def _running_counts(records: list[Record], keys: int) -> list[Record]:
    seen: Counter[int] = Counter()
    counts = []
    for origin, _ in records:
        seen[origin % keys] += 1
        counts.append((origin % keys, seen[origin % keys]))
    return counts


def _order_of_counts(stream: Stream, keys: int, p: int) -> int:
    # Whatever the order of what is counted, the counts of one key come in order.
    return TOTAL if p == 1 and stream.order == TOTAL == stream.parallelism else keys


def _keep_key(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    keys = draw(st.integers(1, 6))
    keyed = stream.live.keyby(lambda r: r[0] % keys, parallelism=stream.parallelism)
    live = keyed.map(lambda r: r, parallelism=p)
    graph.add(live, stream.records, _order_by_key(stream, keys, p), p)


def _fail_on_ones(record: Record) -> Record:
    if record[1] % 4 == 1:
        raise ValueError(record)
    return record


def _skip(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    records = [r for r in stream.records if r[1] % 4 != 1]
    live = stream.live.map(_fail_on_ones, parallelism=p).set_policies(on_error="skip")
    graph.add(live, records, _order_after(stream, p), p)


def _dead_letter(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    step = stream.live.map(_fail_on_ones, parallelism=p).set_policies(on_error="dead_letter")
    order = _order_after(stream, p)
    graph.add(step, [r for r in stream.records if r[1] % 4 != 1], order, p)
    letters = step.dead_letters().map(lambda letter: letter.value, parallelism=p)
    graph.add(letters, [r for r in stream.records if r[1] % 4 == 1], order, p)


class _FailFirst(MapFunction[Record, Record]):
    failed = False

    def execute(self, data: Record) -> Record:
        self.failed = not self.failed
        if self.failed:
            raise ValueError(data)
        return data


def _retry(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    live = stream.live.map(_FailFirst, parallelism=p, on_error=retry(1, delay_s=0.0))
    graph.add(live, stream.records, _order_after(stream, p), p)


class _Sort(ProcessFunction[Record, Record]):
    def process(self, value: Record, out: ProcessOutput[Record]) -> None:
        if value[1] % 2:
            out.output(_ODD, value)
        else:
            out.collect(value)


def _sides(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    step = stream.live.process(_Sort, parallelism=p)
    order = _order_after(stream, p)
    graph.add(step, [r for r in stream.records if r[1] % 2 == 0], order, p)
    odd = step.get_side_output(_ODD).map(lambda r: r, parallelism=p)
    graph.add(odd, [r for r in stream.records if r[1] % 2], order, p)


def _loop(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    back = graph.env.from_future(f"loop{len(graph.streams)}")
    less = stream.live.union(back).map(lambda r: (r[0], r[1] - 1), parallelism=p)
    less.filter(lambda r: r[1] > 0, parallelism=p).fill_future(back)
    live = less.filter(lambda r: r[1] <= 0, parallelism=p)
    graph.add(live, [(o, min(v - 1, 0)) for o, v in stream.records], None, p)


def _comap(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    other = draw(st.sampled_from(graph.streams))
    live = stream.live.connect(other.live).comap(
        lambda r: (r[0], r[1] + 1), lambda r: (r[0], r[1] + 2), parallelism=p
    )
    records = [(o, v + 1) for o, v in stream.records] + [(o, v + 2) for o, v in other.records]
    graph.add(live, records, None, p)


class _Pairs(BaseJoinFunction[int, Record, Record, Record]):
    """Every record of one side with every record of the other side: once, in any order."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[list[Record], list[Record]]] = {}

    def execute(self, payload: Record, key: int, tag: Literal[0, 1]) -> list[Record]:
        seen = self.seen.setdefault(key, ([], []))
        seen[tag].append(payload)
        return [_pair(payload, partner, tag) for partner in seen[1 - tag]]


def _pair(one: Record, other: Record, tag: int) -> Record:
    left, right = (one, other) if tag == 0 else (other, one)
    return left[0], right[1] % 7


def _join(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    other = draw(st.sampled_from(graph.streams))
    if len(stream.records) * len(other.records) > _MOST_PAIRS:
        return
    keys = draw(st.integers(1, 6))
    sides = [
        each.live.keyby(lambda r: r[0] % keys, parallelism=each.parallelism)
        for each in (stream, other)
    ]
    live = sides[0].connect(sides[1]).join(_Pairs, parallelism=p)
    records = [
        _pair(left, right, 0)
        for left in stream.records
        for right in other.records
        if left[0] % keys == right[0] % keys
    ]
    graph.add(live, records, None, p)


async def _add_one(record: Record) -> Record:
    await asyncio.sleep(0)
    return record[0], record[1] + 1


def _async(graph: Graph, stream: Stream, p: int, draw: Draw) -> None:
    ordered = draw(st.booleans())
    live = stream.live.map_async(
        _add_one, capacity=draw(st.sampled_from([1, 3])), ordered=ordered, parallelism=p
    )
    records = [(o, v + 1) for o, v in stream.records]
    graph.add(live, records, _order_after(stream, p) if ordered else None, p)


_MOST_PAIRS: Final = 2_000

STEPS: Final[tuple[Step, ...]] = (
    _map, _filter, _flatmap, _union, _rebalance, _broadcast, _count, _keep_key, _skip,
    _dead_letter, _retry, _sides, _loop, _comap, _join,
)  # fmt: skip
ASYNC_STEPS: Final[tuple[Step, ...]] = (_async,)
