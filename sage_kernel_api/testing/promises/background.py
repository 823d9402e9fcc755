"""Jobs that run while the program goes on: submitting, waiting, listing.

Layer: testing. Promises of `Capability.BACKGROUND_JOBS`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sage_kernel_api.errors import JobStateError, WaitTimeoutError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_error
from sage_kernel_api.testing.promises.jobs import simple
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState, StopSignal


class Held:
    """A job whose source gives one record and then waits until the test lets it end."""

    def __init__(self, bench: Workbench) -> None:
        self.came: threading.Event = threading.Event()
        self.release: threading.Event = threading.Event()
        self.env: Env = bench.environment("held")
        self._first = True
        self.env.from_source(self._next).sink(lambda record: self.came.set())

    def _next(self) -> int | StopSignal | None:
        if self._first:
            self._first = False
            return 1
        return StopSignal() if self.release.is_set() else None


@contextmanager
def held_job(bench: Workbench) -> Iterator[tuple[Held, Any]]:
    """Run a held job around the block; it ends with the block."""
    held = Held(bench)
    job_id = held.env.submit()
    try:
        bench.await_event(held.came, "the first record")
        yield held, job_id
    finally:
        held.release.set()
    bench.wait(job_id)


@promise(Capability.BACKGROUND_JOBS)
def submitting_returns_while_the_job_runs(bench: Workbench) -> None:
    """`submit_job` returns once the job is started; its state is RUNNING."""
    with held_job(bench) as (_, job_id):
        expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.RUNNING, "the state")

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "the last state")


@promise(Capability.BACKGROUND_JOBS, variants={"0 s": 0.0, "10 ms": 0.01})
def waiting_too_short_leaves_the_job_alone(bench: Workbench, timeout_s: float) -> None:
    """`wait_job` raises `WaitTimeoutError` when the time is over; the job goes on."""
    with held_job(bench) as (_, job_id):
        expect_error(WaitTimeoutError, bench.jobs.wait_job, job_id, timeout_s)

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "the last state")


@promise(Capability.BACKGROUND_JOBS)
def several_threads_may_wait(bench: Workbench) -> None:
    """Everybody who waits is woken by the end."""
    held = Held(bench)
    job_id = held.env.submit()

    with (
        bench.beside(lambda: bench.wait(job_id)) as first,
        bench.beside(lambda: bench.wait(job_id)) as second,
    ):
        held.release.set()

    expect_equal([first[0]["state"], second[0]["state"]], [JobState.FINISHED] * 2, "the states")


@promise(Capability.BACKGROUND_JOBS)
def a_running_job_cannot_be_deleted(bench: Workbench) -> None:
    """`delete_job` raises `JobStateError` for a job that has not ended; nothing changed."""
    with held_job(bench) as (_, job_id):
        expect_error(JobStateError, bench.jobs.delete_job, job_id)
        expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.RUNNING, "the state")


@promise(Capability.BACKGROUND_JOBS)
def two_jobs_run_side_by_side(bench: Workbench) -> None:
    """A job that waits keeps no other one from running."""
    with held_job(bench) as (_, held_id):
        status = bench.run(simple(bench))

        expect_equal(status["state"], JobState.FINISHED, "the other job's state")
        expect_equal(bench.jobs.get_job_status(held_id)["state"], JobState.RUNNING, "the held one")
        expect_equal(
            [job["job_id"] for job in bench.jobs.list_jobs()],
            [held_id, status["job_id"]],
            "list_jobs()",
        )


@promise(Capability.BACKGROUND_JOBS)
def many_jobs_at_once_keep_their_records_apart(bench: Workbench) -> None:
    """Jobs of one kernel share nothing."""
    got: list[list[int]] = [[] for _ in range(8)]
    ids = []
    for number, records in enumerate(got):
        env = bench.environment(f"job-{number}")
        env.from_collection([number] * 500).map(lambda x: x).sink(records.append)
        ids.append(env.submit())

    for job_id in ids:
        bench.wait(job_id)

    expect_equal(got, [[number] * 500 for number in range(8)], "the records of each job")


@promise(Capability.BACKGROUND_JOBS)
def a_job_that_fails_ends_its_endless_sources(bench: Workbench) -> None:
    """A failure in one step ends the whole job, whatever the other sources do."""
    env = bench.environment()
    env.from_source(lambda: None).sink(lambda record: None)
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")
