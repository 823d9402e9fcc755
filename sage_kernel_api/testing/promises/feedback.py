"""Streams that flow back to an earlier step.

Layer: testing. Promises of `Capability.FEEDBACK`.
"""

from __future__ import annotations

from sage_kernel_api.core.functions import ProcessFunction, ProcessOutput
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState


def _countdown(env: Env, start: list[int], name: str = "again") -> DataStream[int]:
    """Return the numbers from each start down to 1, by way of a loop."""
    loop = env.from_future(name, int)
    lower = env.from_collection(start).union(loop).map(lambda x: x - 1)
    lower.filter(lambda x: x > 0).fill_future(loop)
    return lower


@promise(Capability.FEEDBACK)
def a_loop_ends_by_itself_when_it_is_dry(bench: Workbench) -> None:
    """Records go round until none is left; then the job finishes."""
    got = bench.collect(_countdown(bench.environment(), [3]))

    expect_equal(got, [2, 1, 0], "the records")


@promise(Capability.FEEDBACK)
def a_loop_that_nothing_enters_ends_at_once(bench: Workbench) -> None:
    """A loop without records is dry from the start."""
    expect_equal(bench.collect(_countdown(bench.environment(), [])), [], "the records")


@promise(Capability.FEEDBACK, variants={"many rounds": [3_000], "many records": [3] * 3_000})
def a_busy_loop_neither_hangs_nor_loses(bench: Workbench, start: list[int]) -> None:
    """A loop can be deep and wide: it cannot deadlock behind full channels."""
    got = bench.collect(_countdown(bench.environment(), start))

    expected = sorted(x for first in start for x in range(first))
    expect_equal(sorted(got), expected, "the records")


class _Split(ProcessFunction[int, int]):
    """Sends two halves for each number."""

    def process(self, value: int, out: ProcessOutput[int]) -> None:
        out.collect(value // 2)
        out.collect(value - value // 2)


@promise(Capability.FEEDBACK)
def a_loop_may_multiply_its_records(bench: Workbench) -> None:
    """A record that becomes two at each round ends as all its parts."""
    env = bench.environment()
    loop = env.from_future("again", int)
    parts = env.from_collection([64]).union(loop).process(_Split)
    parts.filter(lambda x: x > 1).fill_future(loop)

    got = bench.collect(parts.filter(lambda x: x == 1))

    expect_equal(len(got), 64, "the number of ones")


@promise(Capability.FEEDBACK)
def two_loops_of_one_job_end(bench: Workbench) -> None:
    """Loops side by side do not wait for each other."""
    env = bench.environment()
    one: list[int] = []
    other: list[int] = []
    _countdown(env, [3], "one").sink(one.append)
    _countdown(env, [5], "other").sink(other.append)

    bench.finish(env)

    expect_equal((one, other), ([2, 1, 0], [4, 3, 2, 1, 0]), "both loops")


@promise(Capability.FEEDBACK)
def a_loop_behind_a_loop_ends(bench: Workbench) -> None:
    """What comes out of one loop may go round in the next."""
    env = bench.environment()
    first = _countdown(env, [4], "first")
    loop = env.from_future("second", int)
    second = first.filter(lambda x: x == 2).union(loop).map(lambda x: x + 1)
    second.filter(lambda x: x < 5).fill_future(loop)

    expect_equal(bench.collect(second), [3, 4, 5], "the records behind both")


@promise(Capability.FEEDBACK)
def a_loop_gives_all_to_the_other_branches(bench: Workbench) -> None:
    """Steps beside the loop get each record of every round."""
    env = bench.environment()
    lower = _countdown(env, [10])
    beside: list[int] = []
    lower.map(lambda x: x * x).sink(beside.append)

    got = bench.collect(lower)

    expect_equal(got, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "the loop")
    expect_equal(beside, [x * x for x in got], "the step beside it")


@promise(Capability.FEEDBACK)
def a_failure_in_a_loop_ends_the_job(bench: Workbench) -> None:
    """A record that fails in its tenth round fails the job, and nothing hangs."""

    def lower(x: int) -> int:
        if x == 1:
            raise ValueError("too low")
        return x - 1

    env = bench.environment()
    loop = env.from_future("again", int)
    stream = env.from_collection([10]).union(loop).map(lower)
    stream.filter(lambda x: x > 0).fill_future(loop)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


@promise(Capability.FEEDBACK, Capability.PARALLELISM)
def a_loop_over_parallel_steps_ends(bench: Workbench) -> None:
    """A loop whose steps have several instances ends with every record counted."""
    env = bench.environment()
    loop = env.from_future("again", int)
    lower = env.from_collection(range(50)).union(loop).map(_minus_one, parallelism=3)
    lower.filter(_is_positive, parallelism=2).fill_future(loop)

    got = bench.collect(lower)

    expected = sorted([-1, *(x for first in range(50) for x in range(first))])
    expect_equal(sorted(got), expected, "the records")


def _minus_one(x: int) -> int:
    return x - 1


def _is_positive(x: int) -> bool:
    return x > 0
