"""Epochs come back as they were stored, and what cannot be trusted or shared is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sage_kernel_api.errors import (
    CheckpointError,
    ConfigurationError,
    StoreCorruptError,
    StoreFormatError,
    StoreLockedError,
)
from sage_kernel_default.checkpoint import EpochRecord, KeyedChanges, StepSnapshot
from sage_kernel_default.checkpoint.places import folder_name
from sage_kernel_default.checkpoint.startup_checks import warnings_for
from sage_kernel_default.checkpoint.tables import pack_table
from tests.default_checkpoint.stores import (
    CODEC,
    contents,
    instance_of,
    make_store,
    record,
    state_of,
)
from tests.helpers import no_leaks

_GOLDEN = Path(__file__).parent / "golden" / "v1"


def tables_of(state: Any) -> dict[Any, Any]:
    return {k: v for _, tables, _, _ in state["keyed"] for k, v in tables.get("count", {}).items()}


def folder_of(directory: Path, job: str = "job") -> Path:
    return directory / folder_name(job)


def test_an_epoch_comes_back_whole(fast_path: Path) -> None:
    """Positions, keyed state, handles and in-flight records belong together."""
    store = make_store(fast_path)
    opened = store.open("job")
    assert (opened.attempt, opened.latest) == (1, None)
    store.commit(record(1, {"a": 1, "b": (2, True)}))
    info = store.commit(record(3, {"a": 5, 7: None}, ["b"], is_final=True))
    before = state_of(store.load())
    store.close()

    again = make_store(fast_path)
    opened = again.open("job")

    assert (opened.attempt, opened.latest) == (2, info)
    assert (info.epoch, info.is_final, info.completed_at_s) == (3, True, 1_000_000.5)
    assert state_of(again.load()) == before
    assert tables_of(before) == {"a": 5, 7: None}
    assert before["source"][0][0] == {"position": 3}
    assert before["source"][0][2] == b"h3"
    assert before["keyed"][1][3] == [b"3"]
    again.close()


def test_a_store_leaves_nothing_open(fast_path: Path) -> None:
    """R10: a descriptor per restart would end in 'too many open files'."""
    with no_leaks():
        for epoch in (1, 2, 3):
            store = make_store(fast_path)
            store.open("job")
            store.commit(record(epoch, {"a": epoch}))
            store.close()
            store.close()


class StoreAgainstDict(RuleBasedStateMachine):
    """Any sequence of changes, merges, re-openings, deletions gives the plain dict."""

    @initialize(retain=st.integers(1, 3))
    def start(self, retain: int) -> None:
        import tempfile

        self.directory = Path(tempfile.mkdtemp())
        self.retain = retain
        self.table: dict[Any, Any] = {}
        self.history: dict[int, dict[Any, Any]] = {}
        self.epoch = 0
        self.store = make_store(self.directory, retain=retain)
        self.store.open("job")

    @rule(
        changed=st.dictionaries(st.integers(0, 9) | st.sampled_from("abc"), st.integers()),
        deleted=st.sets(st.integers(0, 9) | st.sampled_from("abc")),
        is_base=st.booleans(),
    )
    def commit(self, changed: dict[Any, Any], deleted: set[Any], is_base: bool) -> None:
        self.epoch += 1
        if is_base:
            self.table = dict(changed)
        else:
            self.table.update(changed)
        gone = [key for key in deleted if key not in changed and not is_base]
        for key in gone:
            self.table.pop(key, None)
        self.store.commit(record(self.epoch, changed, gone, is_base=is_base))
        self.history[self.epoch] = dict(self.table)
        for old in sorted(self.history)[: -self.retain]:
            del self.history[old]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = make_store(self.directory, retain=self.retain)
        self.store.open("job")

    @rule()
    def crash(self) -> None:
        """Copy the files as they are: what a new process would find."""
        copy = self.directory.with_name(self.directory.name + "x")
        shutil.copytree(self.directory, copy)
        other = make_store(copy)
        other.open("job")
        if self.epoch:
            assert tables_of(state_of(other.load())) == self.table
        other.close()
        shutil.rmtree(copy)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if len(self.history) > 1:
            epoch = data.draw(st.sampled_from(sorted(self.history)[:-1]))
            assert self.store.delete(epoch)
            del self.history[epoch]
            assert not self.store.delete(epoch)

    @invariant()
    def all_epochs_can_be_loaded(self) -> None:
        if not hasattr(self, "store"):
            return
        assert [info.epoch for info in self.store.epochs()] == sorted(self.history)
        for epoch, table in self.history.items():
            assert tables_of(state_of(self.store.load(epoch))) == table

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.directory)


TestStoreAgainstDict = StoreAgainstDict.TestCase
TestStoreAgainstDict.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)


def test_only_what_changed_is_written(fast_path: Path) -> None:
    """A checkpoint that wrote all keys would cost what there is, not what happens."""
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(1, {f"user{n}": n for n in range(10_000)}, is_base=True))

    written = [store.commit(record(2 + n, {f"user{n}": 0})).written_bytes for n in range(30)]
    size = store.commit(record(99, {"a": 1})).size_bytes

    assert max(written) < 3_000
    assert size > 100_000
    store.close()


def test_keys_that_stay_are_written_once(fast_path: Path) -> None:
    """A table that is stored whole each second would else write its texts each second."""
    table = {f"a rather long key {n}": n for n in range(1_000)}
    store = make_store(fast_path, retain=2)
    store.open("job")
    first = store.commit(record(1, table, is_base=True))

    later = [store.commit(record(e, dict.fromkeys(table, e), is_base=True)) for e in range(2, 9)]

    assert all(info.written_bytes < first.written_bytes / 4 for info in later)
    assert all(info.size_bytes > first.size_bytes / 2 for info in later)
    store.commit(record(9, {**dict.fromkeys(table, 9), "one more": 9}, is_base=True))
    for epoch, keys in ((8, set(table)), (9, {*table, "one more"})):
        parts = [tables["count"] for _, tables, *_ in state_of(store.load(epoch))["keyed"]]
        assert {key: value for part in parts for key, value in part.items()} == dict.fromkeys(
            keys, epoch
        )
    store.close()


def test_the_first_format_is_read_and_then_marked_as_the_second(fast_path: Path) -> None:
    """R7: a newer release goes on with old state; an older one must not read what that wrote."""
    shutil.copytree(_GOLDEN, fast_path / "state")
    expected = {f"word{n}": (f"word{n}", -n if n % 7 == 0 else n) for n in range(300)}
    del expected["word1"], expected["word2"]
    store = make_store(fast_path / "state")

    opened = store.open("job")
    assert opened.latest is not None
    [(_, tables, *_)] = state_of(store.load())["keyed"]
    assert (opened.latest.epoch, tables) == (2, {"count": expected})
    assert _format_of(fast_path / "state") == 1
    changed = pack_table(CODEC, "count", {"word3": ("word3", 0)})
    old = [StepSnapshot("source", 0, 1), StepSnapshot("keyed", 0, 1, keyed=changed)]
    store.commit(EpochRecord(3, old))

    assert _format_of(fast_path / "state") == 2
    store.close()
    store.open("job")
    [(_, tables, *_)] = state_of(store.load())["keyed"]
    assert tables == {"count": {**expected, "word3": ("word3", 0)}}
    store.close()


def _format_of(directory: Path) -> int:
    """Read what SQLite's header, or the newest log page of it, says."""
    folder = directory / folder_name("job")
    copy = Path(tempfile.mkdtemp(dir=directory))
    for path in folder.glob("state.db*"):
        shutil.copy(path, copy)
    with contextlib.closing(sqlite3.connect(copy / "state.db")) as database:
        [(found,)] = database.execute("PRAGMA user_version")
    shutil.rmtree(copy)
    return int(found)


