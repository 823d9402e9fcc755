"""Asynchronous steps on the embedded kernel: it drains them, counts them, and ends their loops."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import (
    AsyncMapFunction,
    DeadLetter,
    JobFailedError,
    LocalEnvironment,
    SourceFunction,
    StopSignal,
    retry,
)
from sage_kernel_api.values import EdgeStatus, JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions


async def _less(x: int) -> int:
    await asyncio.sleep(0.0001 * (x % 3))
    return x - 1


def _edge(env: LocalEnvironment, upstream: str) -> EdgeStatus:
    (found,) = [edge for edge in env.status()["edges"] if edge["upstream"] == upstream]
    return found


def _lost(edge: EdgeStatus, policy: str) -> int:
    return edge["dropped"] if policy == "skip" else edge["dead_lettered"]


class _OneThenWait(SourceFunction[int]):
    """Gives one record, and then nothing before somebody has seen it."""

    def __init__(self, seen: threading.Event) -> None:
        self._seen = seen
        self._has_given = False

    def execute(self) -> int | StopSignal:
        if not self._has_given:
            self._has_given = True
            return 1
        assert self._seen.wait(10), "the result waited for the source"
        return StopSignal("seen")


def test_a_source_that_blocks_does_not_hold_results_up(env: LocalEnvironment) -> None:
    """An answer that waits for the next question would be a dead chat."""
    seen = threading.Event()
    numbers = env.from_source(_OneThenWait, seen)
    numbers.map_async(_less).sink(lambda _: seen.set())

    env.submit(autostop=True)

    assert seen.is_set()


async def _refuse_negative(x: int) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError(x)
    return x


@pytest.mark.parametrize("policy", ["skip", "dead_letter"])
def test_failures_are_charged_to_the_edge_that_the_record_came_by(
    env: LocalEnvironment, policy: Any
) -> None:
    """Two sources are merged: whose records are bad must be seen in the ledger."""
    good, bad = (
        env.from_collection([1, 2, 3], name="good"),
        env.from_collection([-1, 4], name="bad"),
    )
    letters: list[DeadLetter] = []
    results: list[int] = []
    step = good.union(bad).map_async(_refuse_negative, name="ask", on_error=policy)
    step.dead_letters().sink(letters.append)
    step.sink(results.append)

    env.submit(autostop=True)

    assert sorted(results) == [1, 2, 3, 4]
    assert [letter.value for letter in letters] == [-1] * (policy == "dead_letter")
    assert [_edge(env, "good")["consumed"], _edge(env, "bad")["consumed"]] == [3, 1]
    assert [_lost(_edge(env, "good"), policy), _lost(_edge(env, "bad"), policy)] == [0, 1]


def test_counters_are_exact(env: LocalEnvironment) -> None:
    """Calls cost money: how often a model was asked must be right."""
    failed: set[int] = set()

    async def flaky(x: int) -> int | None:
        if x % 5 == 0 and x not in failed:
            failed.add(x)
            raise ConnectionError(x)
        if x == 7:
            raise ValueError(x)
        return None if x == 8 else x

    policy = retry(2, delay_s=0.0, then="skip")
    env.set_policies(none_result="drop")
    env.from_collection(range(10)).map_async(flaky, name="ask", on_error=policy).sink(_ignore)

    env.submit(autostop=True)

    status = env.status()["steps"]["ask"]
    assert (status["records_in"], status["records_out"]) == (10, 8)
    assert (status["skipped"], status["dead_lettered"]) == (1, 0)
    assert status["retries"] == 4, "one each for 0 and 5, two for 7"


def _ignore(_: object) -> None:
    """Do nothing."""


def test_an_ordered_step_that_fails_has_handed_on_all_before(env: LocalEnvironment) -> None:
    """What came before the failure is done, and must not be lost with it."""
    results: list[int] = []
    step = env.from_collection([1, 2, 3, -1, 4]).map_async(_refuse_negative, capacity=10)
    step.sink(results.append)

    with pytest.raises(JobFailedError, match=r"on record -1") as caught:
        env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, ValueError)
    assert results == [1, 2, 3]


def test_a_slow_sink_slows_the_calls_down() -> None:
    """Answers that nobody takes must not pile up, and money not be spent on them."""
    kernel = DefaultKernelFacade(DefaultOptions(frame_size=4, channel_capacity=8))
    env = LocalEnvironment("test", kernel=kernel)
    asked, taken, worst = 0, 0, 0

    async def ask(x: int) -> int:
        nonlocal asked
        asked += 1
        return x

    def take(_: int) -> None:
        nonlocal taken, worst
        taken += 1
        worst = max(worst, asked - taken)

    env.from_collection(range(2000)).map_async(ask, capacity=4).rebalance().map(
        lambda x: x, parallelism=2
    ).sink(take, parallelism=1)

    env.submit(autostop=True)

    assert taken == 2000
    # In the step, in four channels to and from two instances, and a frame in each task.
    assert worst <= 8 + 4 * 16 + 4 * 8
    kernel.shutdown()


class _Hanging(AsyncMapFunction[int, int]):
    started = threading.Event()
    ended: ClassVar[list[str]] = []

    async def execute(self, data: int) -> int:
        self.started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            self.ended.append("call")
        return data

    async def close_async(self) -> None:
        self.ended.append("closed")


def test_cancelling_ends_the_calls_within_two_seconds(env: LocalEnvironment) -> None:
    """R11: a model that never answers must not keep anybody from stopping the job."""
    _Hanging.started.clear()
    _Hanging.ended.clear()
    env.from_collection(range(3)).map_async(_Hanging).sink(_ignore)
    env.submit()
    assert _Hanging.started.wait(10)

    begun = time.monotonic()
    assert env.cancel()

    assert time.monotonic() - begun < 2.0
    assert env.status()["state"] is JobState.CANCELLED
    assert _Hanging.ended[-1] == "closed"
    assert "call" in _Hanging.ended


@pytest.mark.parametrize("parallelism", [1, 2])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_loop_through_an_asynchronous_step_ends_when_it_is_dry(
    env: LocalEnvironment, ordered: bool, parallelism: int
) -> None:
    """An agent asks until it is satisfied: a record in a call is still in the loop."""
    out: list[int] = []
    start = env.from_collection(range(1, 60))
    again = env.from_future("again", of=int)
    asked = start.union(again).map_async(
        _less, capacity=5, ordered=ordered, parallelism=parallelism
    )
    asked.filter(lambda x: x > 0).fill_future(again)
    asked.filter(lambda x: x == 0).sink(out.append, parallelism=1)

    env.submit(autostop=True)

    assert out == [0] * 59
    assert all(edge["in_flight"] == 0 for edge in env.status()["edges"])


def test_a_loop_that_multiplies_its_records_passes_two_asynchronous_steps(
    env: LocalEnvironment,
) -> None:
    """Full channels all around: each step waits for the other, and only credit lets them go on."""
    out: list[int] = []
    start = env.from_collection([6] * 10)
    again = env.from_future("again", of=int)
    first = start.union(again).map_async(_less, capacity=2).rebalance()
    split = first.flatmap(lambda x: [x, x], parallelism=2)
    second = split.map_async(_refuse_negative, capacity=2, parallelism=1)
    second.filter(lambda x: x > 0).fill_future(again)
    second.filter(lambda x: x == 0).sink(out.append)

    env.submit(autostop=True)

    assert out == [0] * (10 * 2**6)


def test_a_paused_job_keeps_its_answers(env: LocalEnvironment) -> None:
    """Calls that were under way when the job paused have been paid for."""
    gate, called, out = threading.Event(), threading.Event(), list[int]()

    async def ask(x: int) -> int:
        called.set()
        await asyncio.to_thread(gate.wait, 10)
        return x

    env.from_collection([1, 2]).map_async(ask).sink(out.append)
    env.submit()
    assert called.wait(10)
    assert env.pause()
    gate.set()
    assert env.resume()
    env.wait(10)

    assert out == [1, 2]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    records=st.lists(st.integers(-3, 8), max_size=30),
    capacity=st.integers(1, 5),
    ordered=st.booleans(),
    frame=st.sampled_from([1, 3, 64]),
    parallelism=st.integers(1, 3),
    policy=st.sampled_from(["skip", "dead_letter"]),
)
def test_any_loop_settles_every_record_exactly_once(
    records: list[int], capacity: int, ordered: bool, frame: int, parallelism: int, policy: Any
) -> None:
    """Loops, failures and calls that overtake each other: the multiset is that of a while loop."""
    kernel = DefaultKernelFacade(DefaultOptions(frame_size=frame, channel_capacity=frame))
    env = LocalEnvironment("any", kernel=kernel)
    out: list[int] = []

    async def step_down(x: int) -> int:
        await asyncio.sleep(0)
        if x < 0:
            raise ValueError(x)
        return x - 2

    again = env.from_future("again", of=int)
    asked = (
        env.from_collection(records, name="start")
        .union(again)
        .map_async(
            step_down,
            name="ask",
            capacity=capacity,
            ordered=ordered,
            parallelism=parallelism,
            on_error=policy,
        )
    )
    asked.filter(lambda x: x > 0, parallelism=1).fill_future(again)
    asked.filter(lambda x: x <= 0, parallelism=1).sink(out.append)
    env.submit(autostop=True)
    kernel.shutdown()

    good = [x for x in records if x >= 0]
    assert sorted(out) == sorted(_end_of(x) for x in good)
    edges = {(edge["upstream"], edge["downstream"]): edge for edge in env.status()["edges"]}
    assert _lost(edges["start", "ask"], policy) == len(records) - len(good)
    assert all(edge["in_flight"] == 0 for edge in edges.values())
    assert env.status()["steps"]["ask"]["records_out"] == sum(_rounds(x) for x in good)


def _end_of(x: int) -> int:
    return x - 2 * _rounds(x)


def _rounds(x: int) -> int:
    return max(1, -(-x // 2))
