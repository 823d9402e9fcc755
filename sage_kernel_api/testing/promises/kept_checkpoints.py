"""When checkpoints are taken, how many are kept, and what they must not do.

Layer: testing. Promises of `CheckpointConfig` and `CheckpointManager`.
"""

from __future__ import annotations

import threading
from typing import Any

from sage_kernel_api.core.functions import MapFunction, ValueState
from sage_kernel_api.errors import CheckpointError, JobStateError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    HELD,
    Tape,
    TapeSource,
    counted,
    counting,
    durable,
    finish,
    modulo_7,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import (
    expect,
    expect_equal,
    expect_error,
    expect_same,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


@promise(Capability.CHECKPOINTS)
def the_checkpoint_manager_is_the_same_object_each_time(bench: Workbench) -> None:
    """The property returns the same object each time."""
    expect_same(bench.checkpoints, bench.checkpoints, "checkpoint_manager")


@promise(Capability.CHECKPOINTS)
def checkpoints_are_taken_by_the_clock(bench: Workbench) -> None:
    """With an interval, nobody has to ask: the job takes them while it runs, in growing epochs."""
    tape, found = Tape(), list[Any]()
    env = bench.environment()
    env.enable_checkpointing(0.01, bench.folder / "checkpoints", retain=3)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    bench.until(lambda: len(bench.checkpoints.list_checkpoints(job_id)) == 3, "3 checkpoints")

    epochs = [one["epoch"] for one in bench.checkpoints.list_checkpoints(job_id)]
    finish(bench, env, tape)

    expect(epochs == sorted(set(epochs)), f"the epochs do not grow: {epochs}")
    expect_equal(found, counted(range(tape.end)), "the records")


@promise(Capability.CHECKPOINTS, variants={"by default": None, "retain=3": 3})
def as_many_are_kept_as_was_said(bench: Workbench, retain: int | None) -> None:
    """`list_checkpoints` has the latest of them, oldest first; one if nothing was said."""
    tape, found = Tape(), list[Any]()
    env = durable(bench) if retain is None else durable(bench, retain=retain)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    taken = [bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s) for _ in range(5)]

    listed = bench.checkpoints.list_checkpoints(job_id)
    finish(bench, env, tape)

    expect_equal([one["checkpoint_id"] for one in listed], taken[-(retain or 1) :], "the kept")
    times = [one["completed_at_s"] for one in listed]
    expect(times == sorted(times), f"they were completed at {times}")


@promise(Capability.CHECKPOINTS)
def an_older_checkpoint_is_deleted_once(bench: Workbench) -> None:
    """`delete_checkpoint` returns True, then False; the others stay."""
    tape, found = Tape(), list[Any]()
    env = durable(bench, retain=3)
    job_id = run_to(bench, counting(env, tape, found), tape, HELD)
    first, second, third = (
        bench.checkpoints.trigger_checkpoint(job_id, timeout_s=bench.wait_s) for _ in range(3)
    )

    deleted = [bench.checkpoints.delete_checkpoint(second) for _ in range(2)]
    left = [one["checkpoint_id"] for one in bench.checkpoints.list_checkpoints(job_id)]
    finish(bench, env, tape)

    expect_equal((deleted, left), ([True, False], [first, third]), "answers, and what is left")


@promise(Capability.CHECKPOINTS, Capability.PAUSE)
def a_paused_job_takes_no_checkpoint(bench: Workbench) -> None:
    """`trigger_checkpoint` raises `JobStateError` for it, and works again when it runs."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench), tape, found)
    job_id = run_to(bench, env, tape, HELD)
    bench.pausable.pause_job(job_id)

    expect_error(JobStateError, bench.checkpoints.trigger_checkpoint, job_id)

    bench.pausable.resume_job(job_id)
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)


class _Waits(MapFunction[int, int]):
    """Stands still in the middle of a record, until the test lets it go on."""

    def __init__(self, came: threading.Event, release: threading.Event) -> None:
        super().__init__()
        self.came = came
        self.release = release

    def execute(self, data: int) -> int:
        self.came.set()
        self.release.wait()
        return data


@promise(Capability.CHECKPOINTS)
def a_checkpoint_that_takes_too_long_harms_nobody(bench: Workbench) -> None:
    """After *timeout_s*, `CheckpointError`; the job goes on, and the next checkpoint works."""
    came, release = threading.Event(), threading.Event()
    tape, found = Tape(), list[Any]()
    env = durable(bench)
    numbers = env.from_source(TapeSource, tape, uid="tape").map(_Waits, came, release)
    numbers.sink(found.append)
    tape.let(HELD)
    job_id = env.submit()
    try:
        bench.await_event(came, "the first record")

        expect_error(CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=0.05)
        expect_equal(bench.checkpoints.list_checkpoints(job_id), [], "the checkpoints")
    finally:
        release.set()
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)
    expect_equal(found, [*range(tape.end)], "the records")


class _Holds(MapFunction[int, int]):
    lock: Any = ValueState[Any](None)

    def execute(self, data: int) -> int:
        self.lock.set(threading.Lock())
        return data


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def state_that_cannot_be_stored_fails_the_job(bench: Workbench) -> None:
    """A value that the format does not know is never left out silently: the job is FAILED."""
    tape = Tape()
    env = durable(bench)
    keyed = env.from_source(TapeSource, tape, uid="tape").keyby(modulo_7)
    keyed.map(_Holds, uid="holds").sink(lambda record: None)
    job_id = run_to(bench, env, tape, HELD)

    expect_error(
        CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=bench.wait_s
    )

    status = bench.wait(job_id)
    expect_equal(status["state"], JobState.FAILED, "the state")
    expect_equal(bench.checkpoints.list_checkpoints(job_id), [], "the checkpoints")