def test_the_space_stays_within_a_small_multiple_of_the_keys(fast_path: Path) -> None:
    """Changes on top of changes would fill the disk, and slow down the restart."""
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(1, {f"user{n}": n for n in range(1_000)}, is_base=True))
    base = store.epochs()[0].size_bytes

    for epoch in range(2, 60):
        info = store.commit(record(epoch, {f"user{n}": epoch for n in range(0, 1_000, 5)}))
        assert info.size_bytes < 4 * base

    assert sum(len(s.keyed) for s in store.load().steps["keyed"]) < 30
    store.close()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({1: "one", 2: "two"}, {True: "changed"}),
        ({("a", 1): 1, ("b", 2): 2}, {("a", 1.0): 3}),
        ({"a": 1, b"a": 2, None: 3, 0.5: 4}, {0: 1}),
    ],
)
def test_keys_that_python_calls_equal_are_one_key_also_after_merging(
    fast_path: Path, first: dict[Any, Any], then: dict[Any, Any]
) -> None:
    """A key that was deleted as ``True`` must not come back as ``1``."""

    def snapshot(keyed: list[KeyedChanges]) -> list[StepSnapshot]:
        return [StepSnapshot("s", 0, 1, keyed=keyed)]

    store = make_store(fast_path)
    store.open("job")
    store.commit(EpochRecord(1, snapshot(pack_table(CODEC, "t", first, is_base=True))))
    for epoch in range(2, 12):
        changes = pack_table(CODEC, "t", then) if epoch % 2 else pack_table(CODEC, "t", {}, [*then])
        store.commit(EpochRecord(epoch, snapshot(changes)))

    expected = {**first, **then}
    restored = state_of(store.load())["s"][0][1]["t"]
    assert restored == expected
    store.commit(EpochRecord(12, snapshot(pack_table(CODEC, "t", {}, [*then]))))
    assert state_of(store.load())["s"][0][1]["t"] == {
        key: value for key, value in expected.items() if key not in then
    }
    store.close()


