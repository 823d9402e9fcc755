"""Steps that end a branch outside of the program, exactly once.

Layer: core. The connectors themselves are loaded when a pipeline uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from sage_kernel_api.core.operators import TransactionalSinkOperator
from sage_kernel_api.core.policies import ErrorPolicy
from sage_kernel_api.core.streams.stream_base import StreamBase, step_options
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.connectors.file_formats import FileFormat
    from sage_kernel_api.core.connectors.sqlite_tables import Conflict

__all__ = ["ConnectorSinks"]

T_co = TypeVar("T_co", covariant=True)


class ConnectorSinks(StreamBase[T_co], Generic[T_co]):
    """The sinks of a stream that commit together with checkpoints."""

    def sink_to_file(
        self,
        path: str | PathLike[str],
        format: FileFormat = "lines",  # noqa: A002 - the word that users expect
        *,
        columns: Sequence[str] | None = None,
        append: bool = False,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
        on_error: ErrorPolicy | None = None,
    ) -> Self:
        """Write each record into a file, exactly once; returns the same stream.

        Records are written beside the file and become visible with the checkpoint that covers
        them; without checkpoints, all at once when the input has ended, and never if the job fails.
        A file that is there is replaced by the first commit.

        Args:
            path: Of the file; its directory must exist.
            format: ``lines``: ``str(record)``; ``json``: one JSON value per line; ``csv``: rows
                below a row of names, of mappings, dataclasses or tuples.
            columns: Of ``csv``; None to take them from the first record.
            append: Continue a file that is there.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; each but the first writes ``path.1`` and so on.
            on_error: What becomes of a record that cannot be written in that format.

        Raises:
            PipelineError: An argument cannot be used.

        Example:
            >>> import pathlib, tempfile
            >>> from sage_kernel_api import LocalEnvironment
            >>> folder = tempfile.TemporaryDirectory()
            >>> path = pathlib.Path(folder.name, "out.csv")
            >>> with LocalEnvironment(kernel="mock") as env:
            ...     rows = env.from_collection([("tea", 2), ("cup", 4)])
            ...     stream = rows.sink_to_file(path, "csv", columns=["item", "price"])
            ...     _ = env.submit(autostop=True)
            >>> path.read_text().split()
            ['item,price', 'tea,2', 'cup,4']
            >>> folder.cleanup()
        """
        from sage_kernel_api.core.connectors.file_sink import TransactionalFileSink

        _check_path(path, "sink_to_file")
        settings = {"columns": columns, "append": append}
        options = (name, uid, parallelism, on_error)
        return self._end_with(TransactionalFileSink, (path, format), settings, options)

    def sink_to_sqlite(
        self,
        path: str | PathLike[str],
        table: str,
        columns: Mapping[str, type] | Sequence[str] | None = None,
        *,
        on_conflict: Conflict = "fail",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
        on_error: ErrorPolicy | None = None,
    ) -> Self:
        """Insert each record into a table of an SQLite database, exactly once; returns the stream.

        Rows become visible with the checkpoint that covers them; without checkpoints, all at once
        when the input has ended, and never if the job fails.

        Args:
            path: Of the database, made if missing.
            table: Made if missing.
            columns: Names, or names with Python types for a new table; None to take the names
                from the first record. Records are mappings, dataclasses or tuples.
            on_conflict: What a row does that breaks a constraint of the table: ``fail`` the job
                before the checkpoint, ``replace`` the row that is there, or ``ignore`` the new one.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; they wait for each other when they write.
            on_error: What becomes of a record that does not fit the columns.

        Raises:
            PipelineError: An argument cannot be used.
        """
        from sage_kernel_api.core.connectors.sqlite_sink import TransactionalSqliteSink

        _check_path(path, "sink_to_sqlite")
        settings = {"on_conflict": on_conflict}
        options = (name, uid, parallelism, on_error)
        return self._end_with(TransactionalSqliteSink, (path, table, columns), settings, options)

    def _end_with(
        self,
        sink: Callable[..., Any],
        args: tuple[Payload, ...],
        settings: dict[str, Payload],
        options: tuple[str | None, str | None, int, ErrorPolicy | None],
    ) -> Self:
        sink(*args, **settings)  # Refuses now what would fail in every instance.
        self._add_step(TransactionalSinkOperator, sink, args, settings, step_options(*options))
        return self


def _check_path(path: object, method: str) -> None:
    if not isinstance(path, (str, PathLike)):
        raise PipelineError(f"{method} takes a path, not {shorten_repr(path)}.")
