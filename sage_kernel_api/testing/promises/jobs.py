"""Jobs: ids, states, what is known of them after their end.

Layer: testing. Promises of `JobManager` that hold with and without jobs in the background.
"""

from __future__ import annotations

from collections.abc import Callable

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobId, JobState

NOBODY = JobId("nobody")
LOOKS: dict[str, Callable[[Workbench, JobId], object]] = {
    "get_job_status": lambda bench, job_id: bench.jobs.get_job_status(job_id),
    "wait_job": lambda bench, job_id: bench.jobs.wait_job(job_id, 1.0),
    "cancel_job": lambda bench, job_id: bench.jobs.cancel_job(job_id),
    "delete_job": lambda bench, job_id: bench.jobs.delete_job(job_id),
}


@promise(Profile.JOBS, variants=LOOKS)
def an_unknown_job_is_not_found(
    bench: Workbench, look: Callable[[Workbench, JobId], object]
) -> None:
    """Every question about a job that there is not raises `JobNotFoundError`."""
    bench.run(simple(bench))

    expect_error(JobNotFoundError, look, bench, NOBODY)


@promise(Profile.JOBS)
def every_submission_has_an_id_of_its_own(bench: Workbench) -> None:
    """Ids are text, and unique also for one pipeline submitted again and again."""
    env = simple(bench)

    ids = [bench.run(env)["job_id"] for _ in range(5)]

    expect(all(type(one) is str and one != "" for one in ids), f"the ids are {ids!r}")
    expect_equal(len(set(ids)), 5, "the number of different ids")


@promise(Profile.JOBS)
def a_finished_job_says_so(bench: Workbench) -> None:
    """The status has id, name and state; an exception only if the job failed."""
    status = bench.run(simple(bench, "shop"))

    expect_equal((status["name"], status["state"]), ("shop", JobState.FINISHED), "name and state")
    expect("exception" not in status, "a finished job has an exception")
    expect_equal(bench.jobs.get_job_status(status["job_id"]), status, "the status afterwards")


@promise(Profile.JOBS)
def waiting_for_an_ended_job_returns_at_once(bench: Workbench) -> None:
    """`wait_job` returns the last status, as often as it is asked, also with a timeout of 0."""
    job_id = bench.run(simple(bench))["job_id"]

    states = [bench.jobs.wait_job(job_id, timeout_s)["state"] for timeout_s in (None, 0.0, 5.0)]

    expect_equal(states, [JobState.FINISHED] * 3, "the states")


@promise(Profile.JOBS)
def a_failure_is_not_raised_by_submit_or_wait(bench: Workbench) -> None:
    """The status of a failed job says so, and carries the exception."""
    env = bench.environment()
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)

    job_id = env.submit()
    status = bench.wait(job_id)

    expect_equal(status["state"], JobState.FAILED, "the state")
    expect(isinstance(status.get("exception"), Exception), "the status has no exception")


@promise(Profile.JOBS)
def cancelling_an_ended_job_changes_nothing(bench: Workbench) -> None:
    """`cancel_job` returns False for a job that had ended; its state stays."""
    job_id = bench.run(simple(bench))["job_id"]

    expect_equal(bench.jobs.cancel_job(job_id), False, "cancel_job")

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "the state")


@promise(Profile.JOBS)
def cancelling_a_failed_job_leaves_it_failed(bench: Workbench) -> None:
    """There is one terminal state; it is not overwritten."""
    env = bench.environment()
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)
    job_id = bench.run(env)["job_id"]

    expect_equal(bench.jobs.cancel_job(job_id), False, "cancel_job")

    status = bench.jobs.get_job_status(job_id)
    expect_equal(status["state"], JobState.FAILED, "the state")
    expect("exception" in status, "the exception is gone")


@promise(Profile.JOBS)
def jobs_are_listed_in_the_order_of_submission(bench: Workbench) -> None:
    """`list_jobs` has one status per known job, oldest first."""
    ids = [bench.run(simple(bench, name))["job_id"] for name in ("z", "a", "m")]

    listed = bench.jobs.list_jobs()

    expect_equal([job["job_id"] for job in listed], ids, "the ids")
    expect_equal([job["name"] for job in listed], ["z", "a", "m"], "the names")


