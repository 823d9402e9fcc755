"""Kernels that hide, change or invent failures."""

from __future__ import annotations

from typing import Any

from sage_kernel_api.errors import KernelError, StepError
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.values import Capability
from tests.conformance.wrong_kernels.faults import fault, mock_kernel, on_tasks
from tests.conformance.wrong_kernels.jobs import jobs


@fault(Profile.FAILURES)
def swallows_exceptions() -> Any:
    def spoil(task: Any) -> None:
        process = task._process

        def wrong(parcel: Any) -> Any:
            try:
                return process(parcel)
            except KernelError:
                return "dropped"

        task._process = wrong

    return on_tasks(spoil)


@fault(Profile.FAILURES)
def wraps_the_cause_once_more() -> Any:
    return _failing(lambda error: StepError(f"wrapped: {error}"))


@fault(Profile.FAILURES)
def forgets_the_step_of_a_failure() -> Any:
    def anonymous(error: Any) -> Any:
        error.step = ""
        return error

    return _failing(anonymous)


def _failing(change: Any) -> Any:
    kernel = mock_kernel()
    wait = kernel.job_manager.wait_job

    def wait_job(job_id: Any, timeout_s: float | None = None) -> Any:
        status = wait(job_id, timeout_s)
        if (error := status.get("exception")) is not None:
            changed = change(error)
            if changed is not error:
                changed.__cause__, changed.step = error, error.step
            status["exception"] = changed
        return status

    return jobs(kernel, wait_job=wait_job)


@fault(Profile.FAILURES)
def does_not_see_what_close_raises() -> Any:
    def spoil(task: Any) -> None:
        close = task.close

        def wrong() -> None:
            try:
                close()
            except KernelError:
                return

        task.close = wrong

    return on_tasks(spoil)


@fault(Capability.ERROR_POLICIES)
def tries_once_less_than_it_was_told() -> Any:
    def spoil(task: Any) -> None:
        policies = task.step.get("policies", {})
        if policies.get("retries"):
            task.step = {**task.step, "policies": {**policies, "retries": policies["retries"] - 1}}

    return on_tasks(spoil)


@fault(Capability.ERROR_POLICIES)
def skips_what_should_be_a_dead_letter() -> Any:
    def spoil(task: Any) -> None:
        policies = task.step.get("policies", {})
        if policies.get("on_error") == "dead_letter":
            task.step = {**task.step, "policies": {**policies, "on_error": "skip"}}

    return on_tasks(spoil)


@fault(Capability.ERROR_POLICIES)
def skips_without_counting() -> Any:
    kernel = mock_kernel()
    wait = kernel.job_manager.wait_job

    def wait_job(job_id: Any, timeout_s: float | None = None) -> Any:
        status = wait(job_id, timeout_s)
        for step in status["steps"].values():
            step["skipped"] = 0
        return status

    return jobs(kernel, wait_job=wait_job)
