"""Checkpoints of whole jobs: copies of what all their steps remember.

Knows jobs and their tasks; keeps nothing on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import NoReturn

from sage_kernel_api.errors import CapabilityError, CheckpointError, JobStateError
from sage_kernel_api.plugins import notify_checkpoint_completed
from sage_kernel_api.storage import CheckpointManager, CheckpointStatus
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.values import CheckpointId, JobId, JobState
from sage_kernel_mock.clock import ManualClock
from sage_kernel_mock.faults import Faults
from sage_kernel_mock.jobs import MockJobManager
from sage_kernel_mock.snapshot import StepSnapshot, take_snapshot
from sage_kernel_mock.task import Task

__all__ = ["MockCheckpointManager"]


class MockCheckpointManager(CheckpointManager):
    """The `CheckpointManager` of this kernel, for tests of code that asks for checkpoints.

    A checkpoint is what the steps of a running job remember at that moment, without the records
    on their way: it can be looked at, and begun with by a `StepHarness`. The kernel itself never
    begins a job with one, so it does not declare `Capability.CHECKPOINTS`.

    Thread use: the job's own, as from within its functions; or any, while a function waits.
    """

    def __init__(self, jobs: MockJobManager, faults: Faults, clock: ManualClock) -> None:
        self._jobs = jobs
        self._faults = faults
        self._clock = clock
        self._kept: dict[CheckpointId, tuple[CheckpointStatus, Mapping[str, StepSnapshot]]] = {}
        self._epochs: dict[JobId, int] = {}

    def trigger_checkpoint(self, job_id: JobId, *, timeout_s: float | None = None) -> CheckpointId:
        """Copy what the steps of a job remember now; that takes no time.

        Raises:
            JobNotFoundError: No such job.
            JobStateError: The job is not running.
            CheckpointError: A fault was planned (``faults.refuse_checkpoint``), or something
                cannot be stored. Nothing was kept.
        """
        state = self._jobs.get_job_status(job_id)["state"]
        if state is not JobState.RUNNING:
            raise JobStateError(f"Job {job_id!r} is {state}; checkpoints are of running jobs.")
        self._faults.strike(job_id, "create_checkpoint")
        copies = {
            task.context.facts.label: _copy_of(task)
            for task in self._jobs.tasks_of(job_id)
            if task.runnable is not None
        }
        epoch = self._epochs[job_id] = self._epochs.get(job_id, 0) + 1
        status = CheckpointStatus(
            checkpoint_id=CheckpointId(f"{job_id}@{epoch}"),
            job_id=job_id,
            epoch=epoch,
            size_bytes=0,
            completed_at_s=self._clock.now_s,
        )
        self._kept[status["checkpoint_id"]] = (status, copies)
        notify_checkpoint_completed("mock", status)
        return status["checkpoint_id"]

    def create_savepoint(
        self, job_id: JobId, path: str | PathLike[str], *, is_last: bool = False
    ) -> NoReturn:
        """Refuse: no other kernel could go on with the copies of this one.

        Raises:
            JobNotFoundError: No such job.
            CapabilityError: Always, otherwise.
        """
        self._jobs.get_job_status(job_id)
        raise CapabilityError("Kernel 'mock' writes no savepoints. Choose one that declares them.")

    def list_checkpoints(self, job_id: JobId) -> list[CheckpointStatus]:
        """Return the checkpoints of a job, oldest first.

        Raises:
            JobNotFoundError: No such job.
        """
        self._jobs.get_job_status(job_id)
        return [status for status, _ in self._kept.values() if status["job_id"] == job_id]

    def delete_checkpoint(self, checkpoint_id: CheckpointId) -> bool:
        """Forget one.

        Raises:
            CheckpointError: It is the latest of a job that has not ended; nothing changed.
        """
        if checkpoint_id not in self._kept:
            return False
        status, _ = self._kept[checkpoint_id]
        job_id = status["job_id"]
        is_latest = status["epoch"] == self.list_checkpoints(job_id)[-1]["epoch"]
        if is_latest and not self._jobs.get_job_status(job_id)["state"].is_terminal:
            raise CheckpointError(f"{checkpoint_id!r} is the latest one of a job that runs.")
        del self._kept[checkpoint_id]
        return True

    def contents(self, checkpoint_id: CheckpointId) -> Mapping[str, StepSnapshot]:
        """Return what a checkpoint has, by step: ``count``, or ``count[2]`` for one of several.

        Raises:
            CheckpointError: There is no such checkpoint.
        """
        if checkpoint_id not in self._kept:
            known = ", ".join(self._kept) or "none"
            raise CheckpointError(f"There is no checkpoint {checkpoint_id!r}. There are: {known}.")
        return self._kept[checkpoint_id][1]


def _copy_of(task: Task) -> StepSnapshot:
    try:
        return take_snapshot(task.opened(), task.context, ValueCodec())
    except Exception as error:
        problem = f"Step {task.step['id']!r} has something that cannot be stored: {error}"
        raise CheckpointError(problem) from error
