"""Real SQLite on a simulated disk: what is durable, and when, depends on its own settings.

Layer: simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sage_kernel_default.checkpoint.disk import Database, DatabaseError
from sage_kernel_default.simulation.machine import Machine

__all__ = ["SimulatedDatabase"]

T = TypeVar("T")

_DURABLY: Final = "PRAGMA synchronous = FULL"


class Operations(Protocol):
    """The disk, as its databases see it."""

    def run(
        self, name: str, effect: Callable[[], T], *, tear: Callable[[], None], is_database: bool
    ) -> T:
        """Do one operation; see `SimulatedDisk`."""
        ...


class SimulatedDatabase(Database):
    """One connection."""

    def __init__(self, database: Database, disk: Operations, machine: Machine, path: Path) -> None:
        self._database = database
        self._disk = disk
        self._machine = machine
        self._path = path
        self._is_durable = False

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        name = f"sql {' '.join(sql.split()[:2])}"
        if sql == _DURABLY:
            # What a sync would do is computed: it need not be done.
            self._is_durable = True
            sql = "PRAGMA synchronous = OFF"

        def effect() -> list[tuple[Any, ...]]:
            rows = self._database.execute(sql, parameters)
            if sql == "COMMIT" and self._is_durable:
                self._machine.database_synced(self._path)
            return rows

        def tear() -> None:
            if sql == "COMMIT":
                before = self._machine.images(self._path)
                self._database.execute(sql, parameters)
                self._machine.half_committed(self._path, before, self._machine.images(self._path))

        return self._disk.run(name, effect, tear=tear, is_database=True)

    @property
    def in_transaction(self) -> bool:
        """True from BEGIN to its end."""
        return self._database.in_transaction

    def close(self) -> None:
        """Close it, which writes the log back."""
        before = self._machine.images(self._path)

        def close() -> None:
            self._database.close()
            self._machine.database_synced(self._path)

        def tear() -> None:
            self._database.close()
            self._machine.half_committed(self._path, before, self._machine.images(self._path))

        try:
            self._disk.run("sql close", close, tear=tear, is_database=True)
        except DatabaseError:
            # A close that fails has closed all the same.
            self._database.close()
            self._machine.database_synced(self._path)
            raise