@pytest.mark.parametrize("job", ["../../etc", "/etc/passwd", "a\0b", "x" * 300, "", ".", "\ud800"])
def test_a_job_name_is_a_key_and_never_a_path(fast_path: Path, job: str) -> None:
    """R7: a name from outside must not choose where files are written."""
    inside = fast_path / "a" / "b"
    store = make_store(inside)
    store.open(job)
    store.commit(record(1, {"a": 1}))
    store.close()

    again = make_store(inside)
    opened = again.open(job)
    again.close()

    assert opened.latest is not None
    assert [path.parent for path in inside.iterdir()] == [inside]
    assert {path.name for path in fast_path.rglob("*") if path.is_dir()} == {
        "a",
        "b",
        folder_name(job),
    }


def test_names_in_other_unicode_forms_are_other_jobs(fast_path: Path) -> None:
    """They look alike and are not equal; a shared place would mix their state."""
    for name in ("é", "e\u0301", "E\u0301", "ⅸ", "ix"):
        store = make_store(fast_path)
        assert store.open(name).latest is None
        store.commit(record(1, {name: 1}))
        store.close()

    assert len(list(fast_path.iterdir())) == 5


def test_r7_a_second_owner_is_refused_and_named(fast_path: Path) -> None:
    """Two kernels on one state would each undo what the other one did."""
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(1, {"a": 1}))
    before = contents(fast_path)

    with pytest.raises(StoreLockedError, match=f"in use by process {os.getpid()}"):
        make_store(fast_path).open("job")

    assert contents(fast_path) == before
    store.commit(record(2, {"a": 2}))
    store.close()
    make_store(fast_path).open("job")


_OWNER = """
import sys, signal
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.default_checkpoint.stores import make_store, record
store = make_store(Path({directory!r}))
print(store.open("job").attempt, flush=True)
store.commit(record(1, {{"a": 1}}))
print("complete", flush=True)
signal.pause()
"""


