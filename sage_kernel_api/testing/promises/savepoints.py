"""A job's whole state in one file that any kernel can read.

Layer: testing. Promises of `CheckpointManager.create_savepoint`, of ``restore_from`` and of
``docs/savepoints.md``. The files are read and written here by the published format alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_kernel_api.errors import (
    CheckpointError,
    JobStateError,
)
from sage_kernel_api.storage.savepoints import (
    open_savepoint,
)
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    counted,
    counting,
    durable,
    expect_counted,
    finish,
    numbers_of,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState


def stopped(bench: Workbench, tape: Tape, found: list[Any], parallelism: int = 1) -> Path:
    """Run the counting job as far as it is held, and stop it with a savepoint."""
    path = bench.folder / "held.savepoint"
    env = counting(durable(bench), tape, found, parallelism)
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=path)
    return path


@promise(
    Capability.SAVEPOINTS,
    Capability.KEYED_STATE,
    Capability.PARALLELISM,
    Capability.KEYED_ROUTING,
    variants={"1 to 1": (1, 1), "1 to 3": (1, 3), "3 to 2": (3, 2), "2 to 1": (2, 1)},
)
def a_stopped_job_goes_on_elsewhere(bench: Workbench, case: tuple[int, int]) -> None:
    """In another kernel, directory and number of instances: no gap and no repetition."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, found, case[0])
    bench.start_again()

    finish(bench, counting(durable(bench, "new"), tape, found, case[1]), tape, restore_from=path)

    expect_equal(tape.starts, [0, HELD], "where the jobs began to read")
    expect_counted(found, range(END))


@promise(Capability.SAVEPOINTS)
def a_job_is_stopped_by_its_savepoint(bench: Workbench) -> None:
    """After ``stop(savepoint=)`` the job is CANCELLED, and the file is there."""
    tape = Tape()
    env = counting(durable(bench), tape, [])
    run_to(bench, env, tape, HELD)

    env.stop(savepoint=bench.folder / "s")

    expect_equal(env.status()["state"], JobState.CANCELLED, "the state")
    expect(open_savepoint(bench.folder / "s").header.job == "durable", "it names another job")


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def checkpoints_of_its_own_come_first(bench: Workbench) -> None:
    """Started again with the same savepoint, a job does not go back behind its own checkpoint."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, found)
    env = counting(durable(bench, "new"), tape, found)
    take_checkpoint(bench, run_to(bench, env, tape, 60, restore_from=path))
    bench.start_again()

    finish(bench, counting(durable(bench, "new"), tape, found), tape, restore_from=path)

    expect_equal(tape.starts, [0, HELD, 60], "where the jobs began to read")
    expect_counted(found, range(END))


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def after_the_start_the_file_is_not_needed(bench: Workbench) -> None:
    """It becomes the first checkpoint of the job: a crash before the next one loses nothing."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, found)
    run_to(bench, counting(durable(bench, "new"), tape, []), tape, 60, restore_from=path)
    path.unlink()
    bench.start_again()

    finish(bench, counting(durable(bench, "new"), tape, found), tape)

    expect_equal(tape.starts, [0, HELD, HELD], "where the jobs began to read")
    expect_counted(found, range(END))


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def a_failure_after_the_start_goes_back_to_the_savepoint(bench: Workbench) -> None:
    """A restart within the new job begins with the savepoint, not from zero."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, found)
    tape.traps.append(HELD)

    env = counting(durable(bench, "new", restarts=1), tape, found)
    finish(bench, env, tape, restore_from=path)

    expect_equal(tape.starts, [0, HELD, HELD], "where the attempts began to read")
    expect_counted(found, range(END))


@promise(Capability.SAVEPOINTS)
def after_the_last_savepoint_no_checkpoint_is_taken(bench: Workbench) -> None:
    """With ``is_last``, `trigger_checkpoint` raises `CheckpointError`."""
    tape = Tape()
    env = counting(durable(bench), tape, [])
    job_id = run_to(bench, env, tape, HELD)
    bench.checkpoints.create_savepoint(job_id, bench.folder / "s", is_last=True)

    expect_error(
        CheckpointError, bench.checkpoints.trigger_checkpoint, job_id, timeout_s=bench.wait_s
    )

    env.cancel()


@promise(Capability.SAVEPOINTS)
def a_last_savepoint_that_fails_leaves_the_job_as_it_was(bench: Workbench) -> None:
    """Nothing is left at the path; checkpoints and records go on."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench), tape, found)
    job_id = run_to(bench, env, tape, HELD)
    nowhere = bench.folder / "no" / "folder"

    expect_error(CheckpointError, env.stop, savepoint=nowhere)

    expect(not nowhere.exists(), "something was left at the path")
    take_checkpoint(bench, job_id)
    finish(bench, env, tape)
    expect_equal(found, counted(range(END)), "the records")


def _without_counts(bench: Workbench, tape: Tape, found: list[Any]) -> Env:
    env = durable(bench, "new")
    numbers_of(env, tape).sink(found.append)
    return env


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def state_without_a_step_is_lost_only_by_name(bench: Workbench) -> None:
    """A pipeline that lacks a step with state is refused, unless its name allows the loss."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, [])

    env = _without_counts(bench, tape, found)
    error = expect_error(CheckpointError, env.submit, restore_from=path)
    expect("counts" in str(error), f"the message does not name the step: {error}")
    expect_error(CheckpointError, env.submit, restore_from=path, allow_dropped_state=["misspelt"])
    expect_equal(tape.starts, [0], "where jobs began to read")

    finish(bench, env, tape, restore_from=path, allow_dropped_state=["counts"])
    expect_equal(found, [*range(HELD, END)], "the records")


@promise(Capability.SAVEPOINTS, Capability.PAUSE)
def a_paused_job_writes_no_savepoint(bench: Workbench) -> None:
    """`JobStateError`; nothing is left at the path."""
    tape = Tape()
    env = counting(durable(bench), tape, [])
    job_id = run_to(bench, env, tape, HELD)
    bench.pausable.pause_job(job_id)

    expect_error(JobStateError, bench.checkpoints.create_savepoint, job_id, bench.folder / "s")

    expect(not (bench.folder / "s").exists(), "there is a file")
    env.cancel()
