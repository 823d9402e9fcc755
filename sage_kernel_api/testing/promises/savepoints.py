"""A job's whole state in one file that any kernel can read.

Layer: testing. Promises of `CheckpointManager.create_savepoint`, of ``restore_from`` and of
``docs/savepoints.md``. The files are read and written here by the published format alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sage_kernel_api.communication import KEY_GROUPS, key_group
from sage_kernel_api.core.functions import MapFunction, ValueState
from sage_kernel_api.errors import (
    CheckpointError,
    JobStateError,
    PipelineError,
    StateError,
    StoreCorruptError,
)
from sage_kernel_api.storage.savepoints import (
    InstanceState,
    KeyedRows,
    SavepointHeader,
    open_savepoint,
    write_savepoint_file,
)
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.durable_jobs import (
    END,
    HELD,
    Count,
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
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.workbench import Env, Workbench
from sage_kernel_api.values import Capability, JobState


def _stopped(bench: Workbench, tape: Tape, found: list[Any], parallelism: int = 1) -> Path:
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
    path = _stopped(bench, tape, found, case[0])
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
def the_file_has_the_published_format(bench: Workbench) -> None:
    """Any reader of the format finds the steps by their names, and every key in its group."""
    tape = Tape()
    savepoint = open_savepoint(_stopped(bench, tape, []))

    expect(savepoint.header.kernel != "", "it does not name its kernel")
    expect("counts" in savepoint.steps, f"its steps are {sorted(savepoint.steps)}")
    codec, rows = ValueCodec(), dict[Any, Any]()
    for one in savepoint.rows("counts", range(KEY_GROUPS)):
        keys, values = codec.decode_column(one.keys), codec.decode_column(one.values)
        misplaced = [key for key in keys if key_group(key) != one.group]
        expect_equal(misplaced, [], f"keys of other groups in group {one.group}")
        rows.update(zip(keys, values, strict=True))
    wanted = {key: len(range(key, HELD, 7)) for key in range(7)}
    expect_equal(sorted(rows.items()), sorted(wanted.items()), "keys and values")


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def a_file_of_another_kernel_is_taken_up(bench: Workbench) -> None:
    """What was written by the format alone, for hundreds of keys, is the state of the new job."""
    path = bench.folder / "foreign.savepoint"
    _write_counts(path, 500)
    found: list[Any] = []
    env = durable(bench)
    keyed = env.from_collection(range(500), uid="items").keyby(lambda number: number)
    keyed.map(Count, uid="counts").sink(found.append)

    status = bench.wait(env.submit(restore_from=path))

    expect_equal((status["state"], status.get("exception")), (JobState.FINISHED, None), "the end")
    expect_equal(found, [(number, number + 2) for number in range(500)], "the counts")


def _write_counts(path: Path, keys: int) -> None:
    """Write a savepoint in which each number was seen once more than it is large."""
    codec = ValueCodec()
    header = SavepointHeader("elsewhere", "another", 3, 1_700_000_000.0, {"counts": 2})
    states: list[Any] = [InstanceState("counts", 0), InstanceState("counts", 1)]
    groups: dict[int, list[int]] = {}
    for number in range(keys):
        groups.setdefault(key_group(number), []).append(number)
    for group, members in sorted(groups.items()):
        seen = codec.encode_column([number + 1 for number in members])
        rows = KeyedRows("counts", "seen", group, codec.encode_column(members), seen, len(members))
        states.append(rows)
    write_savepoint_file(path, header, states)


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def checkpoints_of_its_own_come_first(bench: Workbench) -> None:
    """Started again with the same savepoint, a job does not go back behind its own checkpoint."""
    tape, found = Tape(), list[Any]()
    path = _stopped(bench, tape, found)
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
    path = _stopped(bench, tape, found)
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
    path = _stopped(bench, tape, found)
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
    path = _stopped(bench, tape, [])

    env = _without_counts(bench, tape, found)
    error = expect_error(CheckpointError, env.submit, restore_from=path)
    expect("counts" in str(error), f"the message does not name the step: {error}")
    expect_error(CheckpointError, env.submit, restore_from=path, allow_dropped_state=["misspelt"])
    expect_equal(tape.starts, [0], "where jobs began to read")

    finish(bench, env, tape, restore_from=path, allow_dropped_state=["counts"])
    expect_equal(found, [*range(HELD, END)], "the records")


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@promise(Capability.SAVEPOINTS, variants={"cut off": _cut, "one bit": _flip})
def a_damaged_file_is_refused(bench: Workbench, damage: Callable[[bytes], bytes]) -> None:
    """`StoreCorruptError` before anything runs; with the right file the job begins."""
    tape, found = Tape(), list[Any]()
    path = _stopped(bench, tape, found)
    good = path.read_bytes()
    path.write_bytes(damage(good))
    env = counting(durable(bench, "new"), tape, found)

    expect_error(StoreCorruptError, env.submit, restore_from=path)
    expect_equal(tape.starts, [0], "where jobs began to read")

    path.write_bytes(good)
    finish(bench, env, tape, restore_from=path)
    expect_counted(found, range(END))


@promise(Capability.SAVEPOINTS)
def a_savepoint_that_is_not_there_is_refused(bench: Workbench) -> None:
    """`CheckpointError` for a missing file; a job without checkpoints is a `PipelineError`."""
    tape = Tape()
    missing = bench.folder / "missing"

    with_checkpoints = counting(durable(bench), tape, [])
    expect_error(CheckpointError, with_checkpoints.submit, restore_from=missing)
    plain = counting(bench.environment("plain"), tape, [])
    expect_error(PipelineError, plain.submit, restore_from=missing)

    expect_equal(tape.starts, [], "where jobs began to read")


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


class _Old(MapFunction[int, Any]):
    __state_include__ = ("records",)
    seen = ValueState(0)

    def __init__(self) -> None:
        super().__init__()
        self.records = 0

    def execute(self, data: int) -> Any:
        self.records += 1
        self.seen.set(self.seen.get() + 1)
        return self.records, self.seen.get()


class _New(MapFunction[int, Any]):
    """The next version: the field has another name, and counts have become pairs."""

    state_version = 2
    __state_include__ = ("total",)
    seen: Any = ValueState[Any]((0, ""))

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def upgrade_state(self, version: int, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"total": state["records"]}

    def upgrade_keyed_state(self, version: int, table: str, value: Any) -> Any:
        return value, f"{table} of {version}"

    def execute(self, data: int) -> Any:
        self.total += 1
        count, origin = self.seen.get()
        self.seen.set((count + 1, origin))
        return self.total, self.seen.get()


def _versioned(bench: Workbench, directory: str, tape: Tape, function: Any, found: Any) -> Env:
    env = durable(bench, directory)
    numbers_of(env, tape).keyby(modulo_7).map(function, uid="versions").sink(found.append)
    return env


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def state_of_an_older_program_is_upgraded(bench: Workbench) -> None:
    """Fields and values by key go through the hooks of the new version, each once."""
    tape, found = Tape(), list[Any]()
    env = _versioned(bench, "old", tape, _Old, [])
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=bench.folder / "old.savepoint")
    env = _versioned(bench, "new", tape, _New, found)
    run_to(bench, env, tape, HELD + 7, restore_from=bench.folder / "old.savepoint")
    env.stop(savepoint=bench.folder / "new.savepoint")
    bench.start_again()

    env = _versioned(bench, "newer", tape, _New, found)
    finish(bench, env, tape, restore_from=bench.folder / "new.savepoint")

    wanted = [(n + 1, (n // 7 + 1, "seen of 1")) for n in range(HELD, END)]
    expect_equal(found, wanted, "totals and counts")


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def state_of_a_newer_program_is_refused(bench: Workbench) -> None:
    """An older version of a function does not guess: the job does not run with it."""
    tape, found = Tape(), list[Any]()
    path = bench.folder / "new.savepoint"
    env = _versioned(bench, "new", tape, _New, [])
    run_to(bench, env, tape, HELD)
    env.stop(savepoint=path)

    env = _versioned(bench, "old", tape, _Old, found)
    tape.let(tape.end)
    try:
        error = bench.wait(env.submit(restore_from=path)).get("exception")
    except StateError as refusal:
        error = refusal

    expect(error is not None, "the job ran")
    expect_equal(found, [], "the records")
