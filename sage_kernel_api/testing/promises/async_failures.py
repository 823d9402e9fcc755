"""Asynchronous calls that fail, hang, or are tried again.

Layer: testing. Promises of `Capability.ASYNC_MAP` and of error policies.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from sage_kernel_api.errors import CallTimeoutError, StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


async def _fail_on_odd(x: int) -> int:
    await asyncio.sleep(0)
    if x % 2:
        raise ValueError(x)
    return x


@promise(Capability.ASYNC_MAP)
def a_failing_call_fails_the_job(bench: Workbench) -> None:
    """The cause is the call's own exception; step and record are named."""
    cause = ValueError("no")

    async def fail(x: int) -> int:
        await asyncio.sleep(0)
        if x == 3:
            raise cause
        return x

    env = bench.environment()
    env.from_collection(range(10)).map_async(fail, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal((error.step, error.record), ("fails", "3"), "step and record")


@promise(Capability.ASYNC_MAP, Capability.ERROR_POLICIES)
def a_failing_call_may_be_skipped(bench: Workbench) -> None:
    """The step's policy decides about a record whose call failed."""
    env = bench.environment()

    got = bench.collect(env.from_collection(range(10)).map_async(_fail_on_odd, on_error="skip"))

    expect_equal(got, [0, 2, 4, 6, 8], "the results")


@promise(Capability.ASYNC_MAP, Capability.ERROR_POLICIES, Capability.SIDE_OUTPUTS)
def a_failing_call_may_be_a_dead_letter(bench: Workbench) -> None:
    """Its letter has the record, the step and the exception."""
    env = bench.environment()
    stream = env.from_collection(range(4)).map_async(
        _fail_on_odd, on_error="dead_letter", name="fails"
    )

    letters = bench.collect(stream.dead_letters())

    seen = [(one.value, one.step, repr(one.error)) for one in letters]
    expect_equal(seen, [(n, "fails", f"ValueError({n})") for n in (1, 3)], "the letters")


@promise(Capability.ASYNC_MAP)
def a_call_is_tried_again(bench: Workbench) -> None:
    """`retries` calls again what failed; the results stay in order."""
    calls: Counter[int] = Counter()

    async def flaky(x: int) -> int:
        calls[x] += 1
        if calls[x] < 3:
            raise ValueError(x)
        return x

    env = bench.environment()
    stream = env.from_collection(range(5)).map_async(flaky, retries=2, retry_delay_s=0.0)

    expect_equal(bench.collect(stream), list(range(5)), "the results")
    expect_equal(dict(calls), dict.fromkeys(range(5), 3), "the calls of each record")


@promise(Capability.ASYNC_MAP)
def a_call_that_takes_too_long_is_ended(bench: Workbench) -> None:
    """`timeout_s` ends a call with a `CallTimeoutError`, by which the job fails."""

    async def hang(x: int) -> int:
        await asyncio.sleep(60)
        return x

    env = bench.environment()
    env.from_collection([1]).map_async(hang, timeout_s=0.02).sink(lambda record: None)

    expect_type(bench.fail(env).__cause__, CallTimeoutError, "the cause")