@pytest.fixture
def other_owner(fast_path: Path) -> Any:
    """Another process that has opened the store and stored epoch 1."""
    code = _OWNER.format(root=str(Path(__file__).parents[2]), directory=str(fast_path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        assert child.stdout.readline() == "complete\n"
        try:
            yield child
        finally:
            child.kill()


def test_r3_r7_an_owner_that_is_stopped_keeps_its_place_and_a_dead_one_loses_it(
    fast_path: Path, other_owner: subprocess.Popen[str]
) -> None:
    """A reported epoch survives SIGKILL; a zombie that wakes up finds nobody in its place."""
    with pytest.raises(StoreLockedError, match=f"process {other_owner.pid}"):
        make_store(fast_path).open("job")
    other_owner.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreLockedError):
        make_store(fast_path).open("job")

    other_owner.kill()
    other_owner.wait()
    store = make_store(fast_path)
    opened = store.open("job")

    assert (opened.attempt, opened.latest and opened.latest.epoch) == (2, 1)
    assert tables_of(state_of(store.load())) == {"a": 1}
    store.close()


def stored(directory: Path) -> Path:
    store = make_store(directory)
    store.open("job")
    for epoch in (1, 2):
        store.commit(record(epoch, {"a": epoch}))
    store.close()
    return folder_of(directory)


def _foreign_database(folder: Path) -> None:
    (folder / "state.db").unlink()
    with sqlite3.connect(folder / "state.db") as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()


def _newer_format(folder: Path) -> None:
    _change(folder, "PRAGMA user_version = 3")


def _trigger(folder: Path) -> None:
    _change(folder, "CREATE TRIGGER t AFTER INSERT ON epoch BEGIN DELETE FROM segment; END")


def _change(folder: Path, sql: str) -> None:
    """Change the database as somebody with knowledge would: without a trace in the seal."""
    import hashlib
    from dataclasses import replace

    from sage_kernel_default.checkpoint.high_water import HighWaterMark

    database = sqlite3.connect(folder / "state.db")
    database.execute(sql)
    database.commit()
    database.close()
    data = (folder / "state.db").read_bytes()
    mark = HighWaterMark.from_bytes((folder / "high-water").read_bytes())
    assert mark is not None
    seal = hashlib.blake2b(data, digest_size=16).hexdigest()
    mark = replace(mark, size_bytes=len(data), seal=seal)
    (folder / "high-water").write_bytes(mark.to_bytes())


def _newer_mark(folder: Path) -> None:
    from sage_kernel_default.checkpoint import high_water

    body = (folder / "high-water").read_bytes().split(b"\n")[0].replace(b'n": 1', b'n": 2', 1)
    (folder / "high-water").write_bytes(body + b"\n" + high_water._sum_of(body) + b"\n")


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda f: (f / "state.db").unlink(), StoreCorruptError, "state.db: it is missing"),
        (lambda f: (f / "high-water").unlink(), StoreCorruptError, "high-water: it is missing"),
        (lambda f: (f / "state.db").write_bytes(b""), StoreCorruptError, "when it was closed"),
        (lambda f: (f / "state.db-wal").write_bytes(b"x"), StoreCorruptError, "closed in order"),
        (_newer_mark, StoreFormatError, "newer release"),
        (_newer_format, StoreFormatError, "format 3, this release reads 1 to 2"),
        (_trigger, StoreCorruptError, "tables are not those"),
    ],
)
def test_r7_what_is_missing_foreign_or_newer_is_refused_and_left_alone(
    fast_path: Path, change: Any, error: type[Exception], told: str
) -> None:
    """An older release that writes into newer state would destroy it."""
    folder = stored(fast_path)
    change(folder)
    before = contents(fast_path)

    with pytest.raises(error, match=told):
        make_store(fast_path).open("job")

    assert contents(fast_path) == before


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_r7_a_foreign_file_in_the_place_of_the_database_is_left_alone(
    fast_path: Path, content: bytes | None
) -> None:
    """Somebody else's data are not ours to replace."""
    folder = folder_of(fast_path)
    folder.mkdir()
    (folder / "state.db").write_bytes(content or b"")
    if content is None:
        _foreign_database(folder)
    before = contents(fast_path)

    with pytest.raises(StoreFormatError, match=r"no database of sage-kernel|another program"):
        make_store(fast_path).open("job")

    assert contents(fast_path) == before


def test_r6_an_older_copy_of_the_database_is_refused(fast_path: Path) -> None:
    """It is whole and valid; only the mark outside knows that there was more."""
    folder = stored(fast_path)
    old = (folder / "state.db").read_bytes()
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(3, {"a": 3}))
    # Killed here: nothing is sealed.
    copy = fast_path / "copy"
    shutil.copytree(folder, copy / folder.name)
    store.close()
    (copy / folder.name / "state.db").write_bytes(old)
    (copy / folder.name / "state.db-wal").unlink()
    before = contents(copy)

    with pytest.raises(StoreCorruptError, match="ends with epoch 2, and 3 was complete"):
        make_store(copy).open("job")

    assert contents(copy) == before


def test_r6_files_of_another_job_are_refused(fast_path: Path) -> None:
    """Two folders whose files were exchanged are each valid in themselves."""
    stored(fast_path)
    other = make_store(fast_path)
    other.open("other")
    other.commit(record(1, {"a": 1}))
    other.close()
    shutil.copy(folder_of(fast_path, "other") / "state.db", folder_of(fast_path) / "state.db")

    with pytest.raises(StoreCorruptError):
        make_store(fast_path).open("job")

    shutil.copy(folder_of(fast_path, "other") / "high-water", folder_of(fast_path) / "high-water")
    with pytest.raises(StoreCorruptError, match="state of the job 'other'"):
        make_store(fast_path).open("job")


