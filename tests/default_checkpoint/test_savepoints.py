"""R8: an epoch of this kernel becomes a savepoint, and comes back at any parallelism."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.storage.savepoints import WantedStep, open_savepoint, plan_restore
from sage_kernel_default.checkpoint import EpochInfo, RestoredJob, StepSnapshot
from sage_kernel_default.checkpoint.savepoints import (
    old_steps_of,
    restore_from_savepoint,
    write_savepoint,
)
from sage_kernel_default.checkpoint.tables import pack_table, unpack_tables
from tests.default_checkpoint.stores import CODEC, contents, make_store, record, state_of

_INFO = EpochInfo(5, 1.5, 0, 0, False, {"plan": ["x"]})


def job_of(table: dict[Any, Any], parallelism: int) -> RestoredJob:
    """A keyed step, its table split as the routing does, changes on top of changes."""
    snapshots = []
    for index in range(parallelism):
        mine = {k: v for k, v in table.items() if owner_of(key_group(k), parallelism) == index}
        old = dict.fromkeys(mine, "old")
        keyed = [
            *pack_table(CODEC, "t", {**old, "gone": 1}, is_base=True),
            *pack_table(CODEC, "t", mine, ["gone"]),
        ]
        snapshots.append(StepSnapshot("keyed", index, parallelism, keyed=keyed))
    return RestoredJob(_INFO, {"keyed": snapshots})


def tables_at(job: RestoredJob, parallelism: int) -> list[dict[Any, Any]]:
    return [
        unpack_tables(CODEC, job.steps["keyed"], index, parallelism).get("t", {})
        for index in range(parallelism)
    ]


@given(st.dictionaries(st.integers() | st.text(max_size=3) | st.booleans(), st.integers()))
@settings(max_examples=25, deadline=None)
def test_r8_keyed_state_travels_from_one_to_four_to_two_instances(table: dict[Any, Any]) -> None:
    """Each step of the way is another file, read by other instances."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as d:
        parts = [table]
        for before, now in ((1, 4), (4, 2), (2, 1)):
            whole = {key: value for part in parts for key, value in part.items()}
            path = Path(d) / f"{before}"
            write_savepoint(job_of(whole, before), path, job_name="job", codec=CODEC)
            parts = tables_at(restore_from_savepoint(open_savepoint(path)), now)
            for index, part in enumerate(parts):
                assert {owner_of(key_group(key), now) for key in part} <= {index}

    assert parts == [table]


def test_all_that_a_store_gives_is_in_the_savepoint(tmp_path: Path) -> None:
    """Positions, handles and records inside are as much state as keys are."""
    store = make_store(tmp_path / "store")
    store.open("job")
    # This record's two instances own keys in another way than the routing does.
    store.commit(record(1, {n: n for n in range(50)}))
    job = store.load()
    store.close()

    write_savepoint(job, tmp_path / "s", job_name="job", codec=CODEC)
    restored = restore_from_savepoint(open_savepoint(tmp_path / "s"))

    before, after = state_of(job), state_of(restored)
    assert after["source"] == before["source"]
    assert after["epoch"] == before["epoch"]
    assert after["metadata"] == before["metadata"]
    assert [part[3] for part in after["keyed"]] == [[], [b"1"]]
    merged = {k: v for part in after["keyed"] for k, v in part[1].get("count", {}).items()}
    assert merged == {n: n for n in range(50)}


def test_the_same_state_gives_the_same_file(tmp_path: Path) -> None:
    """Two savepoints can be compared, however the changes lay on each other."""
    one = {"a": 1, "b": 2, "c": 3}
    write_savepoint(job_of(one, 1), tmp_path / "1", job_name="job", codec=CODEC)
    other = dict(reversed(one.items()))
    write_savepoint(job_of(other, 1), tmp_path / "2", job_name="job", codec=CODEC)

    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_key_that_cannot_be_read_leaves_no_file(tmp_path: Path) -> None:
    """R4: the class of the keys may be gone from the program."""
    from sage_kernel_default.checkpoint.values import KeyedChanges

    wrong = KeyedChanges("t", b"\x91\xc1", b"\x91\x01", 1, is_base=True)
    job = RestoredJob(_INFO, {"keyed": [StepSnapshot("keyed", 0, 1, keyed=[wrong])]})

    with pytest.raises(Exception, match="damaged"):
        write_savepoint(job, tmp_path / "s", job_name="job", codec=CODEC)

    assert contents(tmp_path) == {}


def test_r7_the_plan_speaks_for_stored_epochs_and_savepoints_alike(tmp_path: Path) -> None:
    """Both refuse the same pipelines."""
    store = make_store(tmp_path / "store")
    store.open("job")
    store.commit(record(1, {"a": 1}))
    job = store.load()
    store.close()
    write_savepoint(job, tmp_path / "s", job_name="job", codec=CODEC)

    old = old_steps_of(job)
    assert {step.step: step for step in old_steps_of(open_savepoint(tmp_path / "s"))} == {
        step.step: step for step in old
    }
    with pytest.raises(CheckpointError) as caught:
        plan_restore(old, [WantedStep("keyed", 2), WantedStep("source", 2, "own")])
    assert len(caught.value.problems) == 3
