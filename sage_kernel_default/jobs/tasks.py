"""The running tasks of the contract: a view of the jobs themselves.

Layer: jobs.
"""

from __future__ import annotations

from collections.abc import Mapping

from sage_kernel_api.errors import JobNotFoundError
from sage_kernel_api.lifecycle import TaskManager, TaskStatus
from sage_kernel_api.values import JobId, TaskId
from sage_kernel_default.graph import ChannelSpec
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
        depths = job.depths()
        return [_status(job, task, depths) for task in job.attempt.parts.tasks]

    def get_task_status(self, task_id: TaskId) -> TaskStatus:
        """Return a look at one task."""
        for job in self._jobs.jobs():
            for task in job.attempt.parts.tasks:
                if task.spec.id == task_id:
                    return _status(job, task, job.depths())
        raise JobNotFoundError(f"No job has a task {task_id!r}. See list_tasks(job_id).")


def _status(job: Job, task: TaskView, depths: Mapping[ChannelSpec, int]) -> TaskStatus:
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
        queue_depth=sum(depths.get(channel, 0) for channel in spec.inputs),
    )
