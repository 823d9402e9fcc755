"""What a kernel tells of a job.

Layer: values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NotRequired, TypedDict

from sage_kernel_api.values.ids import JobId

__all__ = ["TERMINAL_STATES", "EdgeStatus", "JobCheckpoints", "JobState", "JobStatus", "StepStatus"]


class JobState(StrEnum):
    """Where a job is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """True for the three states that a job never leaves."""
        return self in TERMINAL_STATES


TERMINAL_STATES: Final[frozenset[JobState]] = frozenset(
    {JobState.FINISHED, JobState.FAILED, JobState.CANCELLED}
)


class StepStatus(TypedDict):
    """Counters of one step, summed over its instances, in records since the job began.

    Kernels that do not measure times and depths leave these entries out. Steps that share a
    task share its times: each of them shows all of it.
    """

    records_in: int
    records_out: int
    skipped: int
    """Records dropped by the step's policy ``on_error="skip"``."""
    dead_lettered: int
    """Records handed to the dead-letter output."""
    retries: int
    """Repeated calls under the policy ``on_error="retry"``."""
    late: NotRequired[int]
    """Records that came too late for a window or join and had no output of their own: dropped.

    Only for steps that can drop records so.
    """
    busy_s: NotRequired[float]
    """Seconds in which its tasks worked."""
    idle_s: NotRequired[float]
    """Seconds in which its tasks waited for input."""
    blocked_s: NotRequired[float]
    """Seconds in which its tasks waited for room downstream: back-pressure."""
    queue_depth: NotRequired[int]
    """Records that wait in front of it now."""


class EdgeStatus(TypedDict):
    """The ledger of one edge: ``produced == consumed + dropped + dead_lettered + in_flight``."""

    upstream: str
    downstream: str
    produced: int
    consumed: int
    dropped: int
    dead_lettered: int
    in_flight: int


class JobCheckpoints(TypedDict):
    """The checkpoints of a job.

    Attributes:
        latest_epoch: The last complete one; None if there is none yet.
        restored_epoch: The one that the present attempt began with; None if it began anew.
        failed: How many of the present attempt were given up on.
        had_finished: The job had come to its end before it was submitted, so nothing was done.
    """

    latest_epoch: int | None
    restored_epoch: int | None
    failed: int
    had_finished: bool


class JobStatus(TypedDict):
    """One consistent look at a job.

    Attributes:
        job_id: As returned by ``submit_job``.
        name: The pipeline's name.
        state: A `JobState`.
        steps: Counters by step id. Kernels that do not count leave it empty.
        edges: One ledger per edge; empty for kernels that do not count.
        exception: Why it failed; present exactly in state FAILED.
        attempt: Which attempt this is, from 1; a job that is restarted after a failure has
            several. The counters are those of this one.
        checkpoints: Present for jobs that take checkpoints.
    """

    job_id: JobId
    name: str
    state: JobState
    steps: dict[str, StepStatus]
    edges: list[EdgeStatus]
    exception: NotRequired[BaseException]
    attempt: NotRequired[int]
    checkpoints: NotRequired[JobCheckpoints]
