"""The running tasks, and what they tell.

Layer: testing. Promises of `TaskManager`.
"""

from __future__ import annotations

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.kernel_facade import SupportsTasks
from sage_kernel_api.lifecycle import TaskManager, TaskStatus
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
)
from sage_kernel_api.testing.promises.background import held_job
from sage_kernel_api.testing.promises.jobs import NOBODY
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobId, TaskId

_STATES = ("created", "running", "done", "failed")


@promise(Capability.TASKS)
def the_task_manager_has_its_signatures(bench: Workbench) -> None:
    """`task_manager` is there, the same object each time, with the members of `TaskManager`."""
    expect_equal(list(compare_members(bench.kernel, SupportsTasks)), [], "the face")
    expect_equal(list(compare_members(bench.tasks, TaskManager)), [], "the manager")
    expect_same(bench.tasks, bench.tasks, "the manager at a second look")


@promise(Capability.TASKS)
def every_step_is_in_a_task(bench: Workbench) -> None:
    """The tasks of a job together run each of its steps, upstream first."""
    job_id = _run_three_steps(bench)

    tasks = bench.tasks.list_tasks(job_id)

    steps = [step for task in tasks for step in task["steps"]]
    expect_equal(steps, ["read", "same", "take"], "the steps of all tasks")
    expect_equal({task["job_id"] for task in tasks}, {job_id}, "the job of the tasks")


@promise(Capability.TASKS)
def a_task_is_found_by_its_id(bench: Workbench) -> None:
    """`get_task_status` returns the task that `list_tasks` showed; ids differ."""
    tasks = bench.tasks.list_tasks(_run_three_steps(bench))

    ids = [task["task_id"] for task in tasks]
    expect_equal(len(set(ids)), len(ids), "the number of different ids")
    for task in tasks:
        expect_equal(bench.tasks.get_task_status(task["task_id"]), task, "the task")


@promise(Capability.TASKS)
def a_task_tells_what_it_did(bench: Workbench) -> None:
    """Counters and times are there; the tasks of a finished job are done."""
    tasks = bench.tasks.list_tasks(_run_three_steps(bench))

    for task in tasks:
        expect_equal(sorted(task), sorted(TaskStatus.__annotations__), "the entries")
        expect_equal((task["state"], task["queue_depth"]), ("done", 0), "state and waiting records")
        expect(min(task["busy_s"], task["idle_s"], task["blocked_s"]) >= 0, "a time is negative")
        expect(task["lane"] != "", "the lane has no name")
    read = next(task for task in tasks if "read" in task["steps"])
    expect_equal(read["records_in"], 100, "records taken from the source")


@promise(Capability.TASKS)
def tasks_of_a_running_job_can_be_seen(bench: Workbench) -> None:
    """Looking never waits for a task, also while the job runs."""
    with held_job(bench) as (_, job_id):
        tasks = bench.tasks.list_tasks(job_id)

        expect(tasks != [], "a running job has no tasks")
        expect(all(task["state"] in _STATES for task in tasks), "a state is unknown")


@promise(Capability.TASKS)
def an_unknown_task_is_not_found(bench: Workbench) -> None:
    """Unknown jobs and tasks raise `JobNotFoundError`."""
    expect_error(JobNotFoundError, bench.tasks.list_tasks, NOBODY)
    expect_error(JobNotFoundError, bench.tasks.get_task_status, TaskId("nobody"))


@promise(Capability.TASKS)
def tasks_of_a_deleted_job_are_forgotten(bench: Workbench) -> None:
    """A deleted job takes its tasks along."""
    job_id = _run_three_steps(bench)
    task_id = bench.tasks.list_tasks(job_id)[0]["task_id"]
    bench.jobs.delete_job(job_id)

    expect_error(JobNotFoundError, bench.tasks.list_tasks, job_id)
    expect_error(JobNotFoundError, bench.tasks.get_task_status, task_id)


@promise(Capability.TASKS, Capability.PARALLELISM)
def every_instance_has_its_task(bench: Workbench) -> None:
    """A step with three instances is in three tasks, by parallel index."""
    env = bench.environment()
    stream = env.from_collection(range(30), name="read").map(abs, parallelism=3, name="wide")
    stream.sink(lambda record: None, name="take", parallelism=1)
    job_id = bench.finish(env)["job_id"]

    wide = [task for task in bench.tasks.list_tasks(job_id) if "wide" in task["steps"]]

    expect_equal([task["parallel_index"] for task in wide], [0, 1, 2], "the indexes")


def _run_three_steps(bench: Workbench) -> JobId:
    env = bench.environment()
    stream = env.from_collection(range(100), name="read").map(lambda x: x, name="same")
    stream.sink(lambda record: None, name="take")
    return bench.finish(env)["job_id"]
