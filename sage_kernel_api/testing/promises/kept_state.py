"""What of a step is part of a checkpoint: positions, state by key, fields, saved values.

Layer: testing. Promises of `StatefulRunnable` and ``docs/state-and-checkpoints.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.functions import (
    ListState,
    MapFunction,
    MapState,
    ReducingState,
    SourceFunction,
    ValueState,
)
from sage_kernel_api.core.streams import DataStream, KeyedStream
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Count,
    Tape,
    TapeSource,
    crash_at,
    durable,
    finish,
    modulo_7,
    numbers_of,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.promises.keys import KEYS
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, StopSignal

Build = Callable[[KeyedStream[int, int]], DataStream[Any]]


class _Fields(SourceFunction[int]):
    """Has its position in a field."""

    __state_exclude__ = ("tape",)

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.position = 0

    def execute(self) -> int | StopSignal | None:
        found = self.tape.read(self.position)
        self.position += isinstance(found, int)
        return found


class _Custom(_Fields):
    """Has a state of its own form."""

    def get_state(self) -> Any:
        return ["at", self.position]

    def restore_state(self, state: Any) -> None:
        self.position = state[1]


SOURCES: dict[str, Any] = {"tell and seek": TapeSource, "fields": _Fields, "get_state": _Custom}


@promise(Capability.CHECKPOINTS, variants=SOURCES)
def a_source_goes_on_behind_its_last_record(bench: Workbench, source: Any) -> None:
    """However a source keeps its place: no record comes twice, and none is left out."""

    def build(tape: Tape, found: list[Any]) -> Any:
        env = durable(bench)
        env.from_source(source, tape, uid="source").sink(found.append)
        return env

    _, before, after = crash_at(bench, build)

    expect_equal((before, after), ([*range(HELD)], [*range(HELD, END)]), "both parts")


@promise(Capability.CHECKPOINTS)
def a_collection_goes_on_behind_its_last_record(bench: Workbench) -> None:
    """`from_collection` remembers how many items were handed on."""
    tape = Tape()
    found: list[Any] = []

    def build() -> Any:
        env = durable(bench, restarts=1)
        env.from_collection(range(1_000, 1_010), uid="items").sink(found.append)
        env.from_source(TapeSource, tape, uid="tape").sink(lambda number: None, name="none")
        return env

    job_id = run_to(bench, build(), tape, HELD)
    bench.until(lambda: len(found) == 10, "the collection has come out")
    take_checkpoint(bench, job_id)
    bench.start_again()
    finish(bench, build(), tape)

    expect_equal(found, [*range(1_000, 1_010)], "the records of both runs")


class _Lists(MapFunction[int, Any]):
    items = ListState[int]()

    def execute(self, data: int) -> Any:
        self.items.append(data)
        return list(self.items.get())


class _Maps(MapFunction[int, Any]):
    seen = MapState[int, int]()

    def execute(self, data: int) -> Any:
        self.seen.set(data % 3, data)
        return sorted(self.seen.items())


class _Sums(MapFunction[int, int]):
    total = ReducingState[int](lambda a, b: a + b)

    def execute(self, data: int) -> int:
        return self.total.add(data)


class _Two(MapFunction[int, Any]):
    first = ValueState(0)
    second = ValueState("")

    def execute(self, data: int) -> Any:
        self.first.set(self.first.get() + data)
        self.second.set(f"{self.second.get()[-20:]},{data}")
        return self.first.get(), self.second.get()


class _Clears(MapFunction[int, int]):
    """Forgets its key at every third record of it."""

    seen = ValueState(0)

    def execute(self, data: int) -> int:
        self.seen.set(self.seen.get() + 1)
        count = self.seen.get()
        if count == 3:
            self.seen.clear()
        return count


STATES: dict[str, Build] = {
    "ValueState": lambda keyed: keyed.map(Count, uid="state"),
    "ListState": lambda keyed: keyed.map(_Lists, uid="state"),
    "MapState": lambda keyed: keyed.map(_Maps, uid="state"),
    "ReducingState": lambda keyed: keyed.map(_Sums, uid="state"),
    "two states": lambda keyed: keyed.map(_Two, uid="state"),
    "cleared values": lambda keyed: keyed.map(_Clears, uid="state"),
    "reduce": lambda keyed: keyed.reduce(lambda a, b: a + b, uid="state"),
}


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE, variants=STATES)
def state_by_key_comes_back(bench: Workbench, build: Build) -> None:
    """Every kind of keyed state has after a crash what a run without one has."""

    def job(tape: Tape, found: list[Any]) -> Any:
        env = durable(bench)
        build(numbers_of(env, tape).keyby(modulo_7)).sink(found.append)
        return env

    _, before, after = crash_at(bench, job)
    whole: list[Any] = []
    env = bench.environment("whole")
    build(env.from_collection(range(END)).keyby(modulo_7)).sink(whole.append)
    bench.finish(env)

    expect_equal([*before, *after], whole, "the results of both runs")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def any_key_comes_back(bench: Workbench) -> None:
    """Falsy keys, None, texts, bytes and tuples find their values again."""
    keys = list(KEYS.values())
    count = len(keys)

    def build(tape: Tape, found: list[Any]) -> Any:
        tape.end = 2 * count
        env = durable(bench)
        keyed = numbers_of(env, tape).keyby(lambda number: keys[number % count])
        keyed.map(Count, uid="counts").sink(found.append)
        return env

    _, before, after = crash_at(bench, build, count)

    whole = list[Any]()
    env = bench.environment("whole")
    stream = env.from_collection(range(2 * count)).keyby(lambda number: keys[number % count])
    stream.map(Count).sink(whole.append)
    bench.finish(env)
    expect_equal([*before, *after], whole, "the counts of all keys")
