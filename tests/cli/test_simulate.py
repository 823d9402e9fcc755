"""``sage-kernel simulate``: one pipeline through simulated faults."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine

_PIPELINES = """
    import itertools
    from sage_kernel_api import LocalEnvironment, MapFunction, ValueState

    class Count(MapFunction[int, tuple[int, int]]):
        seen = ValueState(0)

        def execute(self, data: int) -> tuple[int, int]:
            self.seen.set(self.seen.get() + 1)
            return data % 3, self.seen.get()

    class Forgetful(MapFunction[int, tuple[int, int]]):
        __state_exclude__ = ("seen",)

        def __init__(self) -> None:
            self.seen = 0

        def execute(self, data: int) -> tuple[int, int]:
            self.seen += 1
            return data, self.seen

    def counts(env: LocalEnvironment) -> None:
        numbers = env.from_collection(range(12)).map(lambda n: n, parallelism=2)
        numbers.keyby(lambda n: n % 3).map(Count, parallelism=2).sink(print, name="counts")

    def forgets(env: LocalEnvironment) -> None:
        env.from_collection(range(12)).map(Forgetful).sink(print, name="out")

    def empty(env: LocalEnvironment) -> None:
        env.from_collection([1])

    def fails(env: LocalEnvironment) -> None:
        env.from_collection([1, 0]).map(lambda n: 1 // n).sink(print)

    def waits(env: LocalEnvironment) -> None:
        async def later(n: int) -> int:
            return n
        env.from_collection([1]).map_async(later).sink(print)
"""


@pytest.fixture
def simulate(sage_kernel: CommandLine) -> CommandLine:
    sage_kernel.write("pipelines.py", _PIPELINES)
    return sage_kernel


def test_a_pipeline_that_is_exact_passes_and_no_sink_runs(simulate: CommandLine) -> None:
    """A simulation that writes files could not be run on real pipelines."""
    done = simulate("simulate", "pipelines.py:counts", "--seeds", "5")

    assert done.code == 0, done.err
    assert done.out.startswith("5 seeds: nothing lost, nothing twice. Starts: ")
    assert "crash " in done.out
    assert done.err.startswith("without faults: 12 records, ")
    assert len(done.err.splitlines()) == 1, "wanted failures are no news"


def test_state_that_is_forgotten_is_found_and_can_be_shown_again(simulate: CommandLine) -> None:
    """The seed is the bug report: the command that comes with it must show the same."""
    done = simulate("simulate", "pipelines.py:forgets", "--seeds", "50")
    *_, last = done.out.splitlines()
    again = simulate(*last.removeprefix("Again: sage-kernel ").split())
    once_more = simulate(*last.removeprefix("Again: sage-kernel ").split())

    assert done.code == again.code == 1
    assert last.startswith("Again: sage-kernel simulate pipelines.py:forgets --seed ")
    problems = done.out[done.out.index("Seed ") :]
    assert "sink 'out': unexpected: " in problems
    assert again.out.endswith(problems)
    assert "history " in again.out
    assert again.out == once_more.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pipelines.py:empty"], 4, "no sink, so there is nothing to compare"),
        (["pipelines.py:fails"], 4, "Without any fault: "),
        (["pipelines.py:waits"], 4, "async-map"),
        (["pipelines.py:counts", "--kernel", "mock"], 4, "'mock' cannot simulate"),
        (["pipelines.py:nothing"], 2, "has no 'nothing'"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    simulate: CommandLine, arguments: list[str], code: int, said: str
) -> None:
    """A simulation of nothing would look like a proof."""
    done = simulate("simulate", *arguments)

    assert done.code == code
    assert said in done.err
