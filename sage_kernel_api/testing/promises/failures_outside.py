"""Failures outside of records: of sources, and while a function is made, opened or closed.

Layer: testing. Promises of `StepError`, and R5: nothing is swallowed.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.core.functions import (
    BaseFunction,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    SourceFunction,
)
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect_equal,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench


class _Makes(MapFunction[int, int]):
    def __init__(self, cause: Exception) -> None:
        raise cause

    def execute(self, data: int) -> int:
        return data


class _Opens(MapFunction[int, int]):
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause

    def open(self) -> None:
        raise self.cause

    def execute(self, data: int) -> int:
        return data


class _Closes(_Opens):
    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        raise self.cause


class _Finishes(ProcessFunction[int, int]):
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause

    def process(self, value: int, out: ProcessOutput[int]) -> None:
        out.collect(value)

    def finish(self, out: ProcessOutput[int]) -> None:
        raise self.cause


LIFE: dict[str, type[BaseFunction]] = {
    "the constructor": _Makes,
    "open": _Opens,
    "close": _Closes,
    "finish": _Finishes,
}


@promise(Profile.FAILURES, variants=LIFE)
def a_failure_outside_of_records_fails_the_job(
    bench: Workbench, function: type[BaseFunction]
) -> None:
    """An exception of constructor, `open`, `finish` or `close` is the job's failure as well."""
    cause = ValueError("bad")
    env = bench.environment()
    stream: DataStream[Any] = env.from_collection([1])
    if issubclass(function, ProcessFunction):
        stream = stream.process(function, cause, name="fails")
    elif issubclass(function, MapFunction):
        stream = stream.map(function, cause, name="fails")
    stream.sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal((error.step, error.record), ("fails", None), "step and record")


class _BadSource(SourceFunction[int]):
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause

    def execute(self) -> int:
        raise self.cause


@promise(Profile.FAILURES)
def a_failing_source_fails_the_job(bench: Workbench) -> None:
    """A source that raises at its first look is named, without a record."""
    cause = ValueError("bad")
    env = bench.environment()
    env.from_source(_BadSource, cause, name="fails").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal((error.step, error.record), ("fails", None), "step and record")