@promise(Profile.JOBS)
def a_new_kernel_has_no_jobs(bench: Workbench) -> None:
    """`list_jobs` is empty before the first submission."""
    expect_equal(bench.jobs.list_jobs(), [], "list_jobs()")


@promise(Profile.JOBS)
def a_deleted_job_is_forgotten(bench: Workbench) -> None:
    """`delete_job` returns True; afterwards the job is not found, and the others stay."""
    first = bench.run(simple(bench))["job_id"]
    second = bench.run(simple(bench))["job_id"]

    expect_equal(bench.jobs.delete_job(first), True, "delete_job")

    expect_error(JobNotFoundError, bench.jobs.get_job_status, first)
    expect_error(JobNotFoundError, bench.jobs.delete_job, first)
    expect_equal([job["job_id"] for job in bench.jobs.list_jobs()], [second], "the other jobs")


@promise(Profile.JOBS)
def ids_are_not_used_again(bench: Workbench) -> None:
    """A job submitted after one was deleted has another id."""
    first = bench.run(simple(bench))["job_id"]
    bench.jobs.delete_job(first)

    second = bench.run(simple(bench))["job_id"]

    expect(first != second, f"the id {first!r} was given twice")


@promise(Profile.JOBS)
def a_status_is_a_copy(bench: Workbench) -> None:
    """Changing a status changes nothing in the kernel."""
    job_id = bench.run(simple(bench))["job_id"]

    status = bench.jobs.get_job_status(job_id)
    status["state"] = JobState.FAILED
    bench.jobs.list_jobs().clear()

    expect_equal(bench.jobs.get_job_status(job_id)["state"], JobState.FINISHED, "the state")
    expect_equal(len(bench.jobs.list_jobs()), 1, "the number of jobs")


@promise(Profile.JOBS)
def a_job_starts_from_nothing(bench: Workbench) -> None:
    """Submitting a pipeline again runs it again, as the first time."""
    env = bench.environment()
    got: list[int] = []
    env.from_collection([1, 2]).keyby(lambda x: 0).reduce(lambda a, b: a + b).sink(got.append)

    bench.finish(env)
    bench.finish(env)

    expect_equal(got, [1, 3, 1, 3], "the records of both jobs")


@promise(Profile.JOBS)
def a_failed_job_does_not_harm_the_next(bench: Workbench) -> None:
    """After a failure the kernel runs other jobs as ever."""
    env = bench.environment()
    env.from_collection([0]).map(lambda x: 1 / x).sink(lambda record: None)
    bench.fail(env)

    expect_equal(bench.run(simple(bench))["state"], JobState.FINISHED, "the next job's state")


@promise(Profile.JOBS)
def jobs_can_be_started_from_other_threads(bench: Workbench) -> None:
    """Any thread may use the manager: a job of another thread can be waited for here."""
    with bench.beside(lambda: bench.run(simple(bench))["job_id"]) as ids:
        pass

    expect_equal(bench.jobs.wait_job(ids[0], 1.0)["state"], JobState.FINISHED, "the state")


@promise(Profile.JOBS)
def many_jobs_one_after_another_leave_nothing(bench: Workbench) -> None:
    """A kernel runs job after job; each has all its records."""
    totals: list[int] = []
    for size in range(30):
        env = bench.environment()
        got: list[int] = []
        env.from_collection(range(size)).sink(got.append)
        bench.finish(env)
        totals.append(len(got))

    expect_equal(totals, list(range(30)), "the number of records of each job")


@promise(Profile.JOBS, variants=[one.value for one in (Capability.SERVICES, Capability.STATE)],
         lacks=lambda name: Capability(name))  # fmt: skip
def a_kernel_that_lacks_a_part_still_runs_jobs(bench: Workbench, lacking: str) -> None:
    """What is not declared is not needed either: plain jobs run without it."""
    expect_equal(bench.run(simple(bench))["state"], JobState.FINISHED, "the state")


def simple(bench: Workbench, name: str = "job") -> Env:
    """Return a small pipeline that finishes."""
    env = bench.environment(name)
    env.from_collection([1, 2, 3]).map(lambda x: x + 1).sink(lambda record: None)
    return env
