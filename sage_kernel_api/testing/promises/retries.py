"""Records that are tried again.

Layer: testing. Promises of `Capability.ERROR_POLICIES`.
"""

from __future__ import annotations

from sage_kernel_api.core.functions import MapFunction
from sage_kernel_api.core.policies import retry
from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_type,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


class _Flaky(MapFunction[int, int]):
    """Fails so often for each record before it returns it."""

    def __init__(self, failures: int, calls: list[int]) -> None:
        super().__init__()
        self.failures = failures
        self.calls = calls

    def execute(self, data: int) -> int:
        self.calls.append(data)
        if self.calls.count(data) <= self.failures:
            raise ValueError(data)
        return data


@promise(Capability.ERROR_POLICIES, variants={"once": 1, "three times": 3})
def a_record_is_tried_again(bench: Workbench, failures: int) -> None:
    """With `retry`, a record is called again until it passes; the order stays."""
    calls: list[int] = []
    env = bench.environment()
    again = retry(failures, delay_s=0.0)
    stream = env.from_collection([5, 6]).map(_Flaky, failures, calls, on_error=again)

    got = bench.collect(stream)

    expect_equal(got, [5, 6], "the records")
    expect_equal(calls, [5] * (failures + 1) + [6] * (failures + 1), "the calls")


@promise(Capability.ERROR_POLICIES, variants={"0": 0, "1": 1, "3": 3})
def tries_are_counted_exactly(bench: Workbench, retries: int) -> None:
    """A record is called 1 + retries times; then the job fails by its exception."""
    calls: list[int] = []
    env = bench.environment()
    stream = env.from_collection([5])
    stream.map(_Flaky, 99, calls, name="fails", on_error=retry(retries, delay_s=0.0)).sink(print)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_equal(len(calls), 1 + retries, "the number of calls")
    expect_equal((error.step, repr(error.__cause__)), ("fails", "ValueError(5)"), "the failure")


@promise(Capability.ERROR_POLICIES)
def after_the_tries_a_record_may_be_skipped(bench: Workbench) -> None:
    """`after_retries="skip"`: the record is dropped, the next one is processed."""
    calls: list[int] = []
    env = bench.environment()
    again = retry(2, delay_s=0.0, then="skip")
    stream = env.from_collection([5, 6])
    got: list[int] = []
    stream.map(_Flaky, 99, calls, name="fails", on_error=again).sink(got.append)

    status = bench.finish(env)

    expect_equal((got, calls), ([], [5, 5, 5, 6, 6, 6]), "records and calls")
    counted = status["steps"].get("fails")
    if counted is not None:
        seen = counted["records_in"], counted["skipped"], counted["retries"]
        expect_equal(seen, (2, 2, 4), "records in, skipped, retries")


@promise(Capability.ERROR_POLICIES, Capability.SIDE_OUTPUTS)
def after_the_tries_a_record_may_be_a_dead_letter(bench: Workbench) -> None:
    """`after_retries="dead_letter"`: the letter says how often the record was tried."""
    env = bench.environment()
    again = retry(2, delay_s=0.0, then="dead_letter")
    calls: list[int] = []
    stream = env.from_collection([5]).map(_Flaky, 99, calls, name="fails", on_error=again)

    letters = bench.collect(stream.dead_letters())

    expect_equal([(one.value, one.attempts) for one in letters], [(5, 3)], "value and attempts")
