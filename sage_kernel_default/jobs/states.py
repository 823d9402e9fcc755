"""The legal moves of a job, in one table.

Layer: jobs. Pure.
"""

from __future__ import annotations

from typing import Final

from sage_kernel_api.errors import JobStateError
from sage_kernel_api.values import JobState

__all__ = ["MOVES", "check_move"]

_ENDS: Final = frozenset({JobState.FINISHED, JobState.FAILED, JobState.CANCELLED})

MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    # Finished at once: a job with checkpoints whose end is stored already.
    JobState.CREATED: _ENDS | {JobState.RUNNING},
    JobState.RUNNING: _ENDS | {JobState.PAUSED, JobState.RESTARTING},
    JobState.PAUSED: _ENDS | {JobState.RUNNING, JobState.RESTARTING},
    JobState.RESTARTING: frozenset({JobState.RUNNING, JobState.FAILED, JobState.CANCELLED}),
    JobState.FINISHED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""From each state to those that may follow. An end is final."""


def check_move(job_id: str, now: JobState, then: JobState) -> None:
    """Refuse a move that the table does not have.

    Raises:
        JobStateError: It is not legal; nothing changed.
    """
    if then not in MOVES[now]:
        error = JobStateError(f"Job {job_id!r} is {now}; it cannot become {then}.")
        error.job_id = job_id
        raise error
