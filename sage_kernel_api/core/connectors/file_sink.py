"""An exactly-once sink into a file.

Layer: core.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

from sage_kernel_api.core.connectors.file_formats import FileFormat, RecordWriter, check_format
from sage_kernel_api.core.connectors.handles import latest_handles
from sage_kernel_api.core.connectors.staged_file import StagedFile, Transaction
from sage_kernel_api.core.functions.transactional_sink import TransactionalSinkFunction
from sage_kernel_api.values import Payload

__all__ = ["TransactionalFileSink"]

I_contra = TypeVar("I_contra", contravariant=True)

_BUFFER_BYTES: Final = 1 << 20


class TransactionalFileSink(TransactionalSinkFunction[I_contra]):
    """Writes records into a file, and shows each of them exactly once.

    What comes between two checkpoints is written beside the file and appended to it once the
    checkpoint is durable. The file that is there when a job begins anew is replaced as a whole by
    the first commit, or continued with *append*. Somebody else's changes since the last commit
    are refused.

    Args:
        path: The file. Each parallel instance but the first one writes ``path.1`` and so on.
        form: See `FileFormat`.
        columns: Of ``csv``; None to take them from the first record.
        append: Continue a file that is there.

    Raises:
        PipelineError: There is no such format, or it has no columns.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        form: FileFormat = "lines",
        *,
        columns: Sequence[str] | None = None,
        append: bool = False,
    ) -> None:
        super().__init__()
        check_format(form, columns)
        self.path: Path = Path(path).absolute()
        self.form: FileFormat = form
        self.append = append
        self._writer = RecordWriter(form, columns)
        self._file = StagedFile(self.path)
        self._pending: list[Transaction] = []
        self._retired: dict[int, dict[str, Any]] = {}
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._failure: OSError | None = None

    # --- one transaction ---------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction."""
        self._file.begin()

    def execute(self, data: I_contra) -> None:
        """Write one record.

        Raises:
            BadRecordError: It cannot be written in that format; nothing was written.
            OSError: It could not be written. The sink is of no use any more.
        """
        line = self._writer.encode(data)
        if self._failure is not None:
            raise self._failure
        self._buffer.append(line)
        self._buffered += len(line)
        if self._buffered >= _BUFFER_BYTES:
            self._flush()

    def pre_commit(self, epoch: int) -> Mapping[str, Payload]:
        """Make what came durable, beside the file."""
        self._flush()
        if (transaction := self._file.prepare()) is not None:
            self._pending.append(transaction)
        return {
            "index": self._index,
            "length": self._file.length,
            "number": self._file.number,
            "columns": self._writer.columns,
            "transactions": [asdict(each) for each in self._pending],
            "retired": self._retired,
        }

    def abort(self) -> None:
        """Throw away what came since."""
        self._buffer, self._buffered = [], 0
        self._file.abort()

    def _flush(self) -> None:
        """Write the buffer; a failure is final, since a part of it may be written."""
        if self._failure is not None:
            raise self._failure
        if self.form == "csv" and self._file.is_at_begin and self._writer.columns:
            # The first row may tell the columns, so their names cannot be written before it.
            self._buffer.insert(0, self._writer.header())
        data = b"".join(self._buffer)
        self._buffer, self._buffered = [], 0
        try:
            if data:
                self._file.write(data)
        except OSError as error:
            self._failure = error
            raise

    # --- committing --------------------------------------------------------------------------

    def commit(self, handle: Payload) -> None:
        """Append what was staged to the file.

        Raises:
            StateError: Somebody else changed the file.
        """
        ours = {each.staged for each in self._pending}
        # An earlier commit may have done some of them already.
        left = [each for each in handle["transactions"] if each["staged"] in ours]
        self._publish(self._file, left)
        done = {each["staged"] for each in left}
        self._pending = [each for each in self._pending if each.staged not in done]

    def recover(self, handles: Sequence[Payload]) -> None:
        """Commit what belongs to the checkpoint, and remove what does not."""
        index, parallelism = self._place()
        self._file = self._part(index)
        known = latest_handles(handles)
        for handle in handles:
            for number, retired in handle["retired"].items():
                known.setdefault(int(number), retired)
        for number, handle in known.items():
            if number % parallelism == index:
                part = self._part(number)
                self._publish(part, handle["transactions"])
                part.clear()
        if index == 0:
            # Nobody else will look at the parts of instances that are no more.
            for number in self._parts_with_leftovers() - known.keys():
                if number >= parallelism:
                    self._part(number).clear()
            self._retired = {
                number: {**handle, "transactions": [], "retired": {}}
                for number, handle in known.items()
                if number >= parallelism
            }
        self._file.clear()
        self._take_up(known.get(index))

    def _take_up(self, handle: Mapping[str, Any] | None) -> None:
        if handle is not None:
            self._file.continue_at(handle["length"], handle["number"])
            if handle["columns"] is not None:
                self._writer = RecordWriter(self.form, handle["columns"])
        elif self.append:
            self._file.continue_what_is_there()

    def _publish(self, part: StagedFile, described: Sequence[Mapping[str, Any]]) -> None:
        transactions = [Transaction(**each) for each in described]
        for transaction in transactions:
            part.publish(transaction, is_last=transaction is transactions[-1])

    # --- parts -------------------------------------------------------------------------------

    def _part(self, index: int) -> StagedFile:
        return StagedFile(self.path.with_name(f"{self.path.name}.{index}") if index else self.path)

    def _parts_with_leftovers(self) -> set[int]:
        pattern = re.compile(rf"\.{re.escape(self.path.name)}\.(\d+)\.staged-\d+")
        with os.scandir(self.path.parent) as entries:
            found = [pattern.fullmatch(entry.name) for entry in entries]
        return {int(match[1]) for match in found if match}

    @property
    def _index(self) -> int:
        return self._place()[0]

    def _place(self) -> tuple[int, int]:
        if self._context is None:
            return 0, 1
        return self.ctx.get_parallel_index(), self.ctx.get_parallelism()
