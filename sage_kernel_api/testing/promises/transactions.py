"""Output that becomes visible together with a checkpoint, once, whatever happens.

Layer: testing. Promises of `TransactionalRunnable` and `TransactionalSinkFunction`. The output is
read from files, past the kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Tape,
    durable,
    finish,
    numbers_of,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.transaction_files import Files, committed
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState


class Out:
    """Where output goes, and all calls of the sinks."""

    def __init__(self, bench: Workbench) -> None:
        self.folder: Path = bench.folder / "out"
        self.folder.mkdir()
        self.calls: list[tuple[str, Any]] = []
        self.failing: list[str] = []

    def note(self, name: str, value: Any) -> None:
        """Write a call down; fail if the test asked for it."""
        self.calls.append((name, value))
        if name in self.failing:
            self.failing.remove(name)
            raise OSError(f"{name} fails once")

    def names(self) -> list[str]:
        """Return the names of the calls."""
        return [name for name, _ in self.calls]

    def expect(self, bench: Workbench, *parts: range) -> None:
        """Wait until these numbers are visible, each once."""
        wanted = sorted((str(number) for part in parts for number in part), key=int)
        bench.until(lambda: len(committed(self.folder)) >= len(wanted), "the output is visible")
        expect_equal(committed(self.folder), wanted, "the visible output")


def writing(env: Env, tape: Tape, out: Out, parallelism: int = 1) -> Env:
    """Describe the job that writes the numbers of a tape in transactions."""
    stream = numbers_of(env, tape)
    stream.sink(Files, str(out.folder), out.note, uid="files", parallelism=parallelism)
    return env


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_failed_job_writes_each_record_once(bench: Workbench) -> None:
    """What was written after the checkpoint is thrown away, and written again."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench, restarts=1), tape, out)
    take_checkpoint(bench, run_to(bench, env, tape, HELD))
    tape.traps.append(70)

    finish(bench, env, tape)

    expect_equal(tape.starts, [0, HELD], "where the attempts began to read")
    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS)
def many_failures_write_each_record_once(bench: Workbench) -> None:
    """With checkpoints between the failures, too."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench, restarts=6), tape, out)
    job_id = run_to(bench, env, tape, 10)
    for failures, limit in enumerate((30, 50, 70), start=1):
        take_checkpoint(bench, job_id)
        tape.traps += [limit - 10, limit - 5]
        tape.let(limit)
        bench.until(lambda: len(tape.starts) > 2 * failures, "two more attempts")  # noqa: B023
        bench.until(
            lambda: bench.jobs.get_job_status(job_id)["state"] is JobState.RUNNING, "it runs"
        )

    finish(bench, env, tape)

    expect_equal(len(tape.starts), 7, "the number of attempts")
    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_new_kernel_writes_each_record_once(bench: Workbench) -> None:
    """After a crash, output of before the checkpoint stays, and all other is written anew."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out)
    take_checkpoint(bench, run_to(bench, env, tape, HELD))
    tape.let(70)
    bench.await_event(tape.reached, "70 numbers are read")
    bench.start_again()

    finish(bench, writing(durable(bench), tape, out), tape)

    expect_equal(tape.starts, [0, HELD], "where the kernels began to read")
    out.expect(bench, range(END))


@promise(
    Capability.EXACTLY_ONCE_SINKS,
    Capability.PARALLELISM,
    variants={"1 to 3": (1, 3), "3 to 1": (3, 1), "2 to 3": (2, 3)},
)
def other_instances_write_each_record_once(bench: Workbench, case: tuple[int, int]) -> None:
    """Each handle of the old instances is recovered by the new ones, and none twice."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out, case[0])
    take_checkpoint(bench, run_to(bench, env, tape, HELD))
    bench.start_again()

    finish(bench, writing(durable(bench), tape, out, case[1]), tape)

    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS)
def the_end_of_the_input_commits_the_rest(bench: Workbench) -> None:
    """A job that ends by itself leaves nothing uncommitted, also if nobody took a checkpoint."""
    tape, out = Tape(), Out(bench)

    finish(bench, writing(durable(bench), tape, out), tape)

    expect_equal(len(committed(out.folder)), END, "how many records are visible at the end")
    out.expect(bench, range(END))


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_finished_job_writes_nothing_again(bench: Workbench) -> None:
    """The same program, started again in a new kernel, leaves the output as it is."""
    tape, out = Tape(), Out(bench)
    finish(bench, writing(durable(bench), tape, out), tape)
    bench.start_again()

    finish(bench, writing(durable(bench), tape, out), tape)

    out.expect(bench, range(END))
    expect_equal(tape.starts, [0], "where the jobs began to read")


@promise(Capability.EXACTLY_ONCE_SINKS)
def a_job_that_fails_for_good_shows_what_its_checkpoints_hold(bench: Workbench) -> None:
    """Output of after the last checkpoint stays invisible."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out)
    job_id = run_to(bench, env, tape, HELD)
    take_checkpoint(bench, job_id)
    out.expect(bench, range(HELD))
    tape.traps.append(70)
    tape.let(tape.end)

    status = bench.wait(job_id)

    expect_equal(status["state"], JobState.FAILED, "the state")
    out.expect(bench, range(HELD))


@promise(Capability.EXACTLY_ONCE_SINKS, Capability.SAVEPOINTS)
def a_savepoint_hands_output_over(bench: Workbench) -> None:
    """Two jobs, one stopped with a savepoint and one begun with it, write each record once."""
    tape, out = Tape(), Out(bench)
    env = writing(durable(bench), tape, out)
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=bench.folder / "s")
    bench.start_again()

    finish(bench, writing(durable(bench, "new"), tape, out), tape, restore_from=bench.folder / "s")

    out.expect(bench, range(END))
