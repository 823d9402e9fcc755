"""How records are written into a file.

Layer: core. Pure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from sage_kernel_api.core.connectors.record_fields import FieldReader, check_columns
from sage_kernel_api.errors import BadRecordError, PipelineError
from sage_kernel_api.lifecycle import shorten_repr
from sage_kernel_api.values import Payload

__all__ = ["FileFormat", "RecordWriter", "check_format"]

FileFormat: TypeAlias = Literal["lines", "json", "csv"]
"""``lines``: ``str(record)``; ``json``: one JSON value per line; ``csv``: rows below a header."""


def check_format(form: object, columns: Sequence[str] | None) -> None:
    """Refuse what a `RecordWriter` cannot be made of.

    Raises:
        PipelineError: There is no such format, or it has no columns.
    """
    if form not in get_args(FileFormat):
        raise PipelineError(
            f"sink_to_file(format={form!r}) is unknown; it is one of "
            f"{', '.join(get_args(FileFormat))}."
        )
    if columns is not None and form != "csv":
        raise PipelineError(f'sink_to_file(columns=...) is for format="csv", not {form!r}.')
    if columns is not None:
        check_columns(columns)


class RecordWriter:
    """Turns records into bytes, each ending with a line end.

    Args:
        form: See `FileFormat`.
        columns: Of ``csv``; None to take them from the first record.
    """

    def __init__(self, form: FileFormat, columns: Sequence[str] | None = None) -> None:
        self._fields = FieldReader(columns)
        self.encode: Callable[[Payload], bytes] = {
            "lines": _line,
            "json": _json_line,
            "csv": self._row,
        }[form]

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of the columns, as far as they are known."""
        return self._fields.columns

    def header(self) -> bytes:
        """Return the row of names."""
        return _csv(self.columns or ())

    def _row(self, record: Payload) -> bytes:
        return _csv(self._fields.values(record))


def _line(record: Payload) -> bytes:
    text = str(record)
    if "\n" in text:
        raise BadRecordError(
            f"{shorten_repr(record)} has a line end in its text, and would be more than one line. "
            'Use format="json".'
        )
    return text.encode() + b"\n"


def _json_line(record: Payload) -> bytes:
    try:
        return msgspec.json.encode(record) + b"\n"
    except (TypeError, ValueError) as error:
        raise BadRecordError(
            f"{shorten_repr(record)} cannot be written as JSON: {error}"
        ) from error


def _csv(values: Sequence[Any]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()
