"""Asynchronous steps on the mock: many calls at once, on one thread, in virtual time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from sage_kernel_api import AsyncMapFunction, DeadLetter, JobFailedError, LocalEnvironment, retry
from sage_kernel_api.errors import CallTimeoutError
from sage_kernel_mock import ManualClock, MockKernelFacade
from sage_kernel_mock.timeline import Timeline
from sage_kernel_mock.virtual_loop import VirtualLoopHost
from tests.helpers import no_leaks


async def sleepy(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def test_calls_overlap_in_virtual_time_and_take_none_of_the_real_one(
    kernel: MockKernelFacade,
) -> None:
    """Ten hours of waiting are tested in a moment, and concurrency shows on the clock."""
    env = LocalEnvironment(kernel=kernel)
    began_s = time.monotonic()
    stream = env.from_collection([3600.0] * 10).map_async(sleepy, capacity=5)

    with no_leaks():
        assert stream.execute_and_collect() == [3600.0] * 10

    assert kernel.clock.now_s == 7200
    assert time.monotonic() - began_s < 60


@pytest.mark.parametrize(("ordered", "expected"), [(True, [3, 1, 2]), (False, [1, 2, 3])])
def test_order_is_as_asked_for(
    kernel: MockKernelFacade, ordered: bool, expected: list[int]
) -> None:
    """The order of results must not depend on how a machine feels today."""
    env = LocalEnvironment(kernel=kernel)
    stream = env.from_collection([3, 1, 2]).map_async(sleepy, ordered=ordered)

    assert stream.execute_and_collect() == expected


def test_a_time_limit_is_exact(kernel: MockKernelFacade) -> None:
    """A limit that sometimes strikes is tested by no real clock."""
    env = LocalEnvironment(kernel=kernel)
    letters: list[DeadLetter] = []
    asked = env.from_collection([0.9, 1.1]).map_async(sleepy, timeout_s=1, on_error="dead_letter")
    asked.dead_letters().sink(letters.append)

    assert asked.execute_and_collect() == [0.9]
    assert [(letter.value, type(letter.error)) for letter in letters] == [(1.1, CallTimeoutError)]


def test_policies_and_ledgers_are_those_of_any_step(kernel: MockKernelFacade) -> None:
    """R5: a record is in flight until its call has ended, and settled once."""
    calls: list[int] = []

    async def flaky(x: int) -> int:
        await asyncio.sleep(1)
        calls.append(x)
        if x == 2 and calls.count(2) < 3:
            raise ValueError("not yet")
        if x == 3:
            raise KeyError("never")
        return x

    env = LocalEnvironment(kernel=kernel)
    numbers = env.from_collection([1, 2, 3])
    asked = numbers.map_async(flaky, on_error=retry(2, delay_s=10, then="skip"), name="ask")
    results: list[int] = []
    asked.sink(results.append)
    status = kernel.job_manager.get_job_status(env.submit())

    assert results == [1, 2]
    assert (status["steps"]["ask"]["retries"], status["steps"]["ask"]["skipped"]) == (4, 1)
    assert status["edges"][0] == {
        "upstream": "source",
        "downstream": "ask",
        "produced": 3,
        "consumed": 2,
        "dropped": 1,
        "dead_lettered": 0,
        "in_flight": 0,
    }
    assert kernel.clock.now_s == 33  # three calls of 1 s, and waits of 10 and 20 s


def test_a_loop_through_an_asynchronous_step_ends_when_it_is_dry(
    kernel: MockKernelFacade,
) -> None:
    """Agents call models in loops; the job must neither hang nor lose the last round."""

    async def less(x: int) -> int:
        await asyncio.sleep(1)
        return x - 1

    env = LocalEnvironment(kernel=kernel)
    loop = env.from_future("again", int)
    lessened = env.from_collection([3, 1]).union(loop).map_async(less)
    lessened.filter(lambda x: x > 0).fill_future(loop)

    assert sorted(lessened.execute_and_collect()) == [0, 0, 1, 2]


def test_a_planned_fault_hits_an_asynchronous_step(kernel: MockKernelFacade) -> None:
    """Faults are planned for steps of any kind."""
    kernel.faults.fail("process", "ask", nth=2)
    kernel.faults.delay("ask", 5, nth=1)
    env = LocalEnvironment(kernel=kernel)
    asked = env.from_collection([1.0, 2.0, 3.0]).map_async(sleepy, on_error="skip", name="ask")

    assert asked.execute_and_collect() == [2.0, 1.0]
    kernel.faults.assert_all_struck()


def test_calls_that_wait_for_nothing_fail_the_job_with_the_step_named(
    kernel: MockKernelFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hanging test tells nothing."""
    monkeypatch.setattr("sage_kernel_mock.virtual_loop._REAL_LIMIT_S", 0.0)

    async def hang(x: int) -> int:
        await asyncio.Event().wait()
        return x

    env = LocalEnvironment(kernel=kernel)

    with no_leaks(), pytest.raises(JobFailedError, match=r"'ask' failed in waiting for its calls"):
        env.from_collection([1]).map_async(hang, name="ask").execute_and_collect()


