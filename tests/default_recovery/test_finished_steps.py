"""A branch that had come to its end before the checkpoint stays ended after it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from sage_kernel_api import (
    JobState,
    LocalEnvironment,
    ProcessFunction,
    ProcessOutput,
    SinkFunction,
    TumblingTimeWindows,
)
from tests.default_recovery.conftest import Place
from tests.default_recovery.pipelines import Count, Gate, Last, reset


class _AtTheEnd(ProcessFunction[int, str]):
    """Emits once, when its input has ended."""

    def process(self, value: int, out: ProcessOutput[str]) -> None:
        """Hold everything back."""

    def finish(self, out: ProcessOutput[str]) -> None:
        out.collect("the end")


class _Opened(SinkFunction[Any]):
    """Counts how often it was opened: a sink that empties its file does so then."""

    opened: ClassVar[int] = 0
    found: ClassVar[list[Any]] = []

    def open(self) -> None:
        type(self).opened += 1

    def execute(self, data: Any) -> None:
        self.found.append(data)


@pytest.fixture(autouse=True)
def _forget() -> None:
    reset()
    _Opened.opened = 0
    _Opened.found.clear()


async def _same(value: int) -> int:
    return value


def _build(env: LocalEnvironment, branch: str) -> None:
    short = env.from_collection([1, 2, 3])
    if branch == "finish":
        short.process(_AtTheEnd).sink(_Opened)
    elif branch == "async":
        short.map_async(_same).sink(_Opened)
    else:
        timed = short.assign_timestamps(lambda n: n)
        windows = timed.keyby(lambda n: 0).window(TumblingTimeWindows(10))
        windows.reduce(lambda a, b: a + b).sink(_Opened)
    env.from_source(Gate, 100).keyby(lambda n: n % 7).map(Count).sink(Last)


@pytest.mark.parametrize(
    ("branch", "results"), [("finish", ["the end"]), ("async", [1, 2, 3]), ("windows", [6])]
)
def test_a_finished_branch_is_not_opened_and_not_finished_again(
    place: Place, branch: str, results: list[Any]
) -> None:
    """Its last results would come twice, and a sink that empties its file would lose the first."""
    first = place.env()
    _build(first, branch)
    Gate.limit = 50
    first.submit()
    assert Gate.reached.wait(20)
    _until_ended(first, branch)
    first.checkpoint(20)
    first.close()

    second = place.env()
    _build(second, branch)
    Gate.limit = 100
    second.submit()
    status: Any = second.wait(30)

    assert status["state"] is JobState.FINISHED
    assert (_Opened.found, _Opened.opened) == (results, 1)
    assert Last.found == {key: len(range(key, 100, 7)) for key in range(7)}


def _until_ended(env: LocalEnvironment, branch: str) -> None:
    tasks: Any = env.kernel
    job_id = env.status()["job_id"]
    states: list[str] = []
    for _ in range(10_000):
        states = [
            one["state"]
            for one in tasks.task_manager.list_tasks(job_id)
            if "Count" not in one["steps"] and "Gate" not in one["steps"]
        ]
        if states and all(state == "done" for state in states):
            return
        env.checkpoint(20)
    raise AssertionError(f"the branch {branch} did not end: {states}")
