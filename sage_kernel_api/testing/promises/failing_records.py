"""What a failing record does to those before it and behind it.

Layer: testing. Promises of `StepError`, and R5: nothing is swallowed.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import (
    FlatMapFunction,
)
from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


@promise(Profile.FAILURES)
def records_before_the_failing_one_are_processed(bench: Workbench) -> None:
    """A sink has the records before the failing one, in order, and none behind it."""
    got: list[int] = []

    def take(record: int) -> None:
        if record == 30:
            raise ValueError("30")
        got.append(record)

    env = bench.environment()
    env.from_collection(range(60)).sink(take)

    bench.fail(env)

    expect_equal(got, list(range(30)), "the records of the sink")


@promise(Profile.FAILURES)
def a_failing_step_is_not_called_again(bench: Workbench) -> None:
    """Without a policy, the first failure is the last call."""
    calls: list[int] = []

    def fail(record: int) -> None:
        calls.append(record)
        raise ValueError(record)

    env = bench.environment()
    env.from_collection(range(20)).sink(fail)

    bench.fail(env)

    expect_equal(calls, [0], "the calls")


@promise(Profile.FAILURES)
def what_a_failing_flatmap_collected_is_not_doubled(bench: Workbench) -> None:
    """Records that were collected before the failure reach the sink at most once."""
    got: list[int] = []

    class Fails(FlatMapFunction[int, int]):
        def execute(self, data: int) -> None:
            self.collect(data)
            if data == 2:
                raise ValueError("2")

    env = bench.environment()
    env.from_collection([1, 2, 3]).flatmap(Fails).sink(got.append)

    bench.fail(env)

    expect(got in ([1], [1, 2]), f"the sink has {got!r}")


@promise(Profile.FAILURES)
def a_record_whose_text_fails_hides_nothing(bench: Workbench) -> None:
    """A record with a broken `repr` does not hide why its step failed."""
    cause = ValueError("bad")

    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    def fail(record: Silent) -> None:
        raise cause

    env = bench.environment()
    env.from_collection([Silent()]).sink(fail, name="fails")

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")


@promise(Profile.FAILURES)
def a_wrong_result_of_a_flatmap_fails_the_job(bench: Workbench) -> None:
    """A flatmap that returns a number is a mistake, not an empty result."""
    env = bench.environment()
    wrong: Any = lambda x: 5  # noqa: E731 - typed as what a type checker would refuse
    env.from_collection([1]).flatmap(wrong, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_equal(error.step, "fails", "the step")


@promise(Capability.KEYED_ROUTING)
def a_failure_behind_a_keyby_names_its_step(bench: Workbench) -> None:
    """Keys change nothing about who is named."""
    env = bench.environment()
    stream = env.from_collection([1, 0]).keyby(lambda x: x)
    stream.map(lambda x: 1 / x, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_equal((error.step, error.record), ("fails", "0"), "step and record")
    expect_equal(bench.jobs.list_jobs()[0]["state"], JobState.FAILED, "the state")
