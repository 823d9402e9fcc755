"""Services of one job, and calls of services from its functions.

Layer: testing. Promises of `ServiceConfig` and `JobManager.register_service_factory`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sage_kernel_api.core.functions import MapFunction, SinkFunction
from sage_kernel_api.errors import ServiceNotFoundError, StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_same,
    expect_type,
)
from sage_kernel_api.testing.promises.services import Noting
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


class Adds(Protocol):
    """What the service `Sum` offers."""

    def add(self, value: int) -> int:
        """Add a value and return the sum."""
        ...


class Sum:
    """Adds up."""

    def __init__(self, begin: int = 0) -> None:
        self.sum: int = begin

    def add(self, value: int) -> int:
        """Add a value and return the sum."""
        self.sum += value
        return self.sum


FORMS: dict[str, Callable[[Any, int], Any]] = {
    "by name": lambda function, x: function.call_service["sum"].add(x),
    "with the method second": lambda function, x: function.call_service("sum", "add", x),
    "with the method named": lambda function, x: function.call_service("sum", x, method="add"),
    "through a typed handle": lambda function, x: function.service(Adds, "sum").add(x),
    "asynchronously": lambda function, x: function.call_service_async("sum", "add", x).result(5),
    "through the context": lambda function, x: function.ctx.call_service("sum", "add", x),
}


class Calls(MapFunction[int, int]):
    def __init__(self, form: Callable[[Any, int], Any]) -> None:
        super().__init__()
        self.form = form

    def execute(self, data: int) -> int:
        answer: int = self.form(self, data)
        return answer


@promise(Capability.SERVICES, variants=FORMS)
def a_function_calls_a_service_of_its_job(
    bench: Workbench, form: Callable[[Any, int], Any]
) -> None:
    """Every spelling of a call reaches the job's service."""
    env = bench.environment()
    env.register_service("sum", Sum)

    got = bench.collect(env.from_collection([1, 2, 3]).map(Calls, form))

    expect_equal(got, [1, 3, 6], "the sums")


@promise(Capability.SERVICES)
def a_service_lives_around_the_records_of_its_job(bench: Workbench) -> None:
    """It is started before the first record and stopped after the last one."""
    calls: list[str] = []
    env = bench.environment()
    env.register_service("a", Noting, calls)
    env.from_collection([1, 2]).sink(lambda record: calls.append("record"))

    bench.finish(env)

    expected = ["made", "set_context", "setup", "start", "record", "record", "stop", "cleanup"]
    expect_equal(calls, expected, "the calls")


@promise(Capability.SERVICES)
def a_service_may_be_called_until_the_last_close(bench: Workbench) -> None:
    """`open` and `close` of a function can call services."""
    got: list[int] = []

    class Calls(SinkFunction[int]):
        def open(self) -> None:
            got.append(self.ctx.call_service("sum", "add", 1))

        def execute(self, data: int) -> None:
            return None

        def close(self) -> None:
            got.append(self.ctx.call_service("sum", "add", 10))

    env = bench.environment()
    env.register_service("sum", Sum)
    env.from_collection([1]).sink(Calls)
    bench.finish(env)

    expect_equal(got, [1, 11], "the sums")


@promise(Capability.SERVICES)
def services_end_also_when_the_job_fails(bench: Workbench) -> None:
    """After a failure the job's services are stopped and cleaned up."""
    calls: list[str] = []
    env = bench.environment()
    env.register_service("a", Noting, calls)
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)

    bench.fail(env)

    expect_equal(calls[-2:], ["stop", "cleanup"], "the last calls")


@promise(Capability.SERVICES, variants={"setup": "setup", "start": "start", "made": "made"})
def a_service_that_cannot_start_fails_its_job(bench: Workbench, fails_in: str) -> None:
    """The job is FAILED before its first record, by the service's exception."""
    cause = ValueError("no")
    got: list[int] = []
    env = bench.environment()
    env.register_service("a", Noting, [], fails_in, cause)
    env.from_collection([1]).sink(got.append)

    error = bench.fail(env)

    expect(cause in (error, error.__cause__), f"the job failed by {error!r}")
    expect_equal(got, [], "the records")


@promise(Capability.SERVICES, variants={"stop": "stop", "cleanup": "cleanup"})
def a_service_that_cannot_stop_fails_its_job(bench: Workbench, fails_in: str) -> None:
    """What `stop` or `cleanup` raises is not swallowed."""
    cause = ValueError("no")
    env = bench.environment()
    env.register_service("a", Noting, [], fails_in, cause)
    env.from_collection([1]).sink(lambda record: None)

    error = bench.fail(env)

    expect(cause in (error, error.__cause__), f"the job failed by {error!r}")


@promise(Capability.SERVICES)
def a_failing_call_fails_the_record(bench: Workbench) -> None:
    """The service's exception is the cause of the job's failure, unless the function catches it."""
    cause = ValueError("no")

    class Fails:
        def get(self) -> int:
            raise cause

    class Calls(MapFunction[int, int]):
        def execute(self, data: int) -> int:
            answer: int = self.ctx.call_service("fails", "get")
            return answer

    env = bench.environment()
    env.register_service("fails", Fails)
    env.from_collection([1]).map(Calls, name="calls").sink(lambda record: None)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal(error.step, "calls", "the step")


@promise(Capability.SERVICES)
def an_unknown_service_fails_the_record(bench: Workbench) -> None:
    """A call of a service that there is not is a `ServiceNotFoundError` in the function."""
    env = bench.environment()
    env.from_collection([1]).map(Calls, FORMS["through the context"]).sink(lambda record: None)

    error = bench.fail(env)

    expect_type(error.__cause__, ServiceNotFoundError, "the cause")


@promise(Capability.SERVICES, Capability.BACKGROUND_JOBS)
def cancelling_ends_the_services_of_the_job(bench: Workbench) -> None:
    """When `cancel_job` returns, the job's services are stopped."""
    calls: list[str] = []
    env = bench.environment()
    env.register_service("a", Noting, calls)
    env.from_source(lambda: None).sink(lambda record: None)
    job_id = env.submit()
    bench.until(lambda: "start" in calls, "the service has started")

    bench.jobs.cancel_job(job_id)

    expect_equal(calls[-2:], ["stop", "cleanup"], "the last calls")
    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")
