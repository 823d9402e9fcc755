"""Snapshots of whole jobs, and going on from them.

Layer: testing. Promises of `CheckpointManager`, `Capability.CHECKPOINTS` and `SAVEPOINTS`.
A second kernel stands for the program that is started again.
"""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.core.functions import (
    MapFunction,
    SourceFunction,
    ValueState,
)
from sage_kernel_api.errors import CheckpointError, JobNotFoundError, JobStateError
from sage_kernel_api.kernel_facade import SupportsCheckpoints
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.storage import CheckpointManager
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.jobs import NOBODY, simple
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, CheckpointId, JobState, StopSignal

NEVER_S = 3_600.0


class _Numbers(SourceFunction[int]):
    """0, 1, 2, ... and a stop at a gate, until that is opened; the position is its state."""

    __state_include__ = ("position",)

    def __init__(self, gate: threading.Event, hold_at: int, total: int) -> None:
        super().__init__()
        self.position = 0
        self.gate = gate
        self.hold_at = hold_at
        self.total = total

    def execute(self) -> int | StopSignal | None:
        if self.position >= self.total:
            return StopSignal()
        if self.position >= self.hold_at and not self.gate.is_set():
            return None
        self.position += 1
        return self.position - 1


class _Counts(MapFunction[int, tuple[int, int]]):
    seen = ValueState(0)

    def execute(self, data: int) -> tuple[int, int]:
        self.seen.set(self.seen.get() + 1)
        return data, self.seen.get()


class Job:
    """A job that stops half-way until its gate is opened, and counts each number by key."""

    def __init__(self, bench: Workbench, hold_at: int = 50, total: int = 100) -> None:
        self.gate: threading.Event = threading.Event()
        self.got: list[tuple[int, int]] = []
        self.env: Env = bench.environment("counts")
        self.env.enable_checkpointing(NEVER_S, str(bench.folder / "checkpoints"))
        numbers = self.env.from_source(_Numbers, self.gate, hold_at, total, uid="numbers")
        counts = numbers.keyby(lambda x: x % 5).map(_Counts, uid="counts", name="counts")
        counts.sink(self.got.append, uid="sink")
        self.hold_at = hold_at

    def submit_and_hold(self, bench: Workbench) -> Any:
        """Run up to the gate; return the id of the job."""
        job_id = self.env.submit()
        bench.until(lambda: len(self.got) >= self.hold_at, "the records before the gate")
        return job_id


@promise(Capability.CHECKPOINTS)
def the_checkpoint_manager_has_its_signatures(bench: Workbench) -> None:
    """`checkpoint_manager` is there, with the members of `CheckpointManager`."""
    expect_equal(list(compare_members(bench.kernel, SupportsCheckpoints)), [], "the face")
    expect_equal(list(compare_members(bench.checkpoints, CheckpointManager)), [], "the manager")


@promise(Capability.CHECKPOINTS)
def an_unknown_job_has_no_checkpoints(bench: Workbench) -> None:
    """`trigger_checkpoint` and `list_checkpoints` raise `JobNotFoundError`."""
    expect_error(JobNotFoundError, bench.checkpoints.trigger_checkpoint, NOBODY)
    expect_error(JobNotFoundError, bench.checkpoints.list_checkpoints, NOBODY)


@promise(Capability.CHECKPOINTS)
def an_ended_job_takes_no_checkpoint(bench: Workbench) -> None:
    """`trigger_checkpoint` raises `JobStateError` for a job that is not running."""
    job_id = bench.run(simple(bench))["job_id"]

    expect_error(JobStateError, bench.checkpoints.trigger_checkpoint, job_id)


@promise(Capability.CHECKPOINTS)
def an_unknown_checkpoint_is_not_deleted(bench: Workbench) -> None:
    """`delete_checkpoint` returns False if there was none."""
    expect_equal(bench.checkpoints.delete_checkpoint(CheckpointId("none")), False, "delete")


@promise(Capability.CHECKPOINTS)
def a_checkpoint_is_listed_once_it_is_complete(bench: Workbench) -> None:
    """`trigger_checkpoint` returns an id that `list_checkpoints` shows; later epochs are larger."""
    job = Job(bench)
    job_id = job.submit_and_hold(bench)

    first = bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    epoch = _latest(bench, job_id, first)
    second = bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    later = _latest(bench, job_id, second)
    job.gate.set()
    bench.wait(job_id)

    expect(first != second, f"two checkpoints have the id {first!r}")
    expect(0 < epoch < later, f"the epochs are {epoch} and {later}")


@promise(Capability.CHECKPOINTS)
def the_latest_of_a_live_job_is_not_deleted(bench: Workbench) -> None:
    """`delete_checkpoint` raises `CheckpointError`; nothing changed."""
    job = Job(bench)
    job_id = job.submit_and_hold(bench)
    latest = bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)

    expect_error(CheckpointError, bench.checkpoints.delete_checkpoint, latest)

    _latest(bench, job_id, latest)
    job.gate.set()
    bench.wait(job_id)


@promise(Capability.CHECKPOINTS)
def checkpoints_do_not_change_the_results(bench: Workbench) -> None:
    """A job with checkpoints has the records of one without."""
    job = Job(bench)
    job_id = job.submit_and_hold(bench)
    for _ in range(3):
        bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    job.gate.set()
    status = bench.wait(job_id)

    expect_equal(status["state"], JobState.FINISHED, "the state")
    expect_equal(job.got, [(x, x // 5 + 1) for x in range(100)], "the records")


@promise(Capability.CHECKPOINTS)
def a_cancelled_job_goes_on_from_its_checkpoint(bench: Workbench) -> None:
    """The same program, started again, has source position and state of the checkpoint."""
    job = Job(bench)
    job_id = job.submit_and_hold(bench)
    bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s)
    bench.jobs.cancel_job(job_id)

    again = Job(bench)
    again.gate.set()
    bench.finish(again.env)

    expect_equal(again.got, [(x, x // 5 + 1) for x in range(50, 100)], "the records")


@promise(Capability.CHECKPOINTS)
def a_finished_job_is_not_done_again(bench: Workbench) -> None:
    """Started again, a program whose job had ended by itself does nothing, and is finished."""
    job = Job(bench)
    job.gate.set()
    bench.finish(job.env)

    again = Job(bench)
    again.gate.set()
    status = bench.finish(again.env)

    expect_equal((status["state"], again.got), (JobState.FINISHED, []), "the second run")


@promise(Capability.CHECKPOINTS)
def a_job_without_checkpoints_refuses_to_take_one(bench: Workbench) -> None:
    """Where nobody enabled checkpoints, `trigger_checkpoint` raises `CheckpointError`."""
    env = bench.environment()
    env.from_source(lambda: None).sink(lambda record: None)
    job_id = env.submit()

    expect_error(CheckpointError, bench.checkpoints.trigger_checkpoint, job_id)

    bench.jobs.cancel_job(job_id)


def _latest(bench: Workbench, job_id: Any, checkpoint_id: CheckpointId) -> int:
    """Return the epoch of the latest checkpoint, which must be this one."""
    listed = bench.checkpoints.list_checkpoints(job_id)
    expect_equal([one["checkpoint_id"] for one in listed][-1:], [checkpoint_id], "the latest one")
    expect_equal(listed[-1]["job_id"], job_id, "its job")
    expect(listed[-1]["size_bytes"] >= 0, "its size is negative")
    return listed[-1]["epoch"]
