"""What is seen past the interface under test: real crashes, raw state, committed files.

Layer: testing. Needs back doors, so these are the promises of kernels whose authors open them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_kernel_api.core.functions import MapFunction, ValueState
from sage_kernel_api.testing.backdoors import Door
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
    modulo_7,
    numbers_of,
    run_to,
    take_checkpoint,
)
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobId

_BEHIND = 70
"""How far the job has read when the power goes: its checkpoint is of before."""
_SUMS = {key: sum(1 for number in range(END) if number % 7 == key) for key in range(7)}


@promise(Capability.CHECKPOINTS, doors=[Door.CRASH, Door.REOPEN])
def a_crash_keeps_the_checkpoint_and_nothing_else(bench: Workbench) -> None:
    """What was read behind the last checkpoint is read again; what was before it, never."""
    tape, before, after = Tape(), list[Any](), list[Any]()
    take_checkpoint(bench, run_to(bench, counting(durable(bench), tape, before), tape, HELD))
    tape.let(_BEHIND)
    bench.await_event(tape.reached, f"{_BEHIND} numbers are read")

    bench.doors.crash(bench.kernel)
    bench.kernel = bench.doors.reopen()
    finish(bench, counting(durable(bench), tape, after), tape)

    expect_equal(tape.starts, [0, HELD], "where the kernels began to read")
    expect_counted(after, range(HELD, END))


@promise(Capability.CHECKPOINTS, doors=[Door.CRASH, Door.REOPEN])
def crash_upon_crash_loses_nothing(bench: Workbench) -> None:
    """A kernel that dies again and again goes on from the checkpoint before each death."""
    tape = Tape()
    stops = (20, 40, 60, 80)
    for stop in stops:
        job_id = run_to(bench, counting(durable(bench), tape, []), tape, stop)
        take_checkpoint(bench, job_id)
        bench.doors.crash(bench.kernel)
        bench.kernel = bench.doors.reopen()
    found: list[Any] = []
    finish(bench, counting(durable(bench), tape, found), tape)

    expect_equal(tape.starts, [0, *stops], "where the kernels began to read")
    expect_equal(sorted(found), sorted(counted(range(END))[stops[-1] :]), "the last counts")


@promise(Capability.SAVEPOINTS, Capability.CHECKPOINTS, doors=[Door.CRASH, Door.REOPEN])
def a_savepoint_outlives_the_kernel_that_wrote_it(bench: Workbench) -> None:
    """It lies on the disk when `create_savepoint` returns; what comes after cannot spoil it."""
    tape, after = Tape(), list[Any]()
    job_id = run_to(bench, counting(durable(bench), tape, []), tape, HELD)
    bench.checkpoints.create_savepoint(job_id, bench.folder / "s")
    bench.doors.crash(bench.kernel)
    bench.kernel = bench.doors.reopen()

    env = counting(durable(bench, "new"), tape, after)
    finish(bench, env, tape, restore_from=bench.folder / "s")

    expect_counted(after, range(HELD, END))


class _Looks(MapFunction[int, int]):
    """Counts the records of each key, and looks at the kernel's own table after each."""

    seen = ValueState(0)

    def __init__(self, bench: Workbench, looks: list[dict[Any, Any]]) -> None:
        super().__init__()
        self.bench = bench
        self.looks = looks

    def execute(self, data: int) -> int:
        self.seen.set(self.seen.get() + 1)
        job_id = JobId(self.bench.jobs.list_jobs()[-1]["job_id"])
        raw = self.bench.doors.raw_state(self.bench.kernel, job_id, "looks", "seen")
        self.looks.append(dict(sorted(raw.items())))
        return data


def _looking(bench: Workbench, env: Env, tape: Tape, looks: list[dict[Any, Any]]) -> Env:
    stream = numbers_of(env, tape).keyby(modulo_7)
    stream.map(_Looks, bench, looks, name="looks").sink(lambda _: None, name="nowhere")
    return env


@promise(Capability.KEYED_STATE, doors=[Door.RAW_STATE])
def a_value_is_in_the_kernels_table_at_once(bench: Workbench) -> None:
    """What a function set is there when it returns, under its key and no other."""
    looks: list[dict[Any, Any]] = []
    env = bench.environment()
    stream = env.from_collection(range(20)).keyby(modulo_7)
    stream.map(_Looks, bench, looks, name="looks").sink(lambda _: None)

    bench.finish(env)

    expected = [
        {key: len([n for n in range(last + 1) if n % 7 == key]) for key in range(min(last + 1, 7))}
        for last in range(20)
    ]
    expect_equal(looks, expected, "the kernel's table after each record")


@promise(
    Capability.CHECKPOINTS,
    Capability.KEYED_STATE,
    doors=[Door.CRASH, Door.REOPEN, Door.RAW_STATE],
)
def raw_state_comes_back_after_a_crash(bench: Workbench) -> None:
    """The new kernel's own tables hold what the checkpoint had, also of keys not seen again."""
    tape, looks = Tape(), list[dict[Any, Any]]()
    job_id = run_to(bench, _looking(bench, durable(bench), tape, []), tape, HELD)
    take_checkpoint(bench, job_id)
    bench.doors.crash(bench.kernel)
    bench.kernel = bench.doors.reopen()

    finish(bench, _looking(bench, durable(bench), tape, looks), tape)

    first = {key: len([n for n in range(HELD + 1) if n % 7 == key]) for key in range(7)}
    expect_equal((looks[0], looks[-1]), (first, _SUMS), "the first and the last table")


@promise(Profile.DELIVERY, doors=[Door.READ_SINK])
def another_program_reads_what_a_file_sink_wrote(bench: Workbench) -> None:
    """When a job has finished, its output is in the file: each record once, in order."""
    path = bench.folder / "out.txt"
    env = bench.environment()
    env.from_collection(range(50)).sink_to_file(path)

    bench.finish(env)

    expect_equal(bench.doors.read_sink(bench.kernel, path), _lines(range(50)), "the lines")


@promise(Capability.EXACTLY_ONCE_SINKS, doors=[Door.CRASH, Door.REOPEN, Door.READ_SINK])
def a_reader_never_sees_a_record_twice(bench: Workbench) -> None:
    """Not before a crash, not between the crash and the new kernel, and not in the end."""
    tape, path = Tape(), bench.folder / "out.txt"
    job_id = run_to(bench, _writing(durable(bench), tape, path), tape, HELD)
    take_checkpoint(bench, job_id)
    bench.until(
        lambda: len(bench.doors.read_sink(bench.kernel, path)) >= HELD, "the output is visible"
    )
    tape.let(_BEHIND)
    bench.await_event(tape.reached, f"{_BEHIND} numbers are read")
    before = bench.doors.read_sink(bench.kernel, path)

    bench.doors.crash(bench.kernel)
    between = bench.doors.read_sink(bench.kernel, path)
    bench.kernel = bench.doors.reopen()
    finish(bench, _writing(durable(bench), tape, path), tape)

    expect_equal((before, between), (_lines(range(HELD)),) * 2, "the lines around the crash")
    bench.until(
        lambda: len(bench.doors.read_sink(bench.kernel, path)) >= END, "the rest is visible"
    )
    expect_equal(bench.doors.read_sink(bench.kernel, path), _lines(range(END)), "the last lines")
    expect(tape.starts == [0, HELD], f"the kernels began to read at {tape.starts}")


def _writing(env: Env, tape: Tape, path: Path) -> Env:
    numbers_of(env, tape).sink_to_file(path, uid="file")
    return env


def _lines(numbers: range) -> list[str]:
    return [str(number) for number in numbers]
