"""Ready-made sources and sinks.

Layer: core.
"""

from __future__ import annotations

import sys
from io import TextIOWrapper
from os import PathLike
from typing import Any, ClassVar, TextIO, TypeVar

from sage_kernel_api.core.functions.batch_functions import FileBatchIteratorFunction
from sage_kernel_api.core.functions.element_functions import SinkFunction

__all__ = ["FileSink", "FileSource", "MemWriteSink", "PrintSink", "TerminalSink"]

T = TypeVar("T")

_BOLD_BLUE, _PLAIN = "\x1b[1;34m", "\x1b[0m"


class FileSource(FileBatchIteratorFunction):
    """Gives the lines of a text file, without their line ends."""


class FileSink(SinkFunction[object]):
    """Writes one line per record. At-least-once: what a failed job wrote stays.

    Args:
        file_path: Made anew, or with *append* continued. Each parallel instance but the first
            writes to a file of its own, ``file_path.1`` and so on.
        append: Keep what the file has.
        encoding: Of the file.
    """

    __state_exclude__: ClassVar[tuple[str, ...]] = ("_file",)
    _file: TextIOWrapper | None = None

    def __init__(
        self, file_path: str | PathLike[str], *, append: bool = False, encoding: str = "utf-8"
    ) -> None:
        super().__init__()
        self.file_path = file_path
        self.append = append
        self.encoding = encoding

    def open(self) -> None:
        """Open the file."""
        index = 0 if self._context is None else self.ctx.get_parallel_index()
        path = f"{self.file_path}.{index}" if index else self.file_path
        self._file = open(path, "a" if self.append else "w", encoding=self.encoding)  # noqa: SIM115 - closed by close()

    def execute(self, data: object) -> None:
        """Write ``str(data)`` and a line end."""
        if self._file is None:
            self.open()
        assert self._file is not None
        self._file.write(f"{data}\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class PrintSink(SinkFunction[object]):
    """Prints records, because the user asked for that: the only thing of ours on stdout.

    Args:
        prefix: Printed before each record, with *separator* between.
        separator: Between prefix and record.
        colored: Colour the prefix, if the output is a terminal.
        stream: Where to; None for the standard output of the moment.

    Example:
        >>> PrintSink("out").execute(1)
        out | 1
    """

    __state_exclude__: ClassVar[tuple[str, ...]] = ("_stream",)

    def __init__(
        self,
        prefix: str = "",
        separator: str = " | ",
        colored: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        super().__init__()
        self.prefix = prefix
        self.separator = separator
        self.colored = colored
        self._stream = stream

    def execute(self, data: object) -> None:
        """Print one record."""
        stream = self._stream or sys.stdout
        prefix = self.prefix
        if prefix and self.colored and stream.isatty():
            prefix = f"{_BOLD_BLUE}{prefix}{_PLAIN}"
        # One write per line, so that parallel instances do not mix their lines.
        stream.write(f"{prefix}{self.separator}{data}\n" if prefix else f"{data}\n")


class TerminalSink(PrintSink):
    """Prints records to the terminal, in colour."""

    def __init__(self, prefix: str = "", separator: str = " | ", **_ignored: Any) -> None:
        super().__init__(prefix, separator, colored=True)


class MemWriteSink(SinkFunction[T]):
    """Appends records to a list of the caller's.

    Args:
        data: The list; None for one of its own, readable as ``data``.

    Example:
        >>> rows: list[int] = []
        >>> MemWriteSink(rows).execute(1)
        >>> rows
        [1]
    """

    def __init__(self, data: list[T] | None = None) -> None:
        super().__init__()
        self.data: list[T] = [] if data is None else data

    def execute(self, data: T) -> None:
        """Append one record."""
        self.data.append(data)
