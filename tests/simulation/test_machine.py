"""The simulated machine: what is durable survives, what is not may be lost or torn."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from sage_kernel_default import SimulatedDriver
from sage_kernel_default.checkpoint.disk import Database, DatabaseError
from sage_kernel_default.lanes.mishaps import WorldEnd
from sage_kernel_default.simulation import Machine, SimulatedDisk
from sage_kernel_default.simulation.trouble import FINE, DiskTroubles, NoTroubles, Trouble

_CUTS = 12


class Script(DiskTroubles):
    """Says what happens to operations, by name."""

    life = 0

    def __init__(self, **troubles: Trouble) -> None:
        self.troubles = troubles

    def before_operation(self, name: str, *, by_lane: bool) -> Trouble:
        return self.troubles.pop(name.split()[-1].replace(".", "_"), FINE)


def boot(machine: Machine, troubles: DiskTroubles | None = None) -> SimulatedDisk:
    return SimulatedDisk(
        machine, SimulatedDriver(0), troubles or NoTroubles(), lambda *_: None, "process"
    )


def after_power_cuts(folder: Path, prepare: Callable[[SimulatedDisk, Path], None]) -> set[object]:
    """Return the different contents of the file ``a`` that power cuts leave."""
    left: set[object] = set()
    for number in range(_CUTS):
        root = folder / str(number)
        root.mkdir()
        machine = Machine(root, Random(number))
        prepare(boot(machine), root / "a")
        machine.crash(is_power_cut=True)
        left.add(boot(machine).read(root / "a"))
    return left


def test_what_was_synced_survives_every_power_cut(tmp_path: Path) -> None:
    """A disk that forgets more than a real one would find faults that are none."""

    def prepare(disk: SimulatedDisk, path: Path) -> None:
        disk.write(path, b"old")
        disk.sync_folder(path.parent)
        disk.write(path, b"new")

    assert after_power_cuts(tmp_path, prepare) == {b"new"}


def test_a_name_that_was_not_synced_may_be_lost(tmp_path: Path) -> None:
    """A disk that forgets less would miss a forgotten sync."""

    def prepare(disk: SimulatedDisk, path: Path) -> None:
        disk.write(path, b"old")
        disk.sync_folder(path.parent)
        disk.write(path.with_name("b"), b"new")
        disk.rename(path.with_name("b"), path)

    assert after_power_cuts(tmp_path, prepare) == {b"old", b"new"}


def test_a_process_that_is_killed_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    """The operating system still has it."""
    machine = Machine(tmp_path, Random(0))
    disk = boot(machine)
    disk.write(tmp_path / "a", b"text")

    machine.crash(is_power_cut=False)

    assert boot(machine).read(tmp_path / "a") == b"text"


def test_a_write_in_the_middle_of_which_the_machine_dies_is_cut_off(tmp_path: Path) -> None:
    """Half a file must be recognized by its reader."""
    machine = Machine(tmp_path, Random(1))
    disk = boot(machine, Script(a=Trouble("crash", "during")))

    with pytest.raises(WorldEnd):
        disk.write(tmp_path / "a", b"0123456789" * 10)
    machine.crash(is_power_cut=False)

    left = boot(machine).read(tmp_path / "a")
    assert left is not None
    assert len(left) < 100
    assert (b"0123456789" * 10).startswith(left)


def test_a_dead_process_can_do_nothing_and_holds_nothing(tmp_path: Path) -> None:
    """Its late calls would be a zombie's writes, which no real crash leaves."""
    machine = Machine(tmp_path, Random(0))
    dead = boot(machine)
    assert dead.lock(tmp_path) is not None
    assert boot(machine).lock(tmp_path) is None

    machine.crash(is_power_cut=False)

    with pytest.raises(WorldEnd):
        dead.write(tmp_path / "a", b"late")
    assert boot(machine).lock(tmp_path) is not None


def test_errors_come_before_or_after_the_effect(tmp_path: Path) -> None:
    """A write that failed may have happened all the same."""
    machine = Machine(tmp_path, Random(0))
    full = Trouble("error", "before", errno.ENOSPC)
    broken = Trouble("error", "after", errno.EIO)
    disk = boot(machine, Script(a=full, b=broken, open_database=full))

    with pytest.raises(OSError, match="No space"):
        disk.write(tmp_path / "a", b"text")
    with pytest.raises(OSError, match="Input/output"):
        disk.write(tmp_path / "b", b"text")
    with pytest.raises(DatabaseError, match="No space"):
        disk.open_database(tmp_path / "db", is_read_only=False)

    assert disk.names(tmp_path) == ["b"]


def _commit(disk: SimulatedDisk, path: Path, level: str) -> None:
    database = _opened(disk, path, level)
    for number in range(3):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3000))
        database.execute("COMMIT")


def _opened(disk: SimulatedDisk, path: Path, level: str) -> Database:
    database = disk.open_database(path, is_read_only=False)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    database.execute("CREATE TABLE t (n INTEGER, text TEXT)")
    database.execute("COMMIT")
    database.close()
    database = disk.open_database(path, is_read_only=False)
    database.execute(f"PRAGMA synchronous = {level}")
    return database


def _rows_after_power_cuts(folder: Path, level: str) -> set[int]:
    left = set()
    for number in range(_CUTS):
        root = folder / str(number)
        root.mkdir()
        machine = Machine(root, Random(number))
        _commit(boot(machine), root / "db", level)
        machine.crash(is_power_cut=True)
        database = boot(machine).open_database(root / "db", is_read_only=False)
        left.add(len(database.execute("SELECT * FROM t")))
        database.close()
    return left


def test_a_commit_is_durable_as_far_as_the_database_was_told_to_sync(tmp_path: Path) -> None:
    """A store that forgets ``synchronous=FULL`` must be found."""
    (tmp_path / "full").mkdir()
    (tmp_path / "normal").mkdir()

    assert _rows_after_power_cuts(tmp_path / "full", "FULL") == {3}
    assert min(_rows_after_power_cuts(tmp_path / "normal", "NORMAL")) < 3


def test_a_commit_in_the_middle_of_which_the_machine_dies_is_there_or_not(tmp_path: Path) -> None:
    """Torn logs must be ones that SQLite itself leaves, or it reports damage that is none."""
    left = set()
    for number in range(_CUTS):
        root = tmp_path / str(number)
        root.mkdir()
        machine = Machine(root, Random(number))
        script = Script()
        disk = boot(machine, script)
        database = _opened(disk, root / "db", "FULL")
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO t VALUES (1, ?)", ("x" * 9000,))
        script.troubles["COMMIT"] = Trouble("crash", "during")
        with pytest.raises(WorldEnd):
            database.execute("COMMIT")
        machine.crash(is_power_cut=True)
        again = boot(machine).open_database(root / "db", is_read_only=False)
        assert again.execute("PRAGMA integrity_check") == [("ok",)]
        left.add(len(again.execute("SELECT * FROM t")))
        again.close()

    assert left == {0, 1}
