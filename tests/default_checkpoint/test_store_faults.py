"""R4: a fault at any call of a checkpoint leaves the old or the new epoch."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api.errors import CheckpointError, CheckpointInDoubtError
from sage_kernel_default.checkpoint.sqlite_store import SqliteCheckpointStore
from tests.default_checkpoint.stores import (
    FaultyDisk,
    contents,
    failing,
    make_store,
    record,
    state_of,
)

pytestmark = pytest.mark.slow

_MOST_CALLS = 400


@pytest.fixture(scope="module")
def template(memory: Path) -> Path:
    """A closed store with the epochs 1 to 4; the fifth will merge."""
    directory = Path(tempfile.mkdtemp(dir=memory))
    store = make_store(directory, retain=2)
    store.open("job")
    for epoch in range(1, 5):
        store.commit(record(epoch, {"a": epoch, "b": 0, "c": 0}, is_base=epoch == 1))
    store.close()
    return directory


@pytest.fixture(scope="module")
def states(memory: Path, template: Path) -> dict[int, Any]:
    """What the epochs 4, 5 and 6 hold without any fault."""
    directory = Path(tempfile.mkdtemp(dir=memory))
    shutil.copytree(template, directory, dirs_exist_ok=True)
    store = make_store(directory, retain=2)
    store.open("job")
    found = {4: state_of(store.load())}
    for epoch in (5, 6):
        store.commit(next_record(epoch))
        found[epoch] = state_of(store.load())
    store.close()
    return found


def next_record(epoch: int) -> Any:
    return record(epoch, {"a": epoch, f"new{epoch}": True}, ["b"])


def opened(directory: Path, disk: FaultyDisk) -> SqliteCheckpointStore:
    store = make_store(directory, disk, retain=2)
    store.open("job")
    return store


def arm(disk: FaultyDisk, at: int, code: int, mode: str, *, is_persistent: bool) -> None:
    hook = failing(disk.calls + at, code, is_persistent=is_persistent)
    disk.before, disk.after = (hook, None) if mode == "before" else (None, hook)


@pytest.mark.parametrize(
    ("code", "is_persistent", "mode"),
    [
        (errno.ENOSPC, False, "before"),
        (errno.EIO, True, "before"),
        (errno.EIO, False, "after"),
        (errno.EACCES, True, "after"),
    ],
)
def test_r4_a_failing_call_of_commit_leaves_the_old_or_the_new_epoch(
    fast_path: Path,
    template: Path,
    states: dict[int, Any],
    code: int,
    is_persistent: bool,
    mode: str,
) -> None:
    """The first, second, third ... call fails until the commit passes untouched."""
    faults = 0
    for at in range(1, _MOST_CALLS):
        directory = fast_path / str(at)
        shutil.copytree(template, directory)
        disk = FaultyDisk()
        store = opened(directory, disk)
        arm(disk, at, code, mode, is_persistent=is_persistent)
        reached, error = 5, None
        try:
            store.commit(next_record(5))
        except CheckpointError as problem:
            error = problem
        is_over = disk.calls < at
        disk.before = disk.after = None
        if error is None:
            assert state_of(store.load()) == states[5]
        elif not isinstance(error, CheckpointInDoubtError):
            # Nothing has happened, and the store goes on working (unless rolling back failed).
            reached = 4
            if _works(store):
                assert state_of(store.load()) == states[4]
                store.commit(next_record(5))
                reached = 5
        _close(store)
        store = opened(directory, FaultyDisk())
        state = state_of(store.load())
        store.close()
        if isinstance(error, CheckpointInDoubtError):
            assert state in (states[4], states[5])
        else:
            assert state == states[reached]
        faults += error is not None
        shutil.rmtree(directory)
        if is_over:
            break
    else:
        pytest.fail("the commit never passed")
    assert faults > 10


@pytest.mark.parametrize("is_persistent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.open("job"),
        lambda store: store.load(),
        lambda store: store.delete(3),
        lambda store: store.close(),
    ],
    ids=["open", "load", "delete", "close"],
)
def test_r4_a_failing_call_of_anything_else_loses_nothing(
    fast_path: Path,
    template: Path,
    states: dict[int, Any],
    call: Callable[[SqliteCheckpointStore], Any],
    is_persistent: bool,
    mode: str,
    request: pytest.FixtureRequest,
) -> None:
    """Opening and closing touch the mark and the log; neither may cost an epoch."""
    is_open = "open" not in request.node.callspec.id.split("-")[0]
    faults = 0
    for at in range(1, _MOST_CALLS):
        directory = fast_path / str(at)
        shutil.copytree(template, directory)
        disk = FaultyDisk()
        store = make_store(directory, disk, retain=2)
        if is_open:
            store.open("job")
        arm(disk, at, errno.EIO, mode, is_persistent=is_persistent)
        try:
            call(store)
        except CheckpointError:
            faults += 1
        is_over = disk.calls < at
        disk.before = disk.after = None
        _close(store)
        store = opened(directory, FaultyDisk())
        assert state_of(store.load()) == states[4]
        store.commit(next_record(5))
        assert state_of(store.load()) == states[5]
        store.close()
        shutil.rmtree(directory)
        if is_over:
            break
    else:
        pytest.fail("the call never passed")
    assert faults > 0


@pytest.mark.parametrize("mode", ["before", "after"])
def test_r4_a_failing_call_of_the_first_opening_leaves_no_half_made_store(
    fast_path: Path, mode: str
) -> None:
    """The next start must neither find a corrupt store nor need somebody to clean up."""
    for at in range(1, _MOST_CALLS):
        directory = fast_path / str(at)
        disk = FaultyDisk()
        store = make_store(directory, disk)
        arm(disk, at, errno.ENOSPC, mode, is_persistent=False)
        try:
            store.open("job")
        except CheckpointError:
            if at > 1:
                assert not directory.exists()
        is_over = disk.calls < at
        disk.before = disk.after = None
        _close(store)
        store = make_store(directory)
        assert store.open("job").latest is None
        store.commit(record(1, {"a": 1}))
        store.close()
        if is_over:
            return
    pytest.fail("the opening never passed")


def test_r4_a_full_database_refuses_the_epoch_and_goes_on_when_there_is_room(
    fast_path: Path, template: Path, states: dict[int, Any]
) -> None:
    """The real SQLITE_FULL, in the middle of a transaction."""
    shutil.copytree(template, fast_path / "s")
    store = opened(fast_path / "s", FaultyDisk())
    database = store._database
    assert database is not None
    [(pages,)] = database.execute("PRAGMA page_count")
    database.execute(f"PRAGMA max_page_count = {pages + 3}")

    for _ in range(3):
        with pytest.raises(CheckpointError, match=r"storing epoch 5 failed: .* full"):
            store.commit(record(5, {f"user{n}": "x" * 100 for n in range(5_000)}))
    assert state_of(store.load()) == states[4]

    database.execute("PRAGMA max_page_count = 1000000")
    store.commit(next_record(5))
    assert state_of(store.load()) == states[5]
    store.close()


# Forks, because starting an interpreter for each of some hundred kills would take minutes.
_KILLS = """
import os, shutil, sys
from pathlib import Path
root, template, work, operation, mode = sys.argv[1:]
sys.path.insert(0, root)
from tests.default_checkpoint.stores import FaultyDisk, kill_at, make_store, record, state_of
from tests.default_checkpoint.test_store_faults import next_record

