"""A user's exception is the job's failure, with its place, its record and itself as cause.

Layer: testing. Promises of `StepError`, `JobStatus` and R5: nothing is swallowed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.functions import (
    SinkFunction,
)
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import JobFailedError, StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Env, Workbench


class OddError(Exception):
    """An exception that cannot be pickled or made from its arguments."""

    def __init__(self, first: str, *, second: Callable[[], int]) -> None:
        super().__init__(f"{first}, odd")
        self.second = second


class QuietError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class OutsideError(BaseException):
    """An exception that ``except Exception`` does not catch."""


CAUSES: dict[str, BaseException] = {
    "a value error": ValueError("bad"),
    "a key error": KeyError("k"),
    "an exception without text": ValueError(),
    "an exception that cannot travel": OddError("x", second=lambda: 1),
    "an exception whose text fails": QuietError(),
    "the end of an iteration": StopIteration(1),
    "a failed assertion": AssertionError("a > b"),
    "a missing timeout": TimeoutError("late"),
    "an exit of the program": SystemExit(3),
    "an exception outside of Exception": OutsideError("outside"),
    "a group": ExceptionGroup("two", [ValueError(1), KeyError(2)]),
}


Chain = Callable[[Env, Callable[[Any], Any]], object]


PLACES: dict[str, Chain] = {
    "map": lambda env, f: env.from_collection([7]).map(f, name="fails").sink(print),
    "filter": lambda env, f: env.from_collection([7]).filter(f, name="fails").sink(print),
    "flatmap": lambda env, f: env.from_collection([7]).flatmap(f, name="fails").sink(print),
    "keyby": lambda env, f: env.from_collection([7]).keyby(f, name="fails").sink(print),
    "sink": lambda env, f: env.from_collection([7]).sink(f, name="fails"),
    "a generator": lambda env, f: (
        env.from_collection([7]).flatmap(lambda x: (f(y) for y in [x]), name="fails").sink(print)
    ),
    "the end of a chain": lambda env, f: _longer(env.from_collection([7])).sink(f, name="fails"),
}


@promise(Profile.FAILURES, variants=CAUSES)
def any_exception_is_the_cause(bench: Workbench, cause: BaseException) -> None:
    """What the user's code raised is the `__cause__` of the job's `StepError`: the same object."""

    def fail(record: int) -> int:
        raise cause

    env = bench.environment()
    env.from_collection([7]).map(fail, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal(error.step, "fails", "the step")


@promise(Profile.FAILURES, variants=PLACES)
def a_failure_names_step_record_and_line(bench: Workbench, describe: Chain) -> None:
    """Wherever a function raises: the error names step, record, file and line of the user."""
    cause = ValueError("bad")

    def fail(record: Any) -> Any:
        raise cause

    env = bench.environment()
    describe(env, fail)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal((error.step, error.record), ("fails", "7"), "step and record")
    expect("fails" in str(error) and "bad" in str(error), f"the message is {str(error)!r}")


@promise(Profile.FAILURES)
def a_reduce_that_fails_names_its_record(bench: Workbench) -> None:
    """The same for a function of two arguments."""
    env = bench.environment()
    stream = env.from_collection([0, 5]).keyby(lambda x: 0)
    stream.reduce(lambda a, b: b // a, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_type(error.__cause__, ZeroDivisionError, "the cause")
    expect_equal((error.step, error.record), ("fails", "5"), "step and record")


@promise(Profile.FAILURES)
def the_first_failure_is_the_cause(bench: Workbench) -> None:
    """What fails while the job is closing does not hide why it failed."""
    cause = ValueError("first")

    class Fails(SinkFunction[int]):
        def execute(self, data: int) -> None:
            raise cause

        def close(self) -> None:
            raise KeyError("second")

    env = bench.environment()
    env.from_collection([1]).sink(Fails)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")


@promise(Profile.FAILURES)
def an_environment_raises_the_users_exception_as_cause(bench: Workbench) -> None:
    """`submit(autostop=True)` raises `JobFailedError` with the user's exception as cause."""
    cause = ValueError("bad")

    def fail(record: int) -> int:
        raise cause

    env = bench.environment()
    env.from_collection([1]).map(fail).sink(lambda record: None)

    error = expect_error(JobFailedError, env.submit, autostop=True)

    expect_same(error.__cause__, cause, "the cause")


def _longer(stream: DataStream[int]) -> DataStream[int]:
    for _ in range(5):
        stream = stream.map(lambda x: x)
    return stream