def test_a_full_step_that_hangs_is_found_as_well(
    kernel: MockKernelFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more records than room, the wait is at another place."""
    monkeypatch.setattr("sage_kernel_mock.virtual_loop._REAL_LIMIT_S", 0.0)
    never = asyncio.Event()

    async def hang(x: int) -> int:
        await never.wait()
        return x

    env = LocalEnvironment(kernel=kernel)

    with pytest.raises(JobFailedError, match=r"'ask' failed in waiting for its calls"):
        env.from_collection(range(9)).map_async(hang, name="ask", capacity=1).execute_and_collect()


def test_a_call_may_wait_for_a_thread(kernel: MockKernelFacade) -> None:
    """Blocking clients are called with to_thread; that takes real time, but no virtual one."""

    async def blocking(x: int) -> tuple[int, bool]:
        return x, await asyncio.to_thread(
            lambda: threading.current_thread() is threading.main_thread()
        )

    env = LocalEnvironment(kernel=kernel)

    with no_leaks():
        results = env.from_collection([1, 2]).map_async(blocking).execute_and_collect()

    assert results == [(1, False), (2, False)]
    assert kernel.clock.now_s == 0


def test_a_call_that_never_waits_lets_time_pass_all_the_same(kernel: MockKernelFacade) -> None:
    """A function that polls with sleep(0) must meet its time limit."""

    async def spin(x: int) -> int:
        while True:
            await asyncio.sleep(0)

    env = LocalEnvironment(kernel=kernel)
    stream = env.from_collection([1]).map_async(spin, timeout_s=0.01, on_error="skip")

    assert stream.execute_and_collect() == []
    assert kernel.clock.now_s == pytest.approx(0.01)


def test_a_pipeline_runs_inside_of_a_running_loop(kernel: MockKernelFacade) -> None:
    """Notebooks and asynchronous tests have a loop already."""
    env = LocalEnvironment(kernel=kernel)
    stream = env.from_collection([1.0]).map_async(sleepy)

    async def from_a_notebook() -> list[float]:
        results = stream.execute_and_collect()
        assert asyncio.get_running_loop() is not None
        return results

    assert asyncio.run(from_a_notebook()) == [1.0]


def test_what_a_function_leaves_on_the_loop_is_ended(kernel: MockKernelFacade) -> None:
    """R10: a background task of one job must not live on into the next test."""
    ended: list[str] = []

    class Leaves(AsyncMapFunction[int, int]):
        async def open_async(self) -> None:
            self.task = asyncio.get_running_loop().create_task(self.beat())

        async def beat(self) -> None:
            try:
                await asyncio.sleep(10**9)
            finally:
                ended.append("beat")

        async def execute(self, data: int) -> int:
            return data

    env = LocalEnvironment(kernel=kernel)
    with no_leaks():
        assert env.from_collection([1]).map_async(Leaves).execute_and_collect() == [1]

    assert ended == ["beat"]


def test_due_calls_and_sleeping_calls_share_one_time() -> None:
    """What is due first happens first, whoever asked for it."""
    did: list[Any] = []
    timeline = Timeline(ManualClock())
    host = timeline.host
    host.acquire()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        did.append(("slept", timeline.clock.now_s))

    for seconds in (1.0, 3.0):
        host.start(sleep(seconds))
    timeline.at(2.0, lambda: did.append(("due", timeline.clock.now_s)))
    timeline.pass_time(2.5)
    timeline.pass_time(2.5)
    host.release()

    assert did == [("slept", 1.0), ("due", 2.0), ("slept", 3.0)]
    assert timeline.clock.now_s == 5


def test_one_loop_serves_all_steps_and_closes_with_the_last() -> None:
    """R10: no descriptor stays."""
    host = VirtualLoopHost(ManualClock())
    with no_leaks():
        assert host.acquire() is host.acquire()
        host.release()
        host.release()
        host.run_until(5)  # nobody has it: nothing to run
