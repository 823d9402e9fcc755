"""A simulated machine: its disk outlives it, as far as what was written was also synced.

Layer: simulation. The files are real ones, below one folder, so that SQLite itself works on them;
what a crash would have left of them is computed, and written in their place.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Protocol, TypeAlias

from sage_kernel_default.simulation.torn import torn

__all__ = ["Machine", "Session"]

Files: TypeAlias = dict[Path, bytes]
Change: TypeAlias = Callable[[Files], None]


class Session(Protocol):
    """What a process has of the machine, and loses when it dies."""

    def lose(self) -> None:
        """Let go of locks and databases; every later call raises `WorldEnd`."""


class Machine:
    """One disk, and whoever uses it.

    Names and contents of files that were written through a `SimulatedDisk` are durable once they
    were synced. Others survive any crash, which is also legal.

    Attributes:
        root: All files are below it.
        random: Decides what a power cut leaves.
    """

    def __init__(self, root: Path, random: Random) -> None:
        """Args: root: Exists, and is empty. random: See above."""
        self.root = root
        self.random = random
        self._sessions: list[Session] = []
        self._durable: Files = {}
        self._pending: dict[Path, list[Change]] = defaultdict(list)
        self._known: set[Path] = set()
        self._databases: dict[Path, Files] = {}
        self._half_done: dict[Path, bytes | None] = {}

    def join(self, session: Session) -> None:
        """Take note of a process."""
        self._sessions.append(session)

    # --- files -------------------------------------------------------------------------------

    def wrote(self, path: Path, data: bytes) -> None:
        """Take note of a file that was written and synced; its name may be new, and not durable."""
        self._known.add(path)
        if path in self._durable and not self._pending[path.parent]:
            self._durable[path] = data
            return

        def change(files: Files) -> None:
            files[path] = data

        self._pending[path.parent].append(change)

    def renamed(self, old: Path, new: Path) -> None:
        """Take note of a name that changed."""
        self._known.update((old, new))

        def change(files: Files) -> None:
            if old in files:
                files[new] = files.pop(old)

        self._pending[new.parent].append(change)

    def removed(self, path: Path) -> None:
        """Take note of a file that was removed."""
        # A new database of that name has nothing of the old one.
        self._databases.pop(path, None)

        def change(files: Files) -> None:
            files.pop(path, None)

        self._pending[path.parent].append(change)

    def synced(self, folder: Path) -> None:
        """Take note that the names in a folder are durable now."""
        for change in self._pending.pop(folder, ()):
            change(self._durable)

    def half_wrote(self, path: Path, data: bytes | None) -> None:
        """Take note of a write in the middle of which the machine dies."""
        self._half_done[path] = data

    # --- databases -----------------------------------------------------------------------------

    def images(self, database: Path) -> Files:
        """Return what is on the disk of a database now."""
        found = {}
        for path in (database, *(Path(f"{database}{end}") for end in ("-wal", "-journal"))):
            with contextlib.suppress(FileNotFoundError):
                found[path] = path.read_bytes()
        return found

    def database_synced(self, database: Path) -> None:
        """Take note that all of a database is durable."""
        self._databases[database] = self.images(database)

    def half_committed(self, database: Path, before: Files, after: Files) -> None:
        """Take note of a commit, or an end, in the middle of which the machine dies.

        SQLite syncs the log before it touches the database, and the database before it drops the
        log: so one of the two is always whole.
        """
        log = Path(f"{database}-wal")
        # At an end the log goes last, so only the database can be half written.
        is_early = log in after and self.random.random() < 0.7
        left = dict(before)
        self._mix(left, log if is_early else database, before, after)
        if not is_early and log in after:
            left[log] = after[log]
        for path in {*before, *after, database, log}:
            self._half_done[path] = left.get(path)

    def _mix(self, left: Files, path: Path, before: Files, after: Files) -> None:
        mixed = torn(before.get(path), after.get(path), self.random)
        if mixed is None:
            left.pop(path, None)
        else:
            left[path] = mixed

    # --- crashes -------------------------------------------------------------------------------

    def crash(self, *, is_power_cut: bool) -> None:
        """Let all processes die, and with a power cut also what was not synced."""
        files = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        if is_power_cut or self._half_done:
            self._cut_power(files)
        for path, data in self._half_done.items():
            if data is None:
                files.pop(path, None)
            else:
                files[path] = data
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.lose()
        for path in [path for path in self.root.rglob("*") if path.is_file()]:
            path.unlink()
        for path, data in files.items():
            path.write_bytes(data)
        self._durable = {path: data for path, data in files.items() if path in self._known}
        self._pending.clear()
        self._half_done.clear()
        for database in self._databases:
            self.database_synced(database)

    def _cut_power(self, files: Files) -> None:
        left = dict(self._durable)
        for changes in self._pending.values():
            # Journals of file systems keep the order of names, so a beginning of it survives.
            for change in changes[: self.random.randint(0, len(changes))]:
                change(left)
        for path in self._known:
            files.pop(path, None)
            if path in left:
                files[path] = left[path]
        for database, durable in self._databases.items():
            for path in self.images(database).keys() | durable.keys():
                self._mix(files, path, durable, dict(files))