def child(directory, at, pipe):
    disk = FaultyDisk()
    store = make_store(directory, disk, retain=2)
    if operation != "open":
        store.open("job")
    hook = kill_at(disk.calls + at)
    disk.before, disk.after = (hook, None) if mode == "before" else (None, hook)
    if operation == "open":
        store.open("job")
    elif operation == "commit":
        store.commit(next_record(5))
        os.write(pipe, b"5")
    else:
        store.close()
    os._exit(0)

at, kills, new = 0, 0, 0
while True:
    at += 1
    directory = Path(work) / str(at)
    shutil.copytree(template, directory)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child(directory, at, writer)
        finally:
            os._exit(2)
    os.close(writer)
    reported = os.read(reader, 1)
    os.close(reader)
    status = os.waitpid(pid, 0)[1]
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0, status
    store = make_store(directory, retain=2)
    latest = store.open("job").latest.epoch
    state = state_of(store.load())
    assert latest == state["epoch"]
    assert latest in ((4, 5) if operation == "commit" else (4,)), latest
    assert not reported or latest == 5, "a reported epoch is gone"
    a = {k: v for _, t, _, _ in state["keyed"] for k, v in t["count"].items()}
    assert a == ({"a": 5, "new5": True, "c": 0} if latest == 5 else {"a": 4, "b": 0, "c": 0}), a
    assert state["source"][0][0] == {"position": latest}
    store.commit(next_record(6))
    store.close()
    shutil.rmtree(directory)
    kills += killed
    new += killed and latest == 5
    if not killed:
        break
print(kills, new)
"""


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("operation", ["open", "commit", "close"])
def test_r3_r4_a_kill_at_any_call_leaves_the_old_or_the_new_epoch(
    fast_path: Path, template: Path, operation: str, mode: str
) -> None:
    """SIGKILL runs no handler; what was reported complete is there all the same."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", _KILLS, str(Path(__file__).parents[2]), str(template)),
            *(str(fast_path), operation, mode),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    kills, new = map(int, done.stdout.split())
    assert kills > (3 if operation == "close" else 10)
    # Both outcomes were seen, or the kills would all have been on one side of the commit.
    assert (0 < new < kills) == (operation == "commit")


def test_r6_the_tests_leave_their_template_alone(template: Path) -> None:
    """Each case works on a copy, so that none sees the faults of another."""
    assert len(contents(template)) == 3


def _works(store: SqliteCheckpointStore) -> bool:
    try:
        store.epochs()
    except CheckpointError:
        return False
    return True


def _close(store: SqliteCheckpointStore) -> None:
    try:
        store.close()
    except CheckpointError:
        store.close()
