"""A disk that fails, is slow, and forgets what was not synced: the ports of the store, simulated.

Layer: simulation.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sage_kernel_default.checkpoint.disk import (
    Database,
    DatabaseError,
    Disk,
    FileDigest,
    FolderLock,
)
from sage_kernel_default.checkpoint.real_disk import RealDisk
from sage_kernel_default.lanes.mishaps import WorldEnd
from sage_kernel_default.lanes.simulated import SimulatedDriver
from sage_kernel_default.simulation.machine import Machine, Session
from sage_kernel_default.simulation.simulated_database import SimulatedDatabase
from sage_kernel_default.simulation.torn import cut_off
from sage_kernel_default.simulation.trouble import DiskTroubles, Trouble

__all__ = ["SimulatedDisk"]

T = TypeVar("T")

_LONGEST_HANG_S: Final = 10.0


def _nothing() -> None:
    """Leave nothing behind."""


class SimulatedDisk(Disk, Session):
    """What one simulated process has of its machine's disk."""

    def __init__(
        self,
        machine: Machine,
        world: SimulatedDriver,
        troubles: DiskTroubles,
        note: Callable[[str, str], None],
        owner: str,
    ) -> None:
        """Begin a process.

        Args:
            machine: Whose disk it is.
            world: Dies with the machine, and gives others their turns while an operation waits.
            troubles: What happens to each operation.
            note: Told of each operation, and of what happened to it.
            owner: Who the process is, in words.
        """
        self._machine = machine
        self._world = world
        self._troubles = troubles
        self._note = note
        self._owner = owner
        self._disk = RealDisk()
        self._is_lost = False
        self._held: list[Callable[[], None]] = []
        machine.join(self)

    def lose(self) -> None:
        """Die: give up what only a living process has."""
        self._is_lost = True
        held, self._held = self._held, []
        for give_up in reversed(held):
            with contextlib.suppress(OSError):
                give_up()

    def run(
        self,
        name: str,
        effect: Callable[[], T],
        *,
        tear: Callable[[], None] = _nothing,
        undo: Callable[[T], None] = lambda _: None,
        is_database: bool = False,
    ) -> T:
        """Do one operation, with whatever happens to it.

        Args:
            name: Of the operation.
            effect: Does it.
            tear: Does a part of it; the machine dies behind it.
            undo: Lets go of a result that nobody gets.
            is_database: How errors look.
        """
        if self._is_lost or self._world.has_ended:
            raise WorldEnd
        trouble = self._troubles.before_operation(name, by_lane=self._world.is_lane_at_work)
        kind, when = trouble.kind, trouble.when
        self._note(name, f"{kind} {when}" if kind != "none" else "")
        if kind == "none":
            return effect()
        if kind in ("slow", "hang") and when == "before":
            self._wait(trouble)
        elif kind == "crash" and when != "after":
            (tear if when == "during" else _nothing)()
            self._die()
        elif kind == "error" and when == "before":
            raise _error(trouble.code, is_database=is_database)
        result = effect()
        try:
            if kind in ("slow", "hang") and when != "before":
                self._wait(trouble)
            elif kind == "crash":
                self._die()
            elif kind == "error":
                raise _error(trouble.code, is_database=is_database)
        except BaseException:
            # Who died, or was told of a failure, has got nothing that anybody could give back.
            undo(result)
            raise
        return result

    def _wait(self, trouble: Trouble) -> None:
        if trouble.kind == "hang":
            life = self._troubles.life
            self._world.pass_time(_LONGEST_HANG_S, lambda: self._troubles.life != life)
        self._world.pass_time(trouble.seconds)
        if self._is_lost:
            raise WorldEnd

    def _die(self) -> None:
        self._world.end()
        raise WorldEnd

    def hold(self, give_up: Callable[[], None]) -> None:
        """Have *give_up* called when the process dies."""
        self._held.append(give_up)

    # --- files -----------------------------------------------------------------------------------

    def make_folder(self, folder: Path) -> list[Path]:
        """Make a folder; it is durable at once."""

        def make() -> list[Path]:
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            return missing[::-1]

        return self.run("make_folder", make)

    def remove_folder(self, folder: Path) -> None:
        """Remove an empty folder."""
        self.run("remove_folder", lambda: self._disk.remove_folder(folder))

    def names(self, folder: Path) -> list[str]:
        """Return what is in a folder, sorted."""
        return self.run("names", lambda: self._disk.names(folder))

    def read(self, path: Path) -> bytes | None:
        """Return the content of a file; None if there is none."""
        return self.run(f"read {path.name}", lambda: self._disk.read(path))

    def write(self, path: Path, data: bytes) -> None:
        """Write a file; a crash in its middle leaves a beginning of it, or the old one."""

        def write() -> None:
            path.write_bytes(data)
            self._machine.wrote(path, data)

        def tear() -> None:
            self._machine.half_wrote(path, cut_off(data, self._machine.random))

        self.run(f"write {path.name}", write, tear=tear)

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file."""

        def rename() -> None:
            self._disk.rename(old, new)
            self._machine.renamed(old, new)

        self.run(f"rename {old.name}", rename)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        self.run("sync_folder", lambda: self._machine.synced(folder))

    def remove(self, path: Path) -> None:
        """Remove a file if it is there."""

        def remove() -> None:
            self._disk.remove(path)
            self._machine.removed(path)

        self.run(f"remove {path.name}", remove)

    def size(self, path: Path) -> int:
        """Ask for the size."""
        return self.run(f"size {path.name}", lambda: self._disk.size(path))

    def digest(self, path: Path) -> FileDigest:
        """Read a whole file."""
        return self.run(f"digest {path.name}", lambda: self._disk.digest(path))

    def lock(self, folder: Path) -> FolderLock | None:
        """Lock a folder, until this process dies."""

        def undo(lock: FolderLock | None) -> None:
            if lock is not None:
                lock.release()

        lock = self.run("lock", lambda: self._disk.lock(folder), undo=undo)
        if lock is not None:
            self.hold(lock.release)
        return lock

    def open_database(self, path: Path, *, is_read_only: bool) -> Database:
        """Open a real database."""
        database = self.run(
            "open_database",
            lambda: self._disk.open_database(path, is_read_only=is_read_only),
            undo=lambda opened: opened.close(),
            is_database=True,
        )
        self.hold(database.close)
        return SimulatedDatabase(database, self, self._machine, path)

    def file_system(self, folder: Path) -> str:
        """Return a name that promises nothing less than a real disk."""
        return "simulated"

    def owner(self) -> str:
        """Name the process."""
        return self._owner


def _error(code: int, *, is_database: bool) -> OSError:
    if is_database:
        return DatabaseError(f"{os.strerror(code)} (injected)", "other")
    return OSError(code, os.strerror(code))
