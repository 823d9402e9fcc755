"""The running tasks of the contract: a view of the jobs themselves.

Layer: jobs.
"""

from __future__ import annotations

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.lifecycle import TaskManager, TaskStatus
from sage_kernel_api.values import JobId, TaskId
from sage_kernel_default.jobs.job import Job
from sage_kernel_default.jobs.manager import LocalJobManager
from sage_kernel_default.lanes import TaskView

__all__ = ["LocalTaskManager"]


class LocalTaskManager(TaskManager):
    """Finds tasks and their counters."""

    def __init__(self, jobs: LocalJobManager) -> None:
        self._jobs = jobs

    def list_tasks(self, job_id: JobId) -> list[TaskStatus]:
        """Return one entry per task, upstream first, then by parallel index."""
        job = self._jobs.job(job_id)
        job.refresh()
        return [_status(job, task) for task in job.attempt.parts.tasks]

    def get_task_status(self, task_id: TaskId) -> TaskStatus:
        """Return a look at one task."""
        for job in self._jobs.jobs():
            for task in job.attempt.parts.tasks:
                if task.spec.id == task_id:
                    job.refresh()
                    return _status(job, task)
        raise JobNotFoundError(f"No job has a task {task_id!r}. See list_tasks(job_id).")


def _status(job: Job, task: TaskView) -> TaskStatus:
    spec, report = task.spec, task.report
    return TaskStatus(
        task_id=spec.id,
        job_id=job.id,
        steps=list(spec.group.steps),
        parallel_index=spec.index,
        lane=task.lane,
        state=report.state,
        records_in=report.records_in,
        records_out=report.records_out,
        busy_s=report.times.busy_s,
        idle_s=report.times.idle_s,
        blocked_s=report.times.blocked_s,
        queue_depth=report.queue_depth,
    )
