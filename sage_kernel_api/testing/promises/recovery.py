"""Going on from a checkpoint: what comes back, in the same kernel and in the next one.

Layer: testing. Promises of `Capability.CHECKPOINTS`, `StatefulRunnable` and
``docs/state-and-checkpoints.md``.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Count,
    Tape,
    TapeSource,
    counted,
    counting,
    crash_at,
    durable,
    expect_counted,
    finish,
    modulo_7,
    numbers_of,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState

# --- within one kernel -----------------------------------------------------------------------


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def a_failed_job_goes_on_from_its_checkpoint(bench: Workbench) -> None:
    """Source position and keyed state are those of the checkpoint, not of the failure."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench, restarts=1), tape, found)
    job_id = run_to(bench, env, tape, HELD)
    take_checkpoint(bench, job_id)
    tape.traps.append(70)

    status = finish(bench, env, tape)

    expect_equal(tape.starts, [0, HELD], "where the attempts began to read")
    expect_equal((status.get("attempt"), status["job_id"]), (2, job_id), "attempt and job")
    expect_equal(found[-(END - HELD) :], counted(range(HELD, END)), "the last records")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE, Capability.PARALLELISM)
def parallel_state_goes_on_from_one_moment(bench: Workbench) -> None:
    """All instances are put back to the same checkpoint: each key is counted on without a gap."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench, restarts=1), tape, found, parallelism=3)
    take_checkpoint(bench, run_to(bench, env, tape, HELD))
    tape.traps.append(70)

    finish(bench, env, tape)

    expect_equal(sorted(set(found)), counted(range(END)), "the different counts")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def without_a_checkpoint_all_begins_anew(bench: Workbench) -> None:
    """A job that fails before its first checkpoint has no state left of the failed attempt."""
    tape, found = Tape(), list[Any]()
    tape.traps.append(HELD)

    finish(bench, counting(durable(bench, restarts=1), tape, found), tape)

    expect_equal(tape.starts, [0, 0], "where the attempts began to read")
    expect_equal(found[-END:], counted(range(END)), "the records of the second attempt")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def the_latest_checkpoint_counts(bench: Workbench) -> None:
    """Of several checkpoints, a job goes on from the latest, with all changes of those before."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench, restarts=1, retain=5), tape, found)
    job_id = run_to(bench, env, tape, 20)
    for limit in (40, 60):
        take_checkpoint(bench, job_id)
        tape.let(limit)
        bench.await_event(tape.reached, f"{limit} numbers are read")
    take_checkpoint(bench, job_id)
    tape.traps.append(80)

    finish(bench, env, tape)

    expect_equal(tape.starts, [0, 60], "where the attempts began to read")
    expect_equal(found[-40:], counted(range(60, END)), "the last records")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def a_job_fails_and_goes_on_many_times(bench: Workbench) -> None:
    """Each failure goes back to the same checkpoint, whatever the attempts before it did."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench, restarts=5), tape, found)
    take_checkpoint(bench, run_to(bench, env, tape, HELD))
    tape.traps += [50, 60, 70, 80, 90]

    finish(bench, env, tape)

    expect_equal(tape.starts, [0, *[HELD] * 5], "where the attempts began to read")
    expect_equal(sorted(set(found)), counted(range(END)), "the different counts")


# --- in the next kernel ----------------------------------------------------------------------


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def a_new_kernel_goes_on_where_the_old_one_was(bench: Workbench) -> None:
    """The same name and directory are enough: nothing is kept in the kernel's memory."""
    tape, before, after = crash_at(bench, lambda tape, found: counting(durable(bench), tape, found))

    expect_equal(tape.starts, [0, HELD], "where both kernels began to read")
    expect_counted(before, range(HELD))
    expect_equal(after, counted(range(HELD, END)), "the records of the new kernel")


