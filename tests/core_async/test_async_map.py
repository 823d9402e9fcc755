"""An asynchronous step on a kernel that only knows ``process`` and ``finish``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from sage_kernel_api import AsyncMapFunction
from sage_kernel_api.core.operators.async_map import RateLimit
from sage_kernel_api.core.policies import retry
from sage_kernel_api.errors import (
    CallTimeoutError,
    ChannelClosedError,
    LeakedTaskError,
    StepError,
)

MakeStep = Callable[..., Any]


async def _slow_for_small(x: int) -> int:
    await asyncio.sleep(1 / (x + 1))
    return x * 10


async def _fail_on_odd(x: int) -> int:
    await asyncio.sleep(0.01)
    if x % 2:
        raise ValueError(f"odd: {x}")
    return x


def test_ordered_results_come_in_the_order_of_their_records(step: MakeStep) -> None:
    """Answers of a language model must meet the questions that they belong to."""
    assert step(_slow_for_small, ordered=True).run(0, 1, 2, 3) == [0, 10, 20, 30]


def test_unordered_results_come_as_soon_as_they_are_there(step: MakeStep) -> None:
    """One slow call must not hold up a thousand quick ones."""
    assert step(_slow_for_small, ordered=False).run(0, 1, 2, 3) == [30, 20, 10, 0]


def test_calls_run_at_once_up_to_the_capacity(step: MakeStep) -> None:
    """Ten calls of a second at capacity 5 take two seconds, not ten and not one."""
    running = peak = 0

    async def call(x: int) -> int:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(1.0)
        running -= 1
        return x

    made = step(call, capacity=5)
    assert made.run(*range(10)) == list(range(10))

    assert peak == 5
    assert made.host.now_s == pytest.approx(2.0, abs=0.2)


def test_process_waits_while_the_capacity_is_used_up(step: MakeStep) -> None:
    """A quick source must not fill the memory with records that wait for slow calls."""
    made = step(_slow_for_small, capacity=1)
    made.operator.open()
    most = 0
    for record in range(20):
        made.operator.process(record)
        most = max(most, made.operator.in_flight())
    made.operator.close()

    assert most == 2


def test_results_keep_the_key_of_their_record(step: MakeStep) -> None:
    """A result that is sent under the key of another record lands in the wrong state."""
    made = step(_slow_for_small, ordered=False)
    made.operator.open()
    for record in range(4):
        made.context.key = f"k{record}" if record else None
        made.operator.process(record)
    made.context.key = "of nobody"
    made.operator.finish()
    made.operator.close()

    assert made.context.sent == [30, 20, 10, 0]
    assert made.context.keys == ["k3", "k2", "k1", None]


def test_none_is_a_result_like_any_other(step: MakeStep) -> None:
    """Records must not vanish because a service answered nothing."""

    async def nothing(x: int) -> None:
        return None

    assert step(nothing).run(1, 2) == [None, None]
    assert step(nothing, none_result="drop").run(1, 2) == []


def test_a_failure_names_the_record_that_failed(step: MakeStep) -> None:
    """Not the record that happened to come in when the failure was seen."""
    with pytest.raises(StepError) as caught:
        step(_fail_on_odd, capacity=1).run(0, 1, 2, 4, 6, 8)

    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.record == "1"
    assert caught.value.step == "ask"
    assert "_fail_on_odd" in str(caught.value)
    assert "test_async_map.py:" in (caught.value.where or "")


def test_skipped_records_are_left_out_and_no_other(step: MakeStep) -> None:
    """The policy must hit the failed record, not its neighbour."""
    assert step(_fail_on_odd, on_error="skip").run(*range(6)) == [0, 2, 4]


def test_failed_records_become_dead_letters_with_their_own_value(step: MakeStep) -> None:
    """Whoever repairs dead letters needs the record, its error and the number of calls."""
    made = step(_fail_on_odd, on_error="dead_letter", retries=2, retry_delay_s=0.1)
    assert made.run(*range(4)) == [0, 2]

    letters = [letter for target, letter in made.context.letters if target == "dead_letter"]
    assert [(each.value, each.attempts, each.step) for each in letters] == [
        (1, 3, "ask"),
        (3, 3, "ask"),
    ]
    assert str(letters[0].error) == "odd: 1"


def test_failed_calls_are_made_again_after_growing_delays(step: MakeStep) -> None:
    """An overloaded service recovers only if its callers back off."""
    calls: list[float] = []

    async def third_time_lucky(x: int) -> int:
        calls.append(asyncio.get_running_loop().time())
        if len(calls) < 4:
            raise ConnectionError("busy")
        return x

    assert step(third_time_lucky, retries=3, retry_delay_s=0.5).run(7) == [7]

    gaps = [after - before for before, after in pairwise(calls)]
    assert gaps == pytest.approx([0.5, 1.0, 2.0])


def test_only_the_named_exceptions_are_worth_another_call(step: MakeStep) -> None:
    """A request that is wrong stays wrong; calling again costs money."""
    calls: list[int] = []

    async def wrong(x: int) -> int:
        calls.append(x)
        raise KeyError(x)

    with pytest.raises(StepError):
        step(wrong, retries=5, retry_on=(ConnectionError, TimeoutError)).run(1)
    assert calls == [1]


def test_the_retry_policy_is_done_beside_the_other_calls(step: MakeStep) -> None:
    """``on_error=retry()`` must not stop the step while it waits for one record."""
    calls: list[int] = []

    async def flaky(x: int) -> int:
        calls.append(x)
        if x == 0 and calls.count(0) <= 2:
            raise ConnectionError("busy")
        return x

    made = step(flaky, ordered=False, on_error=retry(2, delay_s=10.0))
    assert made.run(0, 1, 2) == [1, 2, 0]
    assert made.host.now_s == pytest.approx(30.0, abs=0.2)

    calls.clear()
    assert step(_fail_on_odd, on_error=retry(1, then="skip")).run(0, 1, 2) == [0, 2]


def test_a_call_that_takes_too_long_is_cancelled_and_named(step: MakeStep) -> None:
    """One hanging connection must not hang the job, and the report must say which line hung."""
    cancelled: list[int] = []

    async def hangs(x: int) -> int:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise
        return x

    made = step(hangs, timeout_s=2.0)
    with pytest.raises(StepError, match="longer than 2 s") as caught:
        made.run(5)

    assert isinstance(caught.value.__cause__, CallTimeoutError)
    assert caught.value.record == "5"
    assert "hangs" in str(caught.value)
    assert cancelled == [5]
    assert made.host.now_s == pytest.approx(2.0, abs=0.1)


def test_a_timeout_of_the_functions_own_is_left_as_it_is(step: MakeStep) -> None:
    """Users look for the exception that they raised."""

    async def own(x: int) -> int:
        raise TimeoutError("mine")

    with pytest.raises(StepError) as caught:
        step(own, timeout_s=2.0).run(5)
    assert str(caught.value.__cause__) == "mine"


def test_each_of_several_calls_has_its_own_time_limit(step: MakeStep) -> None:
    """Back-off between calls must not eat up the time of the next one."""
    calls: list[int] = []

    async def second_is_quick(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(3600 if len(calls) == 1 else 1.5)
        return x

    made = step(second_is_quick, timeout_s=2.0, retries=1, retry_delay_s=5.0)
    assert made.run(5) == [5]
    assert made.host.now_s == pytest.approx(8.5, abs=0.1)


def test_the_rate_limit_is_shared_by_the_instances_of_a_step(step: MakeStep) -> None:
    """A provider counts the requests of the key, not those of one instance."""
    began: list[float] = []

    async def call(x: int) -> int:
        began.append(asyncio.get_running_loop().time())
        return x

    limit = RateLimit(10)
    instances = [step(call, rate_limit=limit), step(call, rate_limit=limit)]
    for each in instances:
        each.operator.open()
        for record in range(10):
            each.operator.process(record)
    for each in instances:
        each.operator.finish()
        each.operator.close()

    gaps = [after - before for before, after in pairwise(began)]
    assert len(began) == 20
    assert gaps == pytest.approx([0.1] * 19)


def test_further_calls_respect_the_rate_limit_too(step: MakeStep) -> None:
    """Retries are what overloads a provider in the first place."""
    began: list[float] = []

    async def fails(x: int) -> int:
        began.append(asyncio.get_running_loop().time())
        raise ConnectionError

    with pytest.raises(StepError):
        step(fails, rate_limit="2/s", retries=3, retry_delay_s=0.0).run(1)
    assert began == pytest.approx([0.0, 0.5, 1.0, 1.5])


def test_closing_cancels_what_runs_and_waits_for_it(step: MakeStep) -> None:
    """After a failure no request may go on in the background."""
    ended: list[int] = []

    async def hangs(x: int) -> int:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.1)  # as a client that closes its connection
            ended.append(x)
        return x

    made = step(hangs, capacity=2)
    made.operator.open()
    for record in range(3):
        made.operator.process(record)
    made.host.pass_time(1.0)
    made.operator.close()

    assert sorted(ended) == [0, 1]
    assert made.sent == []


def test_a_call_that_ignores_its_cancellation_is_reported(step: MakeStep) -> None:
    """Closing takes a bounded time even if a function swallows its cancellation."""
    is_over = False

    async def stubborn(x: int) -> int:
        while not is_over:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                continue
        return x

    made = step(stubborn)
    made.operator.open()
    made.operator.process(1)
    made.host.pass_time(1.0)
    with pytest.raises(LeakedTaskError, match="'ask'"):
        made.operator.close()

    assert made.host.now_s < 2.5
    is_over = True
    made.host.pass_time(1.0)


def test_a_waiting_step_notices_that_its_job_is_cancelled(step: MakeStep) -> None:
    """Cancelling takes at most two seconds, also if every call hangs."""

    async def hangs(x: int) -> int:
        await asyncio.sleep(3600)
        return x

    made = step(hangs, capacity=1)
    made.operator.open()
    made.operator.process(1)
    made.operator.process(2)
    made.context.is_ending = True
    with pytest.raises(ChannelClosedError):
        made.operator.process(3)
    made.operator.close()

    assert made.host.now_s < 1.0


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("on_error", ["fail", "skip", "dead_letter"])
def test_an_error_that_is_no_exception_is_never_swallowed(
    step: MakeStep, kind: type[BaseException], on_error: str
) -> None:
    """A policy for failing records must not hide that somebody wanted to exit."""

    async def exits(x: int) -> int:
        if x == 1:
            raise kind
        return x

    made = step(exits, on_error=on_error)
    with pytest.raises((StepError, kind)) as caught:
        made.run(0, 1, 2)

    assert isinstance(caught.value, kind) or isinstance(caught.value.__cause__, kind)
    assert made.sent == [0]


class _Client(AsyncMapFunction[int, str]):
    def __init__(self, prefix: str, events: list[str]) -> None:
        self.prefix = prefix
        self.events = events

    def open(self) -> None:
        self.events.append("open")

    async def open_async(self) -> None:
        await asyncio.sleep(1.0)
        self.events.append("open_async")

    async def execute(self, data: int) -> str:
        await asyncio.sleep(1 / (data + 1))
        return f"{self.prefix}{data}@{self.key}"

    async def close_async(self) -> None:
        await asyncio.sleep(1.0)
        self.events.append("close_async")

    def close(self) -> None:
        self.events.append("close")


def test_a_function_class_is_opened_and_closed_on_both_sides(step: MakeStep) -> None:
    """Clients must be made and closed on the loop that they work on."""
    events: list[str] = []
    assert step(_Client, "x", events).run(1) == ["x1@None"]
    assert events == ["open", "open_async", "close_async", "close"]


def test_each_call_sees_the_key_of_its_own_record(step: MakeStep) -> None:
    """Ten calls run at once: the task's current key belongs to none of them."""
    made = step(_Client, "x", [])
    made.operator.open()
    for record in range(3):
        made.context.key = f"k{record}"
        made.operator.process(record)
    made.operator.finish()
    made.operator.close()
    assert made.sent == ["x0@k0", "x1@k1", "x2@k2"]


def test_everything_is_closed_when_the_opening_fails(step: MakeStep) -> None:
    """A client that cannot connect must not leave its half of the work behind."""
    events: list[str] = []

    class Broken(_Client):
        async def open_async(self) -> None:
            raise ConnectionError("no such host")

    with pytest.raises(StepError, match="no such host"):
        step(Broken, "x", events).run(1)
    assert events == ["open", "close_async", "close"]


def test_close_is_called_when_close_async_fails(step: MakeStep) -> None:
    """One failing hook must not keep the other from letting go."""
    events: list[str] = []

    class Broken(_Client):
        async def close_async(self) -> None:
            raise ConnectionError("reset")

    with pytest.raises(ConnectionError):
        step(Broken, "x", events).run(1)
    assert events == ["open", "open_async", "close"]


def test_an_async_close_that_hangs_is_reported(step: MakeStep) -> None:
    """The end of a job takes a bounded time."""

    class Hangs(_Client):
        async def close_async(self) -> None:
            await asyncio.sleep(3600)

    made = step(Hangs, "x", [])
    with pytest.raises(LeakedTaskError, match="did not close"):
        made.run(1)
    made.host.pass_time(1.0)
