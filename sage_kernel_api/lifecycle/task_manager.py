"""Look at the running tasks of a job.

Layer: lifecycle. The seed names this module and leaves it empty; the interface is ours.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, Protocol, TypedDict

from sage_kernel_api.values import JobId, TaskId

__all__ = ["TaskManager", "TaskStatus"]


class TaskStatus(TypedDict):
    """One consistent look at a task.

    Attributes:
        task_id: Its id.
        job_id: The job it belongs to.
        steps: Ids of the steps in its chain, upstream first.
        parallel_index: Which instance of these steps it runs.
        lane: Where it runs, in the kernel's words (``thread``, ``process 4711``, ``inline``).
        state: ``created``, ``running``, ``done`` or ``failed``.
        records_in: Records taken from channels or sources since it began.
        records_out: Records handed to channels since it began.
        busy_s, idle_s, blocked_s: Seconds spent processing, waiting for input, and waiting for
            room downstream.
        queue_depth: Records waiting in its input channels now.
    """

    task_id: TaskId
    job_id: JobId
    steps: list[str]
    parallel_index: int
    lane: str
    state: Literal["created", "running", "done", "failed"]
    records_in: int
    records_out: int
    busy_s: float
    idle_s: float
    blocked_s: float
    queue_depth: int


class TaskManager(Protocol):
    """Find tasks and their counters. Any thread may use it; it never waits for a task."""

    @abstractmethod
    def list_tasks(self, job_id: JobId) -> list[TaskStatus]:
        """Return one entry per task, upstream first, then by parallel index.

        Raises:
            JobNotFoundError: No such job.
        """

    @abstractmethod
    def get_task_status(self, task_id: TaskId) -> TaskStatus:
        """Return a look at one task.

        Raises:
            JobNotFoundError: No job has such a task.
        """