@promise(
    Capability.CHECKPOINTS,
    Capability.KEYED_STATE,
    Capability.PARALLELISM,
    Capability.KEYED_ROUTING,
    variants={"1 to 3": (1, 3), "3 to 2": (3, 2), "2 to 1": (2, 1)},
)
def keys_spread_anew_over_other_instances(bench: Workbench, case: tuple[int, int]) -> None:
    """With another number of instances each key is at home where its records go now."""
    left = list(case)

    def build(tape: Tape, found: list[Any]) -> Any:
        return counting(durable(bench), tape, found, parallelism=left.pop(0))

    _, before, after = crash_at(bench, build)

    expect_counted([*before, *after], range(END))


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def two_inputs_go_back_to_one_moment(bench: Workbench) -> None:
    """A checkpoint has of each input exactly what the state of the step has seen of it."""
    tapes = Tape(), Tape()

    def build(found: list[Any]) -> Any:
        env = durable(bench, restarts=1)
        one, other = (
            env.from_source(TapeSource, tape, uid=f"tape {index}").map(lambda x: x)
            for index, tape in enumerate(tapes)
        )
        one.union(other).keyby(lambda x: x).map(Count, uid="counts").sink(found.append)
        return env

    found, again = list[Any](), list[Any]()
    tapes[1].let(60)
    job_id = run_to(bench, build(found), tapes[0], 30)
    bench.await_event(tapes[1].reached, "the other source has read 60 numbers")
    take_checkpoint(bench, job_id)
    bench.start_again()
    tapes[1].let(END)
    finish(bench, build(again), tapes[0])

    expect_equal([tape.starts for tape in tapes], [[0, 30], [0, 60]], "where sources began")
    wanted = [(number, count) for number in range(END) for count in (1, 2)]
    expect_equal(sorted([*found, *again]), wanted, "how often each number was counted")


# --- what is refused, and what is left alone -------------------------------------------------


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def jobs_of_other_names_are_strangers(bench: Workbench) -> None:
    """One directory serves any number of jobs, told apart by their names."""
    tape, found = Tape(), list[Any]()
    job_id = run_to(bench, counting(durable(bench), tape, found), tape, HELD)
    take_checkpoint(bench, job_id)
    bench.start_again()

    other = bench.environment("another name")
    other.enable_checkpointing(3_600.0, bench.folder / "checkpoints")
    again = list[Any]()
    finish(bench, counting(other, tape, again), tape)

    expect_equal(again, counted(range(END)), "the records of the other job")


@promise(Capability.CHECKPOINTS, Capability.KEYED_STATE)
def state_that_belongs_to_no_step_is_refused(bench: Workbench) -> None:
    """A step that is gone or has another name is a `CheckpointError` before anything runs."""
    tape, found = Tape(), list[Any]()
    take_checkpoint(bench, run_to(bench, counting(durable(bench), tape, found), tape, HELD))
    bench.start_again()

    env = durable(bench)
    numbers_of(env, tape).keyby(modulo_7).map(Count, uid="renamed").sink(found.append)
    error = expect_error(CheckpointError, env.submit)

    expect("counts" in str(error), f"the message does not name the stored step: {error}")
    expect_equal((tape.starts, len(found)), ([0], HELD), "sources that began, and records")
    env.submit(allow_dropped_state=["counts"])
    env.cancel()


@promise(Capability.CHECKPOINTS)
def a_directory_has_one_job_of_a_name_at_a_time(bench: Workbench) -> None:
    """While a job runs, another one of its name and directory is refused with an error."""
    tape, found = Tape(), list[Any]()
    env = counting(durable(bench), tape, found)
    run_to(bench, env, tape, HELD)

    second = counting(durable(bench), Tape(), found)
    expect_error(CheckpointError, second.submit)

    finish(bench, env, tape)
    expect_equal(found, counted(range(END)), "the records of the first job")


@promise(Capability.CHECKPOINTS)
def the_status_tells_of_checkpoints(bench: Workbench) -> None:
    """`status["checkpoints"]` has the latest epoch, and the one that the job began with."""
    tape, found = Tape(), list[Any]()
    job_id = run_to(bench, counting(durable(bench), tape, found), tape, HELD)
    at_first: Any = bench.jobs.get_job_status(job_id)
    epoch = take_checkpoint(bench, job_id)
    later: Any = bench.jobs.get_job_status(job_id)
    bench.start_again()
    after: Any = finish(bench, counting(durable(bench), tape, found), tape)

    expect_equal(at_first["checkpoints"]["latest_epoch"], None, "the latest epoch, at first")
    expect_equal(later["checkpoints"]["latest_epoch"], epoch, "the latest epoch, later")
    told = after["checkpoints"]
    expect_equal(
        (told["restored_epoch"], told["had_finished"]), (epoch, False), "of the second run"
    )
    expect(told["latest_epoch"] > epoch, "the end of the job is no epoch of its own")
    expect_equal(after["state"], JobState.FINISHED, "the state")
