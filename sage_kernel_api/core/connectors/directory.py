"""The lines of all files of a directory, also of those that come later.

Layer: core.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import ClassVar, Final, Literal

from sage_kernel_api.communication import key_group, owner_of
from sage_kernel_api.core.connectors.bad_records import BadRecord
from sage_kernel_api.core.connectors.open_file import OpenFile
from sage_kernel_api.core.connectors.splits import Mark
from sage_kernel_api.core.connectors.text_format import TextFormat, check_encoding
from sage_kernel_api.core.functions.block_source import BlockSourceFunction
from sage_kernel_api.errors import StateError
from sage_kernel_api.runnable import SOURCE_ENDED, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["DirectorySource"]

_BLOCK_BYTES: Final = 1 << 18


class DirectorySource(BlockSourceFunction[str]):
    """Gives the lines of the files of a directory: every file once, by its name.

    Files come in the order of their names, those that are found later in the order of theirs. A
    file belongs to the instance that owns its name as a key. It must be whole when its name
    appears: write it under a name that begins with a dot, then rename it.

    Args:
        directory: Files in its subdirectories are not read.
        pattern: Of the names, as in a shell. Names that begin with a dot never fit.
        watch: Go on for ever, looking for new names; else end behind the files that are there.
        poll_s: Seconds between two looks.
        encoding: Of the files.

    Raises:
        PipelineError: The encoding cannot be used.
    """

    state_sharing: ClassVar[Literal["own", "all"]] = "all"

    def __init__(
        self,
        directory: str | PathLike[str],
        pattern: str = "*",
        *,
        watch: bool = False,
        poll_s: float = 1.0,
        encoding: str = "utf-8",
    ) -> None:
        super().__init__()
        self.directory: str = os.fspath(directory)
        self.pattern = pattern
        self.watch = watch
        self.poll_s = poll_s
        self.encoding: str = check_encoding(encoding)
        self._done: set[str] = set()
        self._begun: dict[str, Mark] = {}
        self._waiting: list[str] = []
        self._has_looked = False
        self._name = ""
        self._file: OpenFile | None = None
        self._text = TextFormat.of(self.encoding, b"")
        self._lines: list[str] = []
        self._given = 0
        self._block = b""
        self._block_begin = 0
        self._failure: BadRecord | None = None

    def open(self) -> None:
        """Look into the directory.

        Raises:
            OSError: It cannot be read.
        """
        self._done = {name for name in self._done if self._is_mine(name)}
        self._begun = {name: mark for name, mark in self._begun.items() if self._is_mine(name)}
        self._look()

    def close(self) -> None:
        """Close the file at hand."""
        if self._file is not None:
            self._file.close()

    # --- reading -----------------------------------------------------------------------------

    def poll(self, limit: int) -> SourcePoll:
        """Return the next lines, all of one file.

        Raises:
            BadRecordError: The next line is not in that encoding; after that it is behind.
            StateError: A file that was begun is gone, shorter or another one.
        """
        if self._given == len(self._lines):
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure.error()
            if not self._read_block():
                return SourcePoll((), "idle", self.poll_s) if self.watch else SOURCE_ENDED
        begin = self._given
        self._given = end = min(begin + limit, len(self._lines))
        return SourcePoll(self._lines[begin:end])

    def _read_block(self) -> bool:
        """Read on; False if there is nothing now."""
        if self._file is None and not self._open_next():
            return False
        file, text = self._file, self._text
        assert file is not None
        self._block_begin += len(self._block)
        self._lines, self._given = [], 0
        self._block = file.read_lines(text, self._block_begin, self._block_begin + _BLOCK_BYTES)
        if self._block:
            self._decode(file)
        else:
            self._done.add(self._name)
            self._leave()
        return True

    def _decode(self, file: OpenFile) -> None:
        text = self._text
        try:
            self._lines = text.decode(self._block)
            return
        except UnicodeDecodeError:
            pass
        at = self._block_begin
        for line in text.split(self._block):
            try:
                self._lines.extend(text.decode(line))
            except UnicodeDecodeError as error:
                shown = line.decode(text.encoding, "backslashreplace").rstrip("\r\n")
                problem = f"not {self.encoding}: {error.reason}"
                self._failure = BadRecord(file.path, file.line_number(text, at), shown, problem)
                # The next block begins behind it.
                self._block = self._block[: at + len(line) - self._block_begin]
                return
            at += len(line)

    def _open_next(self) -> bool:
        if not self._waiting:
            self._look()
        if not self._waiting:
            return False
        self._name = name = self._waiting.pop(0)
        path = os.path.join(self.directory, name)
        mark = self._begun.get(name, ())
        try:
            self._file = file = OpenFile(path)
        except FileNotFoundError as error:
            if not mark:
                return True  # Taken away before its turn; nothing of it was read.
            raise StateError(
                f"{path} is gone, and {mark[0]} bytes of it were read. Put it back, or start "
                "without the old state."
            ) from error
        self._text = TextFormat.of(self.encoding, file.read(0, 4))
        self._block_begin = file.check(mark) if mark else self._text.begin
        return True

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        self._begun.pop(self._name, None)
        self._file, self._block, self._name = None, b"", ""

    def _look(self) -> None:
        """Find the files that nobody has read."""
        if self._has_looked and not self.watch:
            return
        self._has_looked = True
        known = {*self._done, *self._waiting, self._name}
        with os.scandir(self.directory) as entries:
            found = [entry.name for entry in entries if self._is_ours(entry)]
        # What was begun comes first, and is missed if it is gone.
        names = [*sorted(self._begun), *sorted(set(found) - set(self._begun))]
        self._waiting.extend(name for name in names if name not in known)

    def _is_ours(self, entry: os.DirEntry[str]) -> bool:
        name = entry.name
        return (
            not name.startswith(".")
            and fnmatch.fnmatchcase(name, self.pattern)
            and self._is_mine(name)
            and entry.is_file()
        )

    def _is_mine(self, name: str) -> bool:
        if self._context is None:
            return True
        context = self.ctx
        return owner_of(key_group(name), context.get_parallelism()) == context.get_parallel_index()

    # --- position ----------------------------------------------------------------------------

    def tell(self) -> Mapping[str, Payload]:
        """Return the names of the files that are done, and where in others it is."""
        begun: dict[str, Mark] = dict(self._begun)
        if self._file is not None:
            offset = self._text.skip(self._block, self._given)
            begun[self._name] = self._file.mark(self._block_begin + offset)
        return {"done": sorted(self._done), "begun": begun}

    def merge(self, positions: Sequence[Payload]) -> Payload:
        """Return what all instances have read together."""
        done = {name for position in positions for name in position["done"]}
        begun = {name: mark for position in positions for name, mark in position["begun"].items()}
        return {
            "done": sorted(done),
            "begun": {name: mark for name, mark in begun.items() if name not in done},
        }

    def seek(self, position: Payload) -> None:
        """Leave out what is done. Of the others, only the own share will be told again."""
        self._done = set(position["done"])
        self._begun = {name: tuple(mark) for name, mark in position["begun"].items()}
