"""Files whose records are lines, read by several instances at once.

Layer: core.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import ClassVar, Final, Literal, TypeVar

from sage_kernel_api.core.connectors.bad_records import BadRecord
from sage_kernel_api.core.connectors.open_file import OpenFile
from sage_kernel_api.core.connectors.splits import (
    FRESH,
    Generation,
    Mark,
    SplitsLeft,
    check_generation,
    merge_generations,
)
from sage_kernel_api.core.connectors.text_format import TextFormat, check_encoding
from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.runnable import SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["SplitFileSource", "TextFileSource"]

O_co = TypeVar("O_co", covariant=True)

_SPLIT_BYTES: Final = 1 << 18


class SplitFileSource(BlockSourceFunction[O_co]):
    """What the sources share whose records are single lines of a file; not used itself.

    A line belongs to the split in which its first byte lies, and a split to one instance, by
    `SplitsLeft`. Lines of one split stay in order; with one instance, all do.

    Args:
        path: Of a regular file. It may grow while the job reads it, and is read as far as it
            reached at the start.
        encoding: Of the file.
        split_bytes: Size of a split, a multiple of 4. A restored position keeps the one it has.
        keep_bad: Give what is no record as a `BadRecord`, instead of failing.

    Raises:
        PipelineError: The encoding or the size cannot be used.
    """

    state_sharing: ClassVar[Literal["own", "all"]] = "all"

    def __init__(
        self,
        path: str | PathLike[str],
        encoding: str = "utf-8",
        *,
        split_bytes: int = _SPLIT_BYTES,
        keep_bad: bool = False,
    ) -> None:
        super().__init__()
        if split_bytes < 4 or split_bytes % 4:
            raise PipelineError(f"split_bytes={split_bytes!r} needs a multiple of 4, from 4.")
        self.path = path
        self.encoding: str = check_encoding(encoding)
        self.split_bytes: int = split_bytes
        self.keep_bad = keep_bad
        self._past: list[Generation] = []
        self._place_before: tuple[int, Mark] | None = None
        self._left = SplitsLeft(0, 1)
        self._least_size = 0
        self._checks: list[Mark] = []
        self._file: OpenFile | None = None
        self._text = TextFormat.of(self.encoding, b"")
        self._is_reading = False
        self._block_begin = 0
        self._block = b""
        self._records: Sequence[Payload] = []
        self._ends: Sequence[int] | None = None
        self._given = 0
        self._first_bad = -1

    # --- life --------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file.

        Raises:
            OSError: It cannot be opened.
            StateError: It is another file than the one that the position is from.
        """
        self._file = file = OpenFile(self.path)
        self._text = TextFormat.of(self.encoding, file.read(0, 4))
        self._left = SplitsLeft(*self._place(), self._past, self._place_before)
        file.check_size(self._least_size)
        # The marks of all old instances, not only the own one: all new ones must agree to go on.
        for mark in self._checks:
            file.check(mark)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    # --- reading -----------------------------------------------------------------------------

    def poll(self, limit: int) -> SourcePoll:
        """Return the next lines of the block; at its end, read the next block.

        Raises:
            BadRecordError: The next part of the file is no record; after that it is behind.
            StateError: The file has become shorter.
        """
        if self._given == len(self._records) and not self._read_block():
            return SOURCE_ENDED
        begin = self._given
        end = min(begin + limit, len(self._records))
        if self._first_bad == begin:
            self._given = begin + 1
            self._find_bad()
            raise self._records[begin].error()
        if begin < self._first_bad < end:
            # What came before it is delivered first; the next look raises.
            end = self._first_bad
        self._given = end
        return SourcePoll(self._records[begin:end])

    def _read_block(self) -> bool:
        """Read the next split; False if there is none. It may turn out to have no records."""
        if self._file is None:
            self.open()
        file, left = self._file, self._left
        assert file is not None
        if self._is_reading:
            left.advance()
            self._forget_block()
        start = self._text.begin + left.split * self.split_bytes
        if start >= file.size:
            return False
        mark = left.mark()
        begin = file.check(mark) if mark else self._first_line(file, start)
        self._is_reading = True
        if begin != -1:
            self._block_begin = begin
            self._block = file.read_lines(self._text, begin, start + self.split_bytes)
            self._records, self._ends = self.records_of(self._block)
            self._find_bad()
        return True

    def _first_line(self, file: OpenFile, start: int) -> int:
        """Return where the first line of a split begins; -1 if none does."""
        text = self._text
        if start == text.begin:
            return start
        before = file.read(start - text.width, start + self.split_bytes - text.width)
        line_end = text.find_end(before)
        return -1 if line_end == -1 else start - text.width + line_end

    def _forget_block(self) -> None:
        self._is_reading = False
        self._block_begin, self._block = 0, b""
        self._records, self._ends = [], None
        self._given, self._first_bad = 0, -1

    def _find_bad(self) -> None:
        self._first_bad = -1
        # Only a block that could not be read as a whole can have any.
        if self._ends is not None and not self.keep_bad:
            ahead = range(self._given, len(self._records))
            bad = (n for n in ahead if type(self._records[n]) is BadRecord)
            self._first_bad = next(bad, -1)

    @abstractmethod
    def records_of(self, block: bytes) -> tuple[Sequence[Payload], Sequence[int] | None]:
        """Return the records of whole lines; None in place of offsets if every line is one.

        Returns:
            The records, with a `BadRecord` for each part that is none; and for each of them the
            offset in *block* at which it ends.
        """

    def bad(self, offset: int, line: bytes, problem: str) -> BadRecord:
        """Describe a line of the block at hand.

        Args:
            offset: Where in the block it begins.
            line: Its bytes.
            problem: What is wrong with it.
        """
        assert self._file is not None
        number = self._file.line_number(self._text, self._block_begin + offset)
        text = line.decode(self._text.encoding, errors="backslashreplace").rstrip("\r\n")
        return BadRecord(self._file.path, number, text, problem)

    # --- position ----------------------------------------------------------------------------

    def tell(self) -> Mapping[str, Payload]:
        """Return the own place, and what earlier runs have read."""
        index, parallelism = self._place()
        file, left = self._file, self._left
        told: dict[str, Payload] = {
            "split_bytes": self.split_bytes,
            "index": index,
            "parallelism": parallelism,
            "past": self._past,
            "size": self._least_size if file is None else file.size,
        }
        if file is None or not self._is_reading:
            if file is None:
                left = SplitsLeft(index, parallelism, self._past, self._place_before)
            return {**told, "here": (left.split, left.mark()), "checks": self._checks}
        mark = file.mark(self._block_begin + self._given_bytes())
        if self._given < len(self._records):
            return {**told, "here": (left.split, mark), "checks": [mark]}
        return {**told, "here": (left.following(), FRESH), "checks": [mark]}

    def merge(self, positions: Sequence[Payload]) -> Payload:
        """Return the own place, if there are as many instances as before; else all places."""
        index, parallelism = self._place()
        for position in positions:
            if (position["index"], position["parallelism"]) == (index, parallelism):
                return position
        by_index = sorted(positions, key=lambda position: int(position["index"]))
        first = by_index[0]
        check_generation([position["index"] for position in by_index], first["parallelism"])
        here = [position["here"] for position in by_index]
        return {
            "split_bytes": first["split_bytes"],
            "size": max(position["size"] for position in by_index),
            "past": merge_generations(first["past"], here),
            "here": None,
            "checks": [mark for position in by_index for mark in position["checks"]],
        }

    def seek(self, position: Payload) -> None:
        """Take the own share of what is left."""
        self.split_bytes = position["split_bytes"]
        self._least_size = position["size"]
        # What was encoded meanwhile may have come back with lists in place of tuples.
        self._past = [
            [(split, tuple(mark)) for split, mark in generation] for generation in position["past"]
        ]
        if (here := position["here"]) is not None:
            self._place_before = (here[0], tuple(here[1]))
        self._checks = [tuple(mark) for mark in position["checks"]]

    def _given_bytes(self) -> int:
        if self._ends is None:
            return self._text.skip(self._block, self._given)
        return self._ends[self._given - 1] if self._given else 0

    def _place(self) -> tuple[int, int]:
        if self._context is None:
            return 0, 1
        return self.ctx.get_parallel_index(), self.ctx.get_parallelism()


class TextFileSource(SplitFileSource[str]):
    """Gives the lines of a text file, without their line ends. See `SplitFileSource`."""

    def records_of(self, block: bytes) -> tuple[Sequence[Payload], Sequence[int] | None]:
        """Decode the whole block at once, or line by line if that fails."""
        try:
            return self._text.decode(block), None
        except UnicodeDecodeError:
            pass
        records: list[Payload] = []
        ends: list[int] = []
        end = 0
        for line in self._text.split(block):
            begin, end = end, end + len(line)
            try:
                records.append(self._text.decode(line)[0])
            except UnicodeDecodeError as error:
                records.append(self.bad(begin, line, f"not {self.encoding}: {error.reason}"))
            ends.append(end)
        return records, ends
