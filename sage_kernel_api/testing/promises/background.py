"""Jobs that run while the program goes on: waiting, cancelling, full channels, endless sources.

Layer: testing. Promises of `Capability.BACKGROUND_JOBS` and `Capability.UNBOUNDED_SOURCES`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from sage_kernel_api.core.functions import (
    ProcessFunction,
    ProcessOutput,
    SinkFunction,
    SourceFunction,
)
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.errors import JobStateError, LeakedTaskError, WaitTimeoutError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.jobs import simple
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState, StopSignal

_CANCEL_S = 2.0
_BUSY_S = 4.0
"""What a busy machine may take on top: a promise in seconds is about kernels, not about load."""


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


@promise(Capability.BACKGROUND_JOBS)
def a_slow_sink_slows_its_source_and_loses_nothing(bench: Workbench) -> None:
    """A full receiver makes the sender wait: memory stays bounded, and every record arrives."""
    total = 60_000
    go = threading.Event()
    read = count()
    position = [0]
    got: list[int] = []

    def ask() -> int | StopSignal:
        position[0] = number = next(read)
        return number if number < total else StopSignal()

    def take(record: int) -> None:
        if not got:
            go.wait(bench.wait_s)
        got.append(record)

    env = bench.environment()
    stream = env.from_source(ask).rebalance()
    # Steps of their own, so that there are channels between source and sink.
    merged = stream.map(lambda x: x).union(env.from_collection([]))
    merged.sink(take)
    job_id = env.submit()
    waiting = bench.until_still(lambda: position[0])
    go.set()
    bench.wait(job_id)

    expect(waiting < total, f"the source had read all {total} records before the sink took one")
    expect_equal(got, list(range(total)), "the records")


@promise(Capability.BACKGROUND_JOBS, Capability.PARALLELISM)
def a_waiting_branch_does_not_lose_for_the_other(bench: Workbench) -> None:
    """Between parallel steps with full channels, no record is lost or doubled."""
    env = bench.environment()
    got: list[int] = []
    stream = env.from_collection(range(20_000)).map(abs, parallelism=2)
    slow = stream.map(abs, parallelism=3)

    def take(record: int) -> None:
        if len(got) % 5_000 == 0:
            time.sleep(0.01)
        got.append(record)

    slow.sink(take, parallelism=1)
    bench.finish(env)

    expect_equal(sorted(got), list(range(20_000)), "the records")


@promise(Capability.BACKGROUND_JOBS)
def a_job_that_fails_ends_its_endless_sources(bench: Workbench) -> None:
    """A failure in one step ends the whole job, whatever the other sources do."""
    env = bench.environment()
    env.from_source(lambda: None).sink(lambda record: None)
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)

    expect_equal(bench.run(env)["state"], JobState.FAILED, "the state")


@promise(Capability.UNBOUNDED_SOURCES)
def an_endless_source_gives_records_until_cancelled(bench: Workbench) -> None:
    """A source that never ends by itself feeds the job for as long as it lives."""
    numbers = count()
    env = bench.environment()

    got = env.from_source(lambda: next(numbers)).take(500)

    expect_equal(got, list(range(500)), "the first records")


@promise(Capability.UNBOUNDED_SOURCES)
def a_source_may_be_idle_for_long(bench: Workbench) -> None:
    """A source that has had nothing for thousands of looks is still asked, and heard."""
    answers: list[int] = []
    got = threading.Event()
    env = bench.environment()
    env.from_source(lambda: answers.pop() if answers else None).sink(lambda record: got.set())
    job_id = env.submit()
    time.sleep(0.05)
    answers.append(1)

    bench.await_event(got, "the record of the source that was idle")
    bench.jobs.cancel_job(job_id)


@promise(Capability.UNBOUNDED_SOURCES)
def a_bounded_source_is_not_held_up_by_an_endless_one(bench: Workbench) -> None:
    """The records of one source arrive while another one has nothing."""
    env = bench.environment()
    idle: DataStream[Any] = env.from_source(lambda: None, name="idle")

    got = idle.union(env.from_collection(range(10))).map(lambda x: x).take(10)

    expect_equal(got, list(range(10)), "the records")


def _finishing(finished: list[str]) -> Any:
    class Finishing(ProcessFunction[Any, Any]):
        def process(self, value: Any, out: ProcessOutput[Any]) -> None:
            out.collect(value)

        def finish(self, out: ProcessOutput[Any]) -> None:
            finished.append("finish")

    return Finishing
