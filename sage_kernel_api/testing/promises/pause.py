"""Jobs that stand still and go on.

Layer: testing. Promises of `PausableJobManager`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count

from sage_kernel_api.errors import JobNotFoundError, JobStateError, WaitTimeoutError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.background import Held
from sage_kernel_api.testing.promises.jobs import NOBODY, simple
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobId, JobState, StopSignal

_MOVES: dict[str, Callable[[Workbench, JobId], bool]] = {
    "pause_job": lambda bench, job_id: bench.pausable.pause_job(job_id),
    "resume_job": lambda bench, job_id: bench.pausable.resume_job(job_id),
}


@promise(Capability.PAUSE)
def a_job_is_paused_and_resumed(bench: Workbench) -> None:
    """`pause_job` and `resume_job` return True where they change something, False where not."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.await_event(held.came, "the first record")
    pausable = bench.pausable

    states: list[object] = []
    for move in (pausable.pause_job, pausable.pause_job, pausable.resume_job, pausable.resume_job):
        states.extend([move(job_id), bench.jobs.get_job_status(job_id)["state"]])
    held.release.set()
    bench.wait(job_id)

    paused, running = JobState.PAUSED, JobState.RUNNING
    expect_equal(states, [True, paused, False, paused, True, running, False, running], "the moves")


@promise(Capability.PAUSE)
def nothing_moves_while_paused_and_nothing_is_lost(bench: Workbench) -> None:
    """A paused job reads and processes nothing; resumed, it has every record."""
    total = 30_000
    numbers = count()
    got: list[int] = []
    env = bench.environment()

    def ask() -> int | StopSignal:
        number = next(numbers)
        return number if number < total else StopSignal()

    env.from_source(ask).map(lambda x: x).sink(got.append)
    job_id = env.submit()
    bench.until(lambda: got, "the first record")
    was_paused = _pause_if_it_runs(bench, job_id)
    still = bench.until_still(lambda: len(got))
    moved_on = bench.until_still(lambda: len(got))
    if was_paused:
        bench.pausable.resume_job(job_id)
    bench.wait(job_id)

    expect_equal(moved_on, still, "records processed while paused")
    expect_equal(got, list(range(total)), "the records")


@promise(Capability.PAUSE)
def an_endless_job_stands_still(bench: Workbench) -> None:
    """After `pause_job`, the source is not asked any more, and asked again after `resume_job`."""
    asked = count()
    position = [0]

    def ask() -> int:
        position[0] = number = next(asked)
        return number

    env = bench.environment()
    env.from_source(ask).sink(lambda record: None)
    job_id = env.submit()
    bench.until(lambda: position[0] > 10, "the source is asked")
    bench.pausable.pause_job(job_id)
    still = bench.until_still(lambda: position[0])
    later = bench.until_still(lambda: position[0])
    bench.pausable.resume_job(job_id)
    bench.until(lambda: position[0] > later, "the source is asked again")
    bench.jobs.cancel_job(job_id)

    expect_equal(later, still, "looks at the source while paused")


@promise(Capability.PAUSE)
def a_paused_job_has_not_ended(bench: Workbench) -> None:
    """Waiting for a paused job runs into the timeout; it cannot be deleted."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.await_event(held.came, "the first record")
    bench.pausable.pause_job(job_id)
    held.release.set()

    expect_error(WaitTimeoutError, bench.jobs.wait_job, job_id, 0.05)
    expect_error(JobStateError, bench.jobs.delete_job, job_id)
    bench.pausable.resume_job(job_id)

    expect_equal(bench.wait(job_id)["state"], JobState.FINISHED, "the state")


@promise(Capability.PAUSE)
def a_paused_job_can_be_cancelled(bench: Workbench) -> None:
    """`cancel_job` ends a paused job as any other."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.await_event(held.came, "the first record")
    bench.pausable.pause_job(job_id)

    expect_equal(bench.jobs.cancel_job(job_id), True, "cancel_job")
    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")


@promise(Capability.PAUSE)
def a_paused_job_does_not_hang_the_shutdown(bench: Workbench) -> None:
    """`shutdown` ends paused jobs, too."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.await_event(held.came, "the first record")
    bench.pausable.pause_job(job_id)

    bench.kernel.shutdown()

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.CANCELLED, "the state")


@promise(Capability.PAUSE)
def pausing_one_job_leaves_the_others(bench: Workbench) -> None:
    """Other jobs run while one is paused."""
    held = Held(bench)
    job_id = held.env.submit()
    bench.await_event(held.came, "the first record")
    bench.pausable.pause_job(job_id)

    status = bench.run(simple(bench))
    bench.jobs.cancel_job(job_id)

    expect_equal(status["state"], JobState.FINISHED, "the other job's state")


@promise(Capability.PAUSE, variants=_MOVES)
def an_ended_job_cannot_be_moved(
    bench: Workbench, move: Callable[[Workbench, JobId], bool]
) -> None:
    """`pause_job` and `resume_job` raise `JobStateError` after the job's end."""
    job_id = bench.run(simple(bench))["job_id"]

    expect_error(JobStateError, move, bench, job_id)

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "the state")


@promise(Capability.PAUSE, variants=_MOVES)
def an_unknown_job_cannot_be_moved(
    bench: Workbench, move: Callable[[Workbench, JobId], bool]
) -> None:
    """`pause_job` and `resume_job` raise `JobNotFoundError` for a job that there is not."""
    expect_error(JobNotFoundError, move, bench, NOBODY)


@promise(Capability.PAUSE)
def a_job_may_be_paused_many_times(bench: Workbench) -> None:
    """Pausing and resuming again and again loses nothing."""
    got: list[int] = []
    gate = threading.Event()
    env = bench.environment()

    def take(record: int) -> None:
        got.append(record)
        gate.set()

    env.from_collection(range(50_000)).map(lambda x: x).sink(take)
    job_id = env.submit()
    bench.await_event(gate, "the first record")
    for _ in range(20):
        if _pause_if_it_runs(bench, job_id):
            bench.pausable.resume_job(job_id)
    bench.wait(job_id)

    expect(len(got) == 50_000, f"{len(got)} records came, expected 50000")
    expect_equal(got, list(range(50_000)), "the records")


def _pause_if_it_runs(bench: Workbench, job_id: JobId) -> bool:
    """Pause a job, unless it was faster; a fast kernel must not fail for that."""
    try:
        return bench.pausable.pause_job(job_id)
    except JobStateError:
        return False
