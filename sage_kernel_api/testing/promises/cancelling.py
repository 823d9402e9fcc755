"""Jobs that are ended early.

Layer: testing. Promises of `JobManager.cancel_job` and of `Capability.BACKGROUND_JOBS`.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sage_kernel_api.core.functions import (
    ProcessFunction,
    ProcessOutput,
    SinkFunction,
    SourceFunction,
)
from sage_kernel_api.errors import LeakedTaskError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.background import Held
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState

_CANCEL_S = 2.0


_BUSY_S = 4.0
"""What a busy machine may take on top: a promise in seconds is about kernels, not about load."""


class _Noting(SinkFunction[Any]):
    def __init__(self, calls: list[str]) -> None:
        super().__init__()
        self.calls = calls

    def open(self) -> None:
        self.calls.append("open")

    def execute(self, data: Any) -> None:
        if "record" not in self.calls:
            self.calls.append("record")

    def close(self) -> None:
        self.calls.append("close")


@promise(Capability.BACKGROUND_JOBS)
def cancelling_closes_the_functions(bench: Workbench) -> None:
    """`cancel_job` returns True once the functions are closed, within 2 s; the job is CANCELLED."""
    calls: list[str] = []
    env = bench.environment()
    env.from_source(lambda: 1).sink(_Noting, calls)
    job_id = env.submit()
    bench.until(lambda: "record" in calls, "the first record")

    began_s = time.monotonic()
    cancelled = bench.jobs.cancel_job(job_id)
    elapsed_s = time.monotonic() - began_s

    expect_equal((cancelled, calls), (True, ["open", "record", "close"]), "cancel_job, and calls")
    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")
    expect(elapsed_s < _CANCEL_S + _BUSY_S, f"cancelling took {elapsed_s:.1f} s")


@promise(Capability.BACKGROUND_JOBS)
def a_cancelled_job_stays_cancelled(bench: Workbench) -> None:
    """A second `cancel_job` returns False; waiting returns the state; there is no exception."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.jobs.cancel_job(job_id)

    expect_equal(bench.jobs.cancel_job(job_id), False, "the second cancel_job")
    status = bench.wait(job_id)
    expect_equal((status["state"], "exception" in status), (JobState.CANCELLED, False), "status")
    expect_equal(bench.jobs.delete_job(job_id), True, "delete_job")


@promise(Capability.BACKGROUND_JOBS)
def a_cancelled_job_wakes_who_waits(bench: Workbench) -> None:
    """`wait_job` in another thread returns when the job is cancelled."""
    held = Held(bench)
    job_id = held.env.submit()

    with bench.beside(lambda: bench.wait(job_id)) as waited:
        bench.jobs.cancel_job(job_id)

    expect_equal(waited[0]["state"], JobState.CANCELLED, "the state")


@promise(Capability.BACKGROUND_JOBS)
def a_function_is_told_to_stop(bench: Workbench) -> None:
    """`should_stop` becomes True when the job is cancelled, so that long loops can end."""
    inside = threading.Event()

    class Loops(SinkFunction[int]):
        def execute(self, data: int) -> None:
            inside.set()
            while not self.ctx.should_stop():
                time.sleep(0.001)

    env = bench.environment()
    env.from_collection([1]).sink(Loops)
    job_id = env.submit()
    bench.await_event(inside, "the record")

    expect_equal(bench.jobs.cancel_job(job_id), True, "cancel_job")


@promise(Capability.BACKGROUND_JOBS)
def a_function_that_does_not_return_is_named(bench: Workbench) -> None:
    """`cancel_job` raises `LeakedTaskError` with the step's name; the job is CANCELLED."""
    inside, release = threading.Event(), threading.Event()

    def hang(data: int) -> None:
        inside.set()
        release.wait(30)

    env = bench.environment()
    env.from_collection([1]).sink(hang, name="hangs")
    job_id = env.submit()
    bench.await_event(inside, "the record")

    try:
        error = expect_error(LeakedTaskError, bench.jobs.cancel_job, job_id)
        state = bench.jobs.get_job_status(job_id)["state"]
    finally:
        release.set()

    expect("hangs" in str(error), f"the message does not name the step: {error}")
    expect_equal(state, JobState.CANCELLED, "the state")


@promise(Capability.BACKGROUND_JOBS)
def a_cancelled_step_does_not_finish(bench: Workbench) -> None:
    """`finish` is for inputs that ended by themselves; a cancelled job closes only."""
    finished: list[str] = []

    class Last(SinkFunction[int]):
        def execute(self, data: int) -> None:
            return None

    class Source(SourceFunction[int]):
        def execute(self) -> None:
            return None

    env = bench.environment()
    stream = env.from_source(Source)
    stream.process(_finishing(finished)).sink(Last)
    job_id = env.submit()
    bench.jobs.cancel_job(job_id)

    expect_equal(finished, [], "calls of finish")


@promise(Capability.BACKGROUND_JOBS)
def shutdown_cancels_what_runs(bench: Workbench) -> None:
    """`shutdown` cancels all jobs; their status stays readable."""
    calls: list[str] = []
    env = bench.environment()
    env.from_source(lambda: 1).sink(_Noting, calls)
    job_id = env.submit()
    bench.until(lambda: "record" in calls, "the first record")

    bench.kernel.shutdown()

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")
    expect_equal(calls[-1], "close", "the last call of the function")


def _finishing(finished: list[str]) -> Any:
    class Finishing(ProcessFunction[Any, Any]):
        def process(self, value: Any, out: ProcessOutput[Any]) -> None:
            out.collect(value)

        def finish(self, out: ProcessOutput[Any]) -> None:
            finished.append("finish")

    return Finishing
