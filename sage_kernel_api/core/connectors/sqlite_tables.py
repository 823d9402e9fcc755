"""The tables of an exactly-once sink into SQLite, and the statements on them.

Layer: core. Knows rows and numbers of transactions; nothing of records and checkpoints.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from sage_kernel_api.core.connectors.record_fields import check_columns
from sage_kernel_api.errors import PipelineError, StateError
from sage_kernel_api.lifecycle import shorten_repr

__all__ = ["Conflict", "Owner", "SqliteTables", "check_table", "column_types"]

Conflict: TypeAlias = Literal["fail", "replace", "ignore"]

_TYPES: Final[dict[type, str]] = {
    int: "INTEGER",
    bool: "INTEGER",
    float: "REAL",
    str: "TEXT",
    bytes: "BLOB",
}
_INSERT: Final = {"fail": "INSERT", "replace": "INSERT OR REPLACE", "ignore": "INSERT OR IGNORE"}
_OURS: Final = "_sage_"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes: one instance of a step of a job."""

    job: str
    step: str
    index: int
    parallelism: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What stands in the tables."""
        return self.job, self.step, self.index


def check_table(table: object, on_conflict: object) -> None:
    """Refuse a table that cannot be written to.

    Raises:
        PipelineError: Its name is no name, or belongs to SQLite or to us.
    """
    is_name = isinstance(table, str) and table and "\0" not in table
    if not is_name or str(table).lower().startswith(("sqlite_", _OURS)):
        raise PipelineError(
            f"sink_to_sqlite(table={table!r}): a name of text is needed, which begins neither with "
            f"'sqlite_' nor with {_OURS!r}."
        )
    if on_conflict not in get_args(Conflict):
        raise PipelineError(
            f"sink_to_sqlite(on_conflict={on_conflict!r}) is unknown; it is one of "
            f"{', '.join(get_args(Conflict))}."
        )


def column_types(columns: Mapping[str, Any] | Sequence[str] | None) -> dict[str, str]:
    """Return SQLite's types of columns, as far as they were given.

    Raises:
        PipelineError: A name or a type cannot be used.
    """
    if columns is None:
        return {}
    if isinstance(columns, str):
        raise PipelineError(f"Columns are a list of names, not the text {columns!r}.")
    check_columns(list(columns))
    if not isinstance(columns, Mapping):
        return {}
    unknown = [name for name, kind in columns.items() if kind not in _TYPES]
    if unknown:
        described = ", ".join(f"{name}: {shorten_repr(columns[name])}" for name in unknown)
        raise PipelineError(
            f"SQLite has no such types: {described}. It has int, float, str, bytes, bool."
        )
    return {name: _TYPES[kind] for name, kind in columns.items()}


class SqliteTables:
    """The table of the user, the rows that wait for it, and the notes of what was committed.

    Each method is one transaction of the database, durable when it returns.

    Args:
        path: Of the database.
        table: Name of the user's table.
        types: SQLite's types of its columns, for making it.
        on_conflict: See `TransactionalSqliteSink`.
        timeout_s: How long to wait for other writers.
    """

    def __init__(
        self,
        path: str,
        table: str,
        types: Mapping[str, str],
        on_conflict: Conflict,
        timeout_s: float,
    ) -> None:
        self._path = path
        self._table = table
        self._types = types
        self._conflict: Conflict = on_conflict
        self._staged = _quoted(f"{_OURS}staged_{table}")
        self._checked: tuple[str, ...] | None = None
        self._connection = sqlite3.connect(
            path, timeout=timeout_s, isolation_level=None, check_same_thread=False
        )
        # Also the directory entry of a rollback journal must survive, hence not FULL.
        self._connection.execute("PRAGMA synchronous = EXTRA")

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._connection.close()

    def check_columns(self, columns: tuple[str, ...]) -> None:
        """Refuse columns that the table has not.

        Raises:
            PipelineError: There are some.
        """
        if self._checked == columns:
            return
        found = self._columns_of(_quoted(self._table))
        lacking = [name for name in columns if name.casefold() not in found]
        if found and lacking:
            raise PipelineError(
                f"The table {self._table!r} of {self._path} has no column "
                f"{', '.join(map(repr, lacking))}; it has {', '.join(map(repr, found))}."
            )
        self._checked = columns

    # --- waiting rows ------------------------------------------------------------------------

    def stage(
        self, owner: Owner, number: int, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Let rows wait."""
        names = ", ".join(map(_quoted, columns))
        marks = ", ".join("?" * (4 + len(columns)))
        before = (*owner.key, number)
        with self._transaction() as connection:
            self._make_staged(columns)
            connection.executemany(
                f"INSERT INTO {self._staged} (_sage_job, _sage_step, _sage_index, _sage_number, "
                f"{names}) VALUES ({marks})",
                [(*before, *row) for row in rows],
            )

    def rehearse(self, owner: Owner, columns: tuple[str, ...]) -> None:
        """Try whether the table takes all rows that wait, and leave it as it was.

        Raises:
            StateError: It does not.
        """
        described = self._connection.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE", (self._table,)
        ).fetchall()
        # A table that is not there, or as we make them, has nothing that could refuse a row.
        if described in ([], [(f"CREATE TABLE {self._description(columns)}",)]):
            return
        try:
            with self._transaction(keep=False):
                self._move(owner, columns, None)
        except sqlite3.IntegrityError as error:
            raise StateError(
                f"The table {self._table!r} of {self._path} refuses rows: {error}. Nothing was "
                'written. Filter them before the sink, or say on_conflict="replace" or "ignore".'
            ) from error

    def forget(self, owner: Owner, number: int | None = None) -> None:
        """Delete rows of *owner* that wait: those of one transaction, or all."""
        which = "_sage_index = ?" if number is None else "_sage_index = ? AND _sage_number = ?"
        self._delete(owner, which, (owner.index, *(() if number is None else (number,))))

    def sweep(self, owner: Owner, known: Collection[int]) -> None:
        """Delete rows that wait of instances that are no more, but for the *known* ones."""
        which = "_sage_index >= ?" + " AND _sage_index <> ?" * len(known)
        self._delete(owner, which, (owner.parallelism, *known))

    def _delete(self, owner: Owner, which: str, values: tuple[int, ...]) -> None:
        if not self._columns_of(self._staged):
            return
        with self._transaction() as connection:
            connection.execute(
                f"DELETE FROM {self._staged} WHERE _sage_job = ? AND _sage_step = ? AND {which}",
                (owner.job, owner.step, *values),
            )

    # --- committing --------------------------------------------------------------------------

    def publish(
        self,
        owner: Owner,
        columns: tuple[str, ...],
        numbers: Sequence[int],
        *,
        run: str,
        number: int,
        epoch: int,
    ) -> None:
        """Move the rows of some transactions into the table, and note that.

        Raises:
            StateError: No row of them waits: somebody deleted them.
        """
        with self._transaction() as connection:
            self._make_table(columns)
            self._make_commits()
            moved = self._move(owner, columns, numbers)
            if not moved:
                raise StateError(
                    f"The rows that wait for {self._table!r} in {self._path} are gone, and were "
                    "not committed. Somebody deleted them; begin anew without the old state."
                )
            marks = ", ".join("?" * len(numbers))
            connection.execute(
                f"DELETE FROM {self._staged} WHERE _sage_job = ? AND _sage_step = ? AND "
                f"_sage_index = ? AND _sage_number IN ({marks})",
                (*owner.key, *numbers),
            )
            connection.execute(
                f"INSERT OR REPLACE INTO {_OURS}commits VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._table, *owner.key, run, number, epoch),
            )

    def last_commit(self, owner: Owner, run: str) -> int:
        """Return the number of the last transaction that was committed; 0 for none."""
        if not self._columns_of(f"{_OURS}commits"):
            return 0
        row = self._connection.execute(
            f"SELECT number FROM {_OURS}commits WHERE target = ? AND job = ? AND step = ? AND "
            "instance = ? AND run = ?",
            (self._table, *owner.key, run),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def refuse_later(self, owner: Owner, run: str, number: int) -> None:
        """Refuse to go on from a checkpoint behind which the table has later rows.

        Raises:
            StateError: It has.
        """
        if self.last_commit(owner, run) > number:
            raise StateError(
                f"The table {self._table!r} of {self._path} has the output of a later checkpoint "
                "than the one to go on from; its rows would come twice. Take the later one, or put "
                "the old database back."
            )

    # --- statements --------------------------------------------------------------------------

    def _move(self, owner: Owner, columns: tuple[str, ...], numbers: Sequence[int] | None) -> int:
        names = ", ".join(map(_quoted, columns))
        chosen = ""
        values: tuple[int, ...] = ()
        if numbers is not None:
            chosen = f" AND _sage_number IN ({', '.join('?' * len(numbers))})"
            values = tuple(numbers)
        where = f"_sage_job = ? AND _sage_step = ? AND _sage_index = ?{chosen}"
        waiting = self._connection.execute(
            f"SELECT count(*) FROM {self._staged} WHERE {where}", (*owner.key, *values)
        ).fetchone()
        self._connection.execute(
            f"{_INSERT[self._conflict]} INTO {_quoted(self._table)} ({names}) SELECT {names} "
            f"FROM {self._staged} WHERE {where} ORDER BY rowid",
            (*owner.key, *values),
        )
        return int(waiting[0])

    def _make_table(self, columns: tuple[str, ...]) -> None:
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {self._description(columns)}")

    def _description(self, columns: tuple[str, ...]) -> str:
        described = [f"{_quoted(name)} {self._types.get(name, '')}".rstrip() for name in columns]
        return f"{_quoted(self._table)} ({', '.join(described)})"

    def _make_staged(self, columns: tuple[str, ...]) -> None:
        found = self._columns_of(self._staged)
        if not found:
            names = ", ".join(map(_quoted, columns))
            self._connection.execute(
                f"CREATE TABLE {self._staged} (_sage_job TEXT, _sage_step TEXT, "
                f"_sage_index INTEGER, _sage_number INTEGER, {names})"
            )
        for name in columns if found else ():
            if name.casefold() not in found:
                self._connection.execute(f"ALTER TABLE {self._staged} ADD COLUMN {_quoted(name)}")

    def _make_commits(self) -> None:
        self._connection.execute(
            f"CREATE TABLE IF NOT EXISTS {_OURS}commits (target TEXT, job TEXT, step TEXT, "
            "instance INTEGER, run TEXT, number INTEGER, epoch INTEGER, "
            "PRIMARY KEY (target, job, step, instance))"
        )

    def _columns_of(self, quoted_table: str) -> list[str]:
        rows = self._connection.execute(f"PRAGMA table_info({quoted_table})").fetchall()
        return [str(row[1]).casefold() for row in rows]

    @contextmanager
    def _transaction(self, *, keep: bool = True) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT" if keep else "ROLLBACK")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
