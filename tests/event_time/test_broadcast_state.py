"""Broadcast state: the same in every instance, written by broadcast records only."""

from __future__ import annotations

from typing import Any

import pytest

from sage_kernel_api import (
    BroadcastProcessFunction,
    BroadcastState,
    LocalEnvironment,
    PipelineError,
    ProcessOutput,
    SourceFunction,
    StopSignal,
    ValueState,
)

Rule = tuple[str, int]


class Count(BroadcastProcessFunction[str, Rule, Any]):
    """Counts words by key, and tells each rule how many instances it reached."""

    rules = BroadcastState[str, int]()
    seen = ValueState(0)

    def process(self, value: str, out: ProcessOutput[Any]) -> None:
        self.seen.set(self.seen.get() + self.rules.get(value, 1))
        out.collect((value, self.seen.get()))

    def process_broadcast(self, value: Rule, out: ProcessOutput[Any]) -> None:
        self.rules.set(*value)
        assert self.rules.items()[-1] == value
        assert value[0] in self.rules
        out.collect((value[0], "rule", self.ctx.get_parallel_index()))


class AfterRules(SourceFunction[str]):
    """Gives its words once as many rules as there are instances were seen."""

    def __init__(self, words: list[str], told: list[Any], wanted: int) -> None:
        self.words, self.told, self.wanted = iter(words), told, wanted

    def execute(self) -> str | StopSignal | None:
        if len([each for each in self.told if "rule" in each]) < self.wanted:
            return None
        return next(self.words, StopSignal("over"))


@pytest.mark.parametrize("parallelism", [1, 3])
def test_every_instance_gets_every_broadcast_record(
    env: LocalEnvironment, parallelism: int
) -> None:
    """A rule that reaches half of the instances judges half of the customers by old rules."""
    told: list[Any] = []
    env.parallelism = parallelism
    words = env.from_source(AfterRules, list("abab"), told, parallelism, parallelism=1)
    rules = env.from_collection([("a", 10)]).set_parallelism(1)

    counted = words.keyby(lambda word: word).connect_broadcast(rules).process(Count)
    counted.sink(told.append, parallelism=1)
    env.submit(autostop=True)

    assert sorted(each[2] for each in told if "rule" in each) == list(range(parallelism))
    counts = sorted(each for each in told if "rule" not in each)
    assert counts == [("a", 10), ("a", 20), ("b", 1), ("b", 2)]


class Writes(Count):
    def process(self, value: str, out: ProcessOutput[Any]) -> None:
        self.rules.remove(value)


def test_broadcast_state_cannot_be_changed_by_keyed_records(env: LocalEnvironment) -> None:
    """The instances would differ from then on, and nobody would see why."""
    words, rules = env.from_collection(["a"]), env.from_collection([("b", 1)])

    with pytest.raises(Exception, match="in process_broadcast only"):
        words.keyby(len).connect_broadcast(rules).process(Writes).collect()


def test_functions_do_not_share_broadcast_state() -> None:
    """Two steps of one class have rules of their own."""
    one, other = Count(), Count()

    one.is_broadcasting = True
    one.rules.set("a", 1)

    assert "a" in one.rules
    assert len(other.rules) == 0


def test_the_keyed_side_needs_keys(env: LocalEnvironment) -> None:
    """The state of its function is kept by key."""
    words: Any = env.from_collection(["a"]).keyby(len, strategy="round_robin")
    words.connect_broadcast(env.from_collection([("b", 1)])).process(Count).print()

    with pytest.raises(PipelineError, match="not keyed"):
        env.submit()


def test_broadcast_state_is_part_of_a_snapshot(env: LocalEnvironment) -> None:
    """After a restart, also with another number of instances, the rules are there."""
    from sage_kernel_api.core.operators import BroadcastProcessOperator
    from sage_kernel_mock import MockKernelFacade

    kernel = MockKernelFacade()
    old, new = (
        BroadcastProcessOperator(kernel.create_execution_context({"name": "count"}), Count)
        for _ in range(2)
    )
    old.process(("a", 7), 1)

    new.restore_state([old.snapshot_state()])

    assert new.state_sharing == "all"
    assert new.function.rules.items() == [("a", 7)]
