"""What is opened is closed, whatever fails.

Layer: testing. Promises of `Runnable`, looked at below the core.
"""

from __future__ import annotations

from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same, expect_type
from sage_kernel_api.testing.plain_pipelines import PlainStep
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.promises.plain_runs import (
    finish,
    giving,
    noted,
    run,
    sending,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobState, Payload


@promise(Profile.DELIVERY)
def a_step_that_fails_to_open_is_closed(bench: Workbench) -> None:
    """`close` is called if `open` was, also when that raised; `finish` is not."""
    calls: list[str] = []

    class Fails(PlainStep):
        def open(self) -> None:
            calls.append("open")
            raise ValueError("no")

        def finish(self) -> None:
            calls.append("finish")

        def close(self) -> None:
            calls.append("close")

    status = run(bench, giving(1), Fails)

    expect_equal((status["state"], calls), (JobState.FAILED, ["open", "close"]), "the failed step")


@promise(Profile.DELIVERY)
def everything_opened_is_closed_after_a_failure(bench: Workbench) -> None:
    """When one step fails, all that were opened are closed, once, and none is finished."""
    calls: list[str] = []

    class Fails(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            raise ValueError("no")

    status = run(bench, giving(1), sending("b", calls.append), Fails, noted("d", calls.append))

    expect_equal(status["state"], JobState.FAILED, "the state")
    expect_equal(
        sorted(call for call in calls if "close" in call or "finish" in call),
        ["b close", "d close"],
        "finish and close of the other steps",
    )


@promise(Profile.DELIVERY)
def all_are_closed_although_one_close_fails(bench: Workbench) -> None:
    """A `close` that raises fails the job, and keeps nobody else from being closed."""
    calls: list[str] = []
    cause = ValueError("no")

    class Fails(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            self.context.send_data(data)

        def close(self) -> None:
            raise cause

    status = run(bench, giving(1), sending("b", calls.append), Fails, noted("d", calls.append))

    error = expect_type(status.get("exception"), StepError, "the exception of the job")
    expect_same(error.__cause__, cause, "the cause")
    closed = [call for call in calls if "close" in call]
    expect_equal(sorted(closed), ["b close", "d close"], "what was closed")


@promise(Profile.DELIVERY)
def functions_are_closed_when_waiting_returns(bench: Workbench) -> None:
    """When `wait_job` returns, all functions of the job are closed."""
    calls: list[str] = []

    for _ in range(20):
        finish(bench, giving(1), noted("b", calls.append))
        expect_equal(calls[-1], "b close", "the last call when wait_job returned")
