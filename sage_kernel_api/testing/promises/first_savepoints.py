"""Savepoints beside a running job: begun with, harmless, whole or not there.

Layer: testing. Promises of `CheckpointManager.create_savepoint`.
"""

from __future__ import annotations

from sage_kernel_api.errors import CheckpointError, JobNotFoundError, JobStateError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.checkpoints import NEVER_S, Job
from sage_kernel_api.testing.promises.jobs import NOBODY, simple
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


@promise(Capability.SAVEPOINTS)
def a_new_job_begins_with_a_savepoint(bench: Workbench) -> None:
    """A job of another checkpoint directory goes on where the savepoint was taken."""
    path = bench.folder / "one.savepoint"
    job = Job(bench)
    job_id = job.submit_and_hold(bench)
    bench.checkpoints.create_savepoint(job_id, path)
    bench.jobs.cancel_job(job_id)

    again = Job(bench)
    again.env.enable_checkpointing(NEVER_S, str(bench.folder / "elsewhere"))
    again.gate.set()
    job_id = again.env.submit(restore_from=path)
    status = bench.wait(job_id)

    expect_equal(status["state"], JobState.FINISHED, "the state")
    expect_equal(again.got, [(x, x // 5 + 1) for x in range(50, 100)], "the records")


@promise(Capability.SAVEPOINTS)
def a_savepoint_disturbs_nobody(bench: Workbench) -> None:
    """The job runs on after it, with all its records."""
    job = Job(bench)
    job_id = job.submit_and_hold(bench)
    bench.checkpoints.create_savepoint(job_id, bench.folder / "one.savepoint")
    job.gate.set()
    bench.wait(job_id)

    expect_equal(job.got, [(x, x // 5 + 1) for x in range(100)], "the records")


@promise(Capability.SAVEPOINTS)
def a_savepoint_does_not_overwrite(bench: Workbench) -> None:
    """A file that exists is refused with `CheckpointError`, and stays what it was."""
    path = bench.folder / "mine.txt"
    path.write_text("mine", encoding="utf-8")
    job = Job(bench)
    job_id = job.submit_and_hold(bench)

    expect_error(CheckpointError, bench.checkpoints.create_savepoint, job_id, path)

    job.gate.set()
    bench.wait(job_id)
    expect_equal(path.read_text(encoding="utf-8"), "mine", "the file")


@promise(Capability.SAVEPOINTS)
def nothing_is_left_of_a_failed_savepoint(bench: Workbench) -> None:
    """Unknown and ended jobs are refused, and nothing is left at the path."""
    path = bench.folder / "none.savepoint"
    ended = bench.run(simple(bench))["job_id"]

    expect_error(JobNotFoundError, bench.checkpoints.create_savepoint, NOBODY, path)
    expect_error(JobStateError, bench.checkpoints.create_savepoint, ended, path)

    expect(not path.exists(), "there is a file")
