"""The steps that bring records in from files, directories, sockets and timers.

Layer: core. The connectors themselves are loaded when a pipeline uses them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from typing import Any, TypeVar, overload

from sage_kernel_api.core.arguments import check_count
from sage_kernel_api.core.environment.source_steps import SourceSteps
from sage_kernel_api.core.operators import BlockSourceOperator
from sage_kernel_api.core.policies import ErrorPolicy, Policies
from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.core.transformation import StepOptions
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["ConnectorSteps"]

T = TypeVar("T")


class ConnectorSteps(SourceSteps):
    """The methods of an environment that begin a stream outside of the program."""

    def from_text_file(
        self,
        path: str | PathLike[str],
        *,
        encoding: str = "utf-8",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
    ) -> DataStream[str]:
        r"""Begin with the lines of a text file, without their line ends.

        Exactly-once: its position is part of a checkpoint. Lines end with ``\\n`` or ``\\r\\n``.

        Args:
            path: Of a regular file.
            encoding: Of the file; every one in which lines can be read alone, also UTF-16.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; with more than one, lines lose their order.

        Raises:
            PipelineError: *path* is no path, or the encoding cannot be used.
        """
        from sage_kernel_api.core.connectors.split_source import TextFileSource

        _check_path(path, "from_text_file")
        options = StepOptions(name, uid, parallelism)
        TextFileSource(path, encoding)  # Refuses now what would fail in every instance.
        return self._begin(BlockSourceOperator, TextFileSource, (path, encoding), {}, options)

    @overload
    def from_json_lines(
        self,
        path: str | PathLike[str],
        type: None = None,
        *,
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
    ) -> DataStream[Any]: ...
    @overload
    def from_json_lines(
        self,
        path: str | PathLike[str],
        type: type[T],
        *,
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
    ) -> DataStream[T]: ...
    def from_json_lines(
        self,
        path: str | PathLike[str],
        type: Any = None,  # noqa: A002
        *,
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
    ) -> Any:
        r"""Begin with the values of a file of JSON Lines: UTF-8, one JSON value per line.

        Exactly-once: its position is part of a checkpoint.

        Args:
            path: Of a regular file.
            type: What every line must be: a dataclass, TypedDict, ``msgspec.Struct``, or a
                built-in type such as ``dict[str, int]``. None for anything.
            on_error: What becomes of a line that is none: ``fail`` (default), ``skip``, or
                ``dead_letter``, which gives a `BadRecord` with file, line and text.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; with more than one, records lose their order.

        Raises:
            PipelineError: *path* is no path, or *type* is none that can be read.

        Example:
            >>> import pathlib, tempfile
            >>> from sage_kernel_api import LocalEnvironment
            >>> folder = tempfile.TemporaryDirectory()
            >>> path = pathlib.Path(folder.name, "counts.jsonl")
            >>> _ = path.write_text('{"a": 1}\\n{"b": 2}\\n')
            >>> env = LocalEnvironment(kernel="mock")
            >>> env.from_json_lines(path, dict[str, int]).execute_and_collect()
            [{'a': 1}, {'b': 2}]
            >>> folder.cleanup()
        """
        from sage_kernel_api.core.connectors.json_lines import JsonLinesSource

        _check_path(path, "from_json_lines")
        JsonLinesSource[Any](path, type)
        options = StepOptions(name, uid, parallelism)
        return self._begin_records(JsonLinesSource, (path, type), {}, options, on_error)

    @overload
    def from_csv(
        self,
        path: str | PathLike[str],
        type: None = None,
        *,
        columns: Sequence[str] | None = None,
        delimiter: str = ",",
        quote: str = '"',
        encoding: str = "utf-8-sig",
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
    ) -> DataStream[dict[str, str]]: ...
    @overload
    def from_csv(
        self,
        path: str | PathLike[str],
        type: type[T],
        *,
        columns: Sequence[str] | None = None,
        delimiter: str = ",",
        quote: str = '"',
        encoding: str = "utf-8-sig",
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
    ) -> DataStream[T]: ...
    def from_csv(
        self,
        path: str | PathLike[str],
        type: Any = None,  # noqa: A002
        *,
        columns: Sequence[str] | None = None,
        delimiter: str = ",",
        quote: str = '"',
        encoding: str = "utf-8-sig",
        on_error: ErrorPolicy | None = None,
        name: str | None = None,
        uid: str | None = None,
    ) -> Any:
        """Begin with the rows of a CSV file.

        Exactly-once: its position is part of a checkpoint. One instance reads the file.

        Args:
            path: Of a regular file.
            type: What every row must be: a dataclass, TypedDict or ``msgspec.Struct`` with the
                columns as fields; numbers are read from their text. None for ``dict[str, str]``.
            columns: Their names; None if the first row has them.
            delimiter: One character.
            quote: One character; a quoted field may have delimiters and line ends.
            encoding: Of the file.
            on_error: What becomes of a row that is none: ``fail`` (default), ``skip``, or
                ``dead_letter``, which gives a `BadRecord` with file, line and text.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.

        Raises:
            PipelineError: An argument cannot be used.
        """
        from sage_kernel_api.core.connectors.csv_rows import CsvSource

        _check_path(path, "from_csv")
        settings = {
            "columns": columns,
            "delimiter": delimiter,
            "quote": quote,
            "encoding": encoding,
        }
        CsvSource[Any](path, type, **settings)  # type: ignore[arg-type]
        options = StepOptions(name, uid, 1)
        return self._begin_records(CsvSource, (path, type), settings, options, on_error)

    def from_directory(
        self,
        path: str | PathLike[str],
        pattern: str = "*",
        *,
        watch: bool = False,
        poll_s: float = 1.0,
        encoding: str = "utf-8",
        name: str | None = None,
        uid: str | None = None,
        parallelism: int = 1,
    ) -> DataStream[str]:
        """Begin with the lines of all files of a directory, each file once.

        Exactly-once: what was read of which file is part of a checkpoint. Files must be whole when
        their names appear, and must not change: write under a name with a dot before it and rename.

        Args:
            path: Of the directory.
            pattern: Of the names, as in a shell; names that begin with a dot never fit.
            watch: Go on for ever with files that come later.
            poll_s: Seconds between two looks for new files.
            encoding: Of the files.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.
            parallelism: Number of instances; a file is read by one of them, in its order.

        Raises:
            PipelineError: *path* is no path, or *poll_s* no number of seconds above 0.
        """
        from sage_kernel_api.core.connectors.directory import DirectorySource

        _check_path(path, "from_directory")
        _check_seconds(poll_s, "from_directory(poll_s=")
        settings = {"watch": watch, "poll_s": poll_s, "encoding": encoding}
        DirectorySource(path, pattern, **settings)  # type: ignore[arg-type]
        options = StepOptions(name, uid, parallelism)
        return self._begin(BlockSourceOperator, DirectorySource, (path, pattern), settings, options)

    def from_socket(
        self,
        host: str,
        port: int,
        *,
        encoding: str = "utf-8",
        reconnect_s: float | None = None,
        name: str | None = None,
    ) -> DataStream[str]:
        """Begin with the lines that a TCP server sends.

        At-most-once: a socket has no positions to go back to.

        Args:
            host: Name or address of the server.
            port: Its port.
            encoding: Of the lines.
            reconnect_s: Seconds until it connects again when the connection is refused, lost or
                closed; the stream then never ends. None: it ends when the server closes the
                connection, and a refused or lost one fails the job.
            name: Name of the step, unique in the pipeline.

        Raises:
            PipelineError: *port* is none, or *reconnect_s* no number of seconds above 0.
        """
        from sage_kernel_api.core.connectors.socket_lines import SocketSource

        _check_address(host, port)
        if reconnect_s is not None:
            _check_seconds(reconnect_s, "from_socket(reconnect_s=")
        settings = {"encoding": encoding, "reconnect_s": reconnect_s}
        options = StepOptions(name, parallelism=1)
        return self._begin(BlockSourceOperator, SocketSource, (host, port), settings, options)

    def from_timer(
        self,
        interval_s: float,
        *,
        count: int | None = None,
        name: str | None = None,
        uid: str | None = None,
    ) -> DataStream[int]:
        """Begin with 0, 1, 2, ..., one number per interval, the first one after the first interval.

        The number of the next tick is part of a checkpoint. Ticks that would have come while the
        job was away or paused are not made up for.

        Args:
            interval_s: Seconds between two ticks.
            count: Number of ticks; None for without end.
            name: Name of the step, unique in the pipeline.
            uid: Stable name of its state.

        Raises:
            PipelineError: *interval_s* is no number of seconds above 0, or *count* no whole number.
        """
        from sage_kernel_api.core.connectors.timer import TimerSource

        _check_seconds(interval_s, "from_timer(")
        if count is not None:
            check_count(count, "from_timer(count=)")
        options = StepOptions(name, uid, 1)
        return self._begin(BlockSourceOperator, TimerSource, (interval_s, count), {}, options)

    def _begin_records(
        self,
        source: Any,
        args: tuple[Payload, ...],
        settings: dict[str, Payload],
        options: StepOptions,
        on_error: ErrorPolicy | None,
    ) -> DataStream[Any]:
        """Begin with a source of records some of which may be bad.

        A policy other than ``fail`` is carried out by the kernel, which counts and dead-letters; it
        does so for steps, so the bad records go to a step that refuses them.
        """
        from sage_kernel_api.core.connectors.bad_records import refuse_bad_record

        if on_error is None or on_error == "fail":
            return self._begin(BlockSourceOperator, source, args, settings, options)
        policies = Policies(on_error)
        settings = {**settings, "keep_bad": True}
        stream = self._begin(BlockSourceOperator, source, args, settings, options)
        label = f"{stream.transformation.basename}-check"
        return stream.map(
            refuse_bad_record,
            name=stream.environment.free_name(label),
            parallelism=options.parallelism,
            on_error=policies.on_error,
        )


def _check_path(path: object, method: str) -> None:
    # A number would be taken for an open descriptor, and closed: standard output, say.
    if not isinstance(path, (str, PathLike)):
        raise PipelineError(f"{method} takes a path, not {shorten_repr(path)}.")


def _check_address(host: object, port: object) -> None:
    if not isinstance(host, str):
        raise PipelineError(f"from_socket takes the name of a host, not {shorten_repr(host)}.")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise PipelineError(f"from_socket(port={port!r}) needs a number from 1 to 65535.")


def _check_seconds(seconds: Any, where: str) -> None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < math.inf:
        raise PipelineError(f"{where}{seconds!r}) needs a number of seconds above 0.")
