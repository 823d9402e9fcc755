"""The tasks of all jobs, seen from outside."""

from __future__ import annotations

from typing import Literal

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.lifecycle import TaskStatus
from sage_kernel_api.values import JobId, TaskId
from sage_kernel_mock.jobs import MockJobManager
from sage_kernel_mock.task import Task

__all__ = ["MockTaskManager"]


class MockTaskManager:
    """The `TaskManager` of this kernel. Times are those of the manual clock."""

    def __init__(self, jobs: MockJobManager) -> None:
        self._jobs = jobs

    def list_tasks(self, job_id: JobId) -> list[TaskStatus]:
        """Return one entry per task, upstream first, then by parallel index.

        Raises:
            JobNotFoundError: No such job.
        """
        return [_status(job_id, task) for task in self._jobs.tasks_of(job_id)]

    def get_task_status(self, task_id: TaskId) -> TaskStatus:
        """Return a look at one task.

        Raises:
            JobNotFoundError: No job has such a task.
        """
        for job in self._jobs.list_jobs():
            for status in self.list_tasks(job["job_id"]):
                if status["task_id"] == task_id:
                    return status
        raise JobNotFoundError(f"No job has a task {task_id!r}. See list_tasks(job_id).")


def _status(job_id: JobId, task: Task) -> TaskStatus:
    index = task.context.facts.parallel_index
    return TaskStatus(
        task_id=TaskId(f"{job_id}/{task.step['id']}[{index}]"),
        job_id=job_id,
        steps=[task.step["id"]],
        parallel_index=index,
        lane="inline",
        state=_state_of(task),
        records_in=task.records_in,
        records_out=task.records_out,
        busy_s=task.busy_s,
        idle_s=0.0,
        blocked_s=0.0,
        queue_depth=task.queue_depth,
    )


def _state_of(task: Task) -> Literal["created", "running", "done", "failed"]:
    if task.has_failed:
        return "failed"
    if task.runnable is not None:
        return "running"
    return "done" if task.was_opened else "created"
