"""The file of a savepoint: its published format, and what is refused.

Layer: testing. Promises of ``docs/savepoints.md``. The files are read and written here by the
published format alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sage_kernel_api.communication import KEY_GROUPS, key_group
from sage_kernel_api.errors import (
    CheckpointError,
    PipelineError,
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
    counting,
    durable,
    expect_counted,
    finish,
)
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.promises.savepoints import stopped
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState


@promise(Capability.SAVEPOINTS, Capability.KEYED_STATE)
def the_file_has_the_published_format(bench: Workbench) -> None:
    """Any reader of the format finds the steps by their names, and every key in its group."""
    tape = Tape()
    savepoint = open_savepoint(stopped(bench, tape, []))

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


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@promise(Capability.SAVEPOINTS, variants={"cut off": _cut, "one bit": _flip})
def a_damaged_file_is_refused(bench: Workbench, damage: Callable[[bytes], bytes]) -> None:
    """`StoreCorruptError` before anything runs; with the right file the job begins."""
    tape, found = Tape(), list[Any]()
    path = stopped(bench, tape, found)
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