@pytest.mark.parametrize(
    ("snapshots", "told"),
    [
        ([StepSnapshot("source", 0, 1)], "no snapshot of the step 'keyed'"),
        ([StepSnapshot("source", 0, 1), StepSnapshot("keyed", 0, 2)], r"instances \[0\]"),
        ([StepSnapshot("source", 0, 1), *[StepSnapshot("keyed", 0, 2)] * 2], r"instances \[0, 0\]"),
        ([StepSnapshot("source", 0, 1), StepSnapshot("keyed", 0, 1)], "not the whole table"),
    ],
)
def test_r7_a_record_that_does_not_fit_is_refused_and_changes_nothing(
    fast_path: Path, snapshots: list[StepSnapshot], told: str
) -> None:
    """State that is forgotten in one epoch is lost in all later ones."""
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(1, {"a": 1, "b": 2}))
    before = state_of(store.load())

    with pytest.raises(CheckpointError, match=told):
        store.commit(EpochRecord(2, snapshots))
    with pytest.raises(CheckpointError, match="not newer than 1"):
        store.commit(record(1, {}))
    with pytest.raises(CheckpointError, match="cannot be written as JSON"):
        store.commit(EpochRecord(2, record(2, {}).snapshots, {"x": object()}))

    assert state_of(store.load()) == before
    store.commit(record(2, {"a": 2}))
    assert tables_of(state_of(store.load())) == {"a": 2, "b": 2}
    store.close()


def test_steps_are_dropped_and_rescaled_only_when_that_is_said(fast_path: Path) -> None:
    """The other half of refusing: what is meant must work."""
    store = make_store(fast_path)
    store.open("job")
    store.commit(record(1, {"a": 1, "b": 2}))
    count = pack_table(CODEC, "count", {"a": 1}, is_base=True)
    one = StepSnapshot("keyed", 0, 1, keyed=[*count, *pack_table(CODEC, "hot", {}, is_base=True)])

    store.commit(EpochRecord(2, [one], dropped_steps=frozenset({"source"})))

    state = state_of(store.load())
    assert "source" not in state
    assert [tables for _, tables, _, _ in state["keyed"]] == [{"count": {"a": 1}, "hot": {}}]
    store.close()


def test_the_latest_epoch_cannot_be_deleted(fast_path: Path) -> None:
    """The job would start from the beginning, and not know it."""
    store = make_store(fast_path, retain=2)
    store.open("job")
    store.commit(record(1, {"a": 1}))

    with pytest.raises(CheckpointError, match="Epoch 1 is the latest"):
        store.delete(1)
    with pytest.raises(CheckpointError, match="no epoch 7; stored: 1"):
        store.load(7)

    store.close()


def test_a_store_that_is_not_open_says_so(fast_path: Path) -> None:
    """R20: a call at the wrong time is an error of ours."""
    store = make_store(fast_path)

    for call in (store.load, store.epochs, lambda: store.commit(record(1, {}))):
        with pytest.raises(CheckpointError, match="not open"):
            call()
    store.close()
    store.open("job")
    with pytest.raises(CheckpointError, match="open already"):
        store.open("job")
    store.close()
    with pytest.raises(ConfigurationError, match="at least 1"):
        make_store(fast_path, retain=0)


def test_a_directory_that_cannot_be_written_is_refused(fast_path: Path) -> None:
    """R7: before the job runs, not at its first checkpoint."""
    (fast_path / "file").write_text("mine")

    with pytest.raises(CheckpointError, match="opening the checkpoints failed: Not a directory"):
        make_store(fast_path / "file").open("job")

    assert contents(fast_path) == {"file": b"mine"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [("tmpfs", ["R3"]), ("nfs4", ["R3", "R7"]), ("fuse.sshfs", ["R3"]), ("ext4", []), ("", [])],
)
def test_a_place_that_cannot_keep_a_promise_is_told(kind: str, told: list[str]) -> None:
    """Users believe that a checkpoint survives the machine; on tmpfs it does not."""
    warnings = warnings_for(Path("/x"), kind)

    assert len(warnings) == bool(told)
    for promise in told:
        assert promise in warnings[0]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this machine has no /dev/shm")
def test_the_warning_reaches_who_opens_a_store(fast_path: Path) -> None:
    """The mount table is read from the machine, so it is tried on the machine."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        store = make_store(Path(folder))
        warnings = store.open("job").warnings
        store.close()

    assert ["tmpfs" in warning for warning in warnings] == [True]
    assert instance_of("a") in (0, 1)
