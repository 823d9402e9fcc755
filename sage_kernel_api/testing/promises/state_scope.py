"""Whose a named value is: of one instance in one job.

Layer: testing. Promises of `StateManager`.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import MapFunction, SinkFunction
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.STATE)
def contexts_do_not_share_values(bench: Workbench) -> None:
    """Values are private to the instance, also under equal names."""
    first = bench.kernel.create_execution_context({"name": "a"}).state_manager
    second = bench.kernel.create_execution_context({"name": "a"}).state_manager
    first.save_state("k", 1)

    expect_equal(second.load_state("k"), None, "the value of the other context")


class _Remembers(MapFunction[int, Any]):
    """Returns the value before, and saves the new one."""

    def execute(self, data: int) -> Any:
        before = self.ctx.state_manager.load_state("last")
        self.ctx.state_manager.save_state("last", data)
        return before


@promise(Capability.STATE)
def a_value_is_there_at_the_next_record(bench: Workbench) -> None:
    """What a function saved for one record it loads for the next one."""
    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2, 3]).map(_Remembers))

    expect_equal(got, [None, 1, 2], "the values before")


@promise(Capability.STATE)
def steps_do_not_share_values(bench: Workbench) -> None:
    """Two steps of one class keep their values apart."""
    env = bench.environment()
    stream = env.from_collection([1, 2])
    first: list[Any] = []
    second: list[Any] = []
    stream.map(_Remembers).sink(first.append)
    stream.map(lambda x: x * 10).map(_Remembers).sink(second.append)

    bench.finish(env)

    expect_equal((first, second), ([None, 1], [None, 10]), "the values of both steps")


@promise(Capability.STATE)
def jobs_do_not_share_values(bench: Workbench) -> None:
    """A value lives as long as its job: the next one begins without it."""
    env = bench.environment()
    got: list[Any] = []
    env.from_collection([1, 2]).map(_Remembers).sink(got.append)

    bench.finish(env)
    bench.finish(env)

    expect_equal(got, [None, 1, None, 1], "the values before, in both jobs")


@promise(Capability.STATE, Capability.PARALLELISM)
def instances_do_not_share_values(bench: Workbench) -> None:
    """Each parallel instance has its own values."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(6)).map(_Remembers, parallelism=3))

    expect_equal(sorted(map(str, got)), sorted(map(str, [None] * 3 + [0, 1, 2])), "values before")


class _Saves(SinkFunction[int]):
    """Counts in an attribute that makes up its state."""

    def __init__(self, loaded: list[Any]) -> None:
        super().__init__()
        self.count = 0
        self.loaded = loaded

    __state_include__ = ("count",)

    def execute(self, data: int) -> None:
        self.count += 1
        self.save_state()

    def close(self) -> None:
        self.loaded.append(self.load_state())


@promise(Capability.STATE)
def a_function_saves_its_attributes(bench: Workbench) -> None:
    """`save_state` and `load_state` of a function keep the attributes that it names."""
    loaded: list[Any] = []
    env = bench.environment()
    env.from_collection([7, 8, 9]).sink(_Saves, loaded)

    bench.finish(env)

    expect_equal(loaded, [{"count": 3}], "the loaded state")
