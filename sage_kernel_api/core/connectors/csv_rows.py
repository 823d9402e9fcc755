"""Comma-separated values, with quoted line ends and exact positions.

Layer: core.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import Any, Final, TypeVar

import msgspec

from sage_kernel_api.core.connectors.bad_records import BadRecord
from sage_kernel_api.core.connectors.open_file import OpenFile
from sage_kernel_api.core.connectors.record_types import check_record_type
from sage_kernel_api.core.connectors.splits import Mark
from sage_kernel_api.core.connectors.text_format import TextFormat, check_encoding
from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.runnable import SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["CsvSource"]

O_co = TypeVar("O_co", covariant=True)

_BLOCK_BYTES: Final = 1 << 17
# Unfit characters, unfit types, and too many or too few fields.
_BAD_ROW: Final = (csv.Error, msgspec.ValidationError, ValueError)


class CsvSource(BlockSourceFunction[O_co]):
    """Gives the rows of a CSV file: as dictionaries of text, or as a type of the user's.

    One instance reads the file: where a row begins is known only by reading all before it, since a
    quoted field may have line ends. Blank lines are no rows.

    Args:
        path: Of a regular file.
        record_type: What every row must be: a dataclass, TypedDict or ``msgspec.Struct``, whose
            fields are the columns; numbers, booleans and dates are read from their text. None
            for ``dict[str, str]``.
        columns: Their names; None if the first row has them.
        delimiter: One character.
        quote: One character; doubled, it stands for itself within quotes.
        encoding: Of the file.
        keep_bad: Give what is no record as a `BadRecord`, instead of failing.

    Raises:
        PipelineError: An argument cannot be used.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        record_type: Any = None,
        *,
        columns: Sequence[str] | None = None,
        delimiter: str = ",",
        quote: str = '"',
        encoding: str = "utf-8-sig",
        keep_bad: bool = False,
    ) -> None:
        super().__init__()
        self.path = path
        self.encoding: str = check_encoding(encoding)
        self.keep_bad = keep_bad
        self._format: dict[str, Any] = {"delimiter": delimiter, "quotechar": quote}
        self._convert = _converter(record_type)
        self._columns: list[str] | None = None if columns is None else list(columns)
        self._given_columns = self._columns
        try:
            csv.reader((), strict=True, **self._format)
        except (TypeError, ValueError, csv.Error) as error:
            raise PipelineError(
                f"delimiter={delimiter!r}, quote={quote!r} cannot be used for CSV: {error}"
            ) from error
        self._file: OpenFile | None = None
        self._text = TextFormat.of(self.encoding, b"")
        self._mark: Mark = ()
        self._least_size = 0
        self._at = 0
        self._failure: BadRecord | None = None
        self._behind_failure = 0
        self._rows: Iterator[list[str]] = iter(())

    def open(self) -> None:
        """Open the file and read the names of its columns.

        Raises:
            OSError: It cannot be opened.
            StateError: It is another file than the one that the position is from.
            BadRecordError: The first row names no columns, or one twice.
        """
        self._file = file = OpenFile(self.path)
        self._text = TextFormat.of(self.encoding, file.read(0, 4))
        file.check_size(self._least_size)
        self._begin_at(self._text.begin)
        if self._given_columns is None:
            self._columns = self._read_header(file)
        if self._mark:
            self._begin_at(file.check(self._mark))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    # --- reading -----------------------------------------------------------------------------

    def poll(self, limit: int) -> SourcePoll:
        """Read the next rows.

        Raises:
            BadRecordError: The next part of the file is no record; after that it is behind.
            StateError: The file has become shorter.
        """
        if self._file is None:
            self.open()
        if self._failure is not None:
            failure, self._failure, self._at = self._failure, None, self._behind_failure
            raise failure.error()
        begin = self._at
        try:
            return self._read_rows(limit)
        except _BAD_ROW:
            # One of them is bad: again, one by one.
            self._begin_at(begin)
            return self._read_one_by_one(limit)

    def _read_rows(self, limit: int) -> SourcePoll:
        columns, convert = self._columns or (), self._convert
        rows = list(islice(self._rows, limit))
        records = [convert(dict(zip(columns, row, strict=True))) for row in rows if row]
        return SourcePoll(records, "more" if len(rows) == limit else "ended")

    def _read_one_by_one(self, limit: int) -> SourcePoll:
        records: list[Payload] = []
        for _ in range(limit):
            begin = self._at
            record = self._next_record()
            if record is None:
                return SourcePoll(records, "ended")
            if type(record) is BadRecord and not self.keep_bad:
                # What came before it is delivered first; the next look raises.
                self._behind_failure, self._at, self._failure = self._at, begin, record
                return SourcePoll(records)
            records.append(record)
        return SourcePoll(records)

    def _next_record(self) -> Payload:
        """Return the next row, converted; None at the end."""
        columns = self._columns or ()
        while True:
            begin = self._at
            try:
                row = next(self._rows, None)
                if row is None:
                    return None
                if not row:
                    continue
                if len(row) != len(columns):
                    return self._bad(begin, _wrong_length(row, columns))
                return self._convert(dict(zip(columns, row, strict=True)))
            except _BAD_ROW as error:
                if isinstance(error, UnicodeDecodeError):
                    # The generator of lines has ended with it; the next row needs another one.
                    self._begin_at(self._at)
                return self._bad(begin, str(error))

    def _begin_at(self, at: int) -> None:
        self._at = at
        self._rows = csv.reader(self._lines(at), strict=True, **self._format)

    def _lines(self, at: int) -> Iterator[str]:
        """Yield lines with their ends. `csv` never asks for a line before it needs it."""
        file, text = self._file, self._text
        assert file is not None
        while block := file.read_lines(text, at, at + _BLOCK_BYTES):
            at += len(block)
            for line in text.split(block):
                self._at += len(line)
                yield line.decode(text.encoding)

    def _read_header(self, file: OpenFile) -> list[str]:
        while True:
            begin = self._at
            try:
                names = next(self._rows, None)
            except (csv.Error, UnicodeDecodeError) as error:
                raise self._bad(begin, f"no names of columns: {error}").error() from error
            if names is None:
                return []
            if names:
                break
        if len(set(names)) < len(names) or not all(names):
            raise self._bad(begin, "columns need names, each another one").error()
        return names

    def _bad(self, begin: int, problem: str) -> BadRecord:
        file, text = self._file, self._text
        assert file is not None
        raw = file.read(begin, max(self._at, begin)).decode(text.encoding, "backslashreplace")
        number = file.line_number(text, begin)
        return BadRecord(file.path, number, raw.rstrip("\r\n"), problem)

    # --- position ----------------------------------------------------------------------------

    def tell(self) -> Mapping[str, Payload]:
        """Return the byte behind the last row, and what tells whether the file is the same."""
        if self._file is None:
            return {"mark": self._mark, "size": self._least_size}
        return {"mark": self._file.mark(self._at), "size": self._file.size}

    def seek(self, position: Payload) -> None:
        """Go on behind that row; the names of the columns are read again."""
        self._mark, self._least_size = tuple(position["mark"]), position["size"]


def _converter(record_type: Any) -> Callable[[dict[str, str]], Any]:
    check_record_type(record_type, "Rows of CSV", has_fields=True)
    if record_type is None:
        return lambda row: row
    # Everything in a CSV file is text, hence not strict.
    return lambda row: msgspec.convert(row, record_type, strict=False)


def _wrong_length(row: Sequence[str], columns: Sequence[str]) -> str:
    return f"{len(row)} fields where there are {len(columns)} columns ({', '.join(columns)})"
