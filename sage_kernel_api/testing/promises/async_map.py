"""Asynchronous functions: many calls at once, bounded, in order.

Layer: testing. Promises of `Capability.ASYNC_MAP` and `AsyncRunnable`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sage_kernel_api.core.functions import AsyncMapFunction
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_same_records,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


class _Crowd(AsyncMapFunction[int, int]):
    """Notes how many calls run at once; each waits until *together* did."""

    def __init__(self, together: int, most: list[int]) -> None:
        super().__init__()
        self.inside = 0
        self.together = together
        self.most = most

    async def execute(self, data: int) -> int:
        self.inside += 1
        self.most.append(self.inside)
        for _ in range(2_000):
            if max(self.most) >= self.together:
                break
            await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        self.inside -= 1
        return data


async def _later_for_small(x: int) -> int:
    await asyncio.sleep(0.002 * (9 - x % 10))
    return x


@promise(Capability.ASYNC_MAP)
def results_come_in_the_order_of_their_records(bench: Workbench) -> None:
    """With `ordered=True`, which is the default, slow calls do not lose their place."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(60)).map_async(_later_for_small, capacity=10))

    expect_equal(got, list(range(60)), "the results")


@promise(Capability.ASYNC_MAP)
def results_in_any_order_are_complete(bench: Workbench) -> None:
    """With `ordered=False` every result comes once."""
    env = bench.environment()
    stream = env.from_collection(range(60))

    got = bench.collect(stream.map_async(_later_for_small, capacity=10, ordered=False))

    expect_same_records(got, range(60), "the results")


@promise(Capability.ASYNC_MAP, variants={"1": 1, "4": 4})
def no_more_calls_run_than_there_is_capacity(bench: Workbench, capacity: int) -> None:
    """As many calls as `capacity` run at once, and never more."""
    most: list[int] = []
    env = bench.environment()

    stream = env.from_collection(range(20)).map_async(_Crowd, capacity, most, capacity=capacity)
    got = bench.collect(stream)

    expect_equal(got, list(range(20)), "the results")
    expect_equal(max(most), capacity, "most calls at once")


@promise(Capability.ASYNC_MAP)
def none_is_a_result(bench: Workbench) -> None:
    """An asynchronous function may return None, which is a record like any other."""

    async def none(x: int) -> None:
        await asyncio.sleep(0)

    env = bench.environment()

    got = bench.collect(env.from_collection([1, 2]).map_async(none))

    expect_equal(got, [None, None], "the results")


class _Noting(AsyncMapFunction[int, Any]):
    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def open(self) -> None:
        self.calls.append("open")

    async def open_async(self) -> None:
        self.calls.append("open_async")

    async def execute(self, data: int) -> Any:
        await asyncio.sleep(0)
        return self.key

    async def close_async(self) -> None:
        self.calls.append("close_async")

    def close(self) -> None:
        self.calls.append("close")


@promise(Capability.ASYNC_MAP)
def an_asynchronous_function_lives_in_order(bench: Workbench) -> None:
    """`open`, `open_async`, calls, `close_async`, `close`."""
    calls: list[str] = []
    env = bench.environment()

    bench.collect(env.from_collection([1]).map_async(_Noting, calls))

    expect_equal(calls, ["open", "open_async", "close_async", "close"], "the calls")


@promise(Capability.ASYNC_MAP, Capability.KEYED_ROUTING)
def each_call_sees_its_own_key(bench: Workbench) -> None:
    """`key` is that of the call's record, and the result keeps it."""
    env = bench.environment()
    stream = env.from_collection(range(10)).keyby(lambda x: f"k{x}")

    got = bench.collect(stream.map_async(_Noting, []))

    expect_equal(got, [f"k{x}" for x in range(10)], "the keys")


@promise(Capability.ASYNC_MAP, Capability.BACKGROUND_JOBS)
def cancelling_ends_running_calls(bench: Workbench) -> None:
    """When the job is cancelled, running calls are cancelled and waited for."""
    calls: list[str] = []

    async def hang(x: int) -> int:
        calls.append("began")
        try:
            await asyncio.sleep(60)
        finally:
            calls.append("ended")
        return x

    env = bench.environment()
    env.from_collection([1]).map_async(hang).sink(lambda record: None)
    job_id = env.submit()
    bench.until(lambda: calls, "the call has begun")

    expect_equal(bench.jobs.cancel_job(job_id), True, "cancel_job")

    expect_equal(calls, ["began", "ended"], "the call")
    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")


@promise(Capability.ASYNC_MAP, Capability.FEEDBACK)
def a_loop_through_calls_ends(bench: Workbench) -> None:
    """A loop is not dry while calls are under way."""

    async def lower(x: int) -> int:
        await asyncio.sleep(0.002)
        return x - 1

    env = bench.environment()
    loop = env.from_future("again", int)
    stream = env.from_collection([3]).union(loop).map_async(lower)
    stream.filter(lambda x: x > 0).fill_future(loop)

    expect_equal(bench.collect(stream), [2, 1, 0], "the results")


@promise(Capability.ASYNC_MAP)
def results_go_on_while_the_source_has_nothing(bench: Workbench) -> None:
    """A result does not wait for the next record."""
    got: list[int] = []

    async def same(x: int) -> int:
        await asyncio.sleep(0.001)
        return x

    env = bench.environment()
    answers: list[Any] = [1]
    looks: list[int] = []

    def ask() -> Any:
        looks.append(1)
        if answers:
            return answers.pop()
        if got or len(looks) > 2_000:
            from sage_kernel_api.values import StopSignal

            return StopSignal()
        return None

    env.from_source(ask).map_async(same).sink(got.append)
    bench.finish(env)

    expect_equal(got, [1], "the results")
    expect(len(looks) <= 2_000, "the result came only after the source had ended")
