"""An exactly-once sink into a table of an SQLite database.

Layer: core.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from sage_kernel_api.core.connectors.handles import latest_handles
from sage_kernel_api.core.connectors.record_fields import FieldReader
from sage_kernel_api.core.connectors.sqlite_tables import (
    Conflict,
    Owner,
    SqliteTables,
    check_table,
    column_types,
)
from sage_kernel_api.core.functions.transactional_sink import TransactionalSinkFunction
from sage_kernel_api.errors import BadRecordError, PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["SqliteColumns", "TransactionalSqliteSink"]

I_contra = TypeVar("I_contra", contravariant=True)

SqliteColumns: TypeAlias = Mapping[str, type] | Sequence[str]
"""Names of columns, with the Python types of their values if a new table shall have some."""

_BUFFER_ROWS: Final = 5_000
_PLAIN: Final = frozenset({int, float, str, bytes, bool, type(None)})


class TransactionalSqliteSink(TransactionalSinkFunction[I_contra]):
    """Inserts records into a table, each of them exactly once.

    Rows wait in a table of their own, ``_sage_staged_...``, and are moved when the checkpoint is
    durable, in the one transaction that also notes so in ``_sage_commits``. The table is made by
    the first commit if there is none.

    Args:
        path: Of the database, made if missing.
        table: Its name.
        columns: Names, or names with Python types; None to take names from the first record.
        on_conflict: What a row does that breaks a constraint of the table: ``fail`` (noticed
            before the checkpoint), ``replace`` the row that is there, or be left out: ``ignore``.
        timeout_s: How long to wait for others who write to the database.

    Raises:
        PipelineError: A name cannot be used, or a type is none of SQLite's.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        table: str,
        columns: SqliteColumns | None = None,
        *,
        on_conflict: Conflict = "fail",
        timeout_s: float = 30.0,
    ) -> None:
        super().__init__()
        check_table(table, on_conflict)
        self.path: str = os.path.abspath(path)
        self.table = table
        self.on_conflict: Conflict = on_conflict
        self.timeout_s = timeout_s
        self._types = column_types(columns)
        self._fields = FieldReader(None if columns is None else list(columns))
        self._tables: SqliteTables | None = None
        self._run = ""
        self._number = 0
        self._staged = 0
        self._pending: list[int] = []
        self._buffer: list[list[Payload]] = []
        self._failure: sqlite3.Error | PipelineError | None = None

    # --- one transaction ---------------------------------------------------------------------

    def open(self) -> None:
        """Look whether the columns fit the table.

        Raises:
            PipelineError: The table has no such columns.
        """
        if self._fields.columns is not None:
            self._database.check_columns(self._fields.columns)

    def close(self) -> None:
        """Close the database."""
        if self._tables is not None:
            self._tables.close()
            self._tables = None

    def begin(self) -> None:
        """Begin a transaction."""
        self._number += 1
        self._staged = 0

    def execute(self, data: I_contra) -> None:
        """Take one record.

        Raises:
            BadRecordError: It does not fit the columns, or has values that SQLite has not.
            sqlite3.Error: The rows so far could not be written. The sink is of no use any more.
        """
        row = self._row(data)
        if self._failure is not None:
            raise self._failure
        self._buffer.append(row)
        if len(self._buffer) >= _BUFFER_ROWS:
            self._stage()

    def pre_commit(self, epoch: int) -> Mapping[str, Payload] | None:
        """Make the rows durable, and try whether the table will take them.

        Raises:
            StateError: The table refuses them.
        """
        self._stage()
        if self._staged:
            self._database.rehearse(self._me, self._columns)
            self._pending.append(self._number)
        if not self._run or not self._columns:
            return None
        return {
            "index": self._me.index,
            "run": self._run,
            "number": self._number,
            "epoch": epoch,
            "columns": self._columns,
            "pending": list(self._pending),
        }

    def abort(self) -> None:
        """Throw away the rows that came since."""
        self._buffer = []
        if self._staged:
            self._staged = 0
            self._database.forget(self._me, self._number)

    def _row(self, data: Any) -> list[Payload]:
        row = self._fields.values(data)
        for name, value in zip(self._columns, row, strict=True):
            if type(value) not in _PLAIN:
                raise BadRecordError(
                    f"{shorten_repr(data)}: column {name!r} has a {type(value).__name__}, which "
                    "SQLite cannot keep. Make it a number, text, bytes or None before the sink."
                )
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise BadRecordError(
                    f"{shorten_repr(data)}: column {name!r} has a number of more than 64 bits, "
                    "which SQLite cannot keep. Make it text before the sink."
                )
        return row

    def _stage(self) -> None:
        """Write the buffer; a failure is final, since the job believes that rows are kept."""
        if self._failure is not None:
            raise self._failure
        if not self._buffer:
            return
        self._run = self._run or uuid.uuid4().hex
        rows, self._buffer = self._buffer, []
        try:
            self._database.check_columns(self._columns)
            self._database.stage(self._me, self._number, self._columns, rows)
        except (sqlite3.Error, PipelineError) as error:
            self._failure = error
            raise
        self._staged += len(rows)

    # --- committing --------------------------------------------------------------------------

    def commit(self, handle: Payload) -> None:
        """Move the rows into the table."""
        self._publish(self._me, handle)
        self._pending = [number for number in self._pending if number > handle["number"]]

    def recover(self, handles: Sequence[Payload]) -> None:
        """Commit what belongs to the checkpoint, and delete what does not."""
        me = self._me
        if not handles and not os.path.exists(self.path):
            return
        known = latest_handles(handles)
        for handle in known.values():
            if handle["index"] % me.parallelism == me.index:
                owner = Owner(me.job, me.step, handle["index"], me.parallelism)
                self._publish(owner, handle)
                self._database.refuse_later(owner, handle["run"], handle["number"])
                self._database.forget(owner)
            if handle["index"] == me.index:
                self._run, self._number = handle["run"], handle["number"]
                self._fields = FieldReader(handle["columns"])
        self._database.forget(me)
        if me.index == 0:
            # Nobody else would look after instances that are no more, and never committed.
            self._database.sweep(me, known)

    def _publish(self, owner: Owner, handle: Mapping[str, Any]) -> None:
        last = self._database.last_commit(owner, handle["run"])
        left = [number for number in handle["pending"] if number > last]
        if not left:
            return
        self._database.publish(
            owner,
            tuple(handle["columns"]),
            left,
            run=handle["run"],
            number=handle["number"],
            epoch=handle["epoch"],
        )

    @property
    def _columns(self) -> tuple[str, ...]:
        return self._fields.columns or ()

    @property
    def _database(self) -> SqliteTables:
        if self._tables is None:
            self._tables = SqliteTables(
                self.path, self.table, self._types, self.on_conflict, self.timeout_s
            )
        return self._tables

    @property
    def _me(self) -> Owner:
        if self._context is None:
            return Owner("", "", 0, 1)
        context = self.ctx
        return Owner(
            context.env_name,
            context.name,
            context.get_parallel_index(),
            context.get_parallelism(),
        )
