"""Read a savepoint: verified as a whole first, then its keyed rows as they are asked for.

Layer: storage. Runs no code of anybody's: users' values stay encoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from sage_kernel_api.errors import CheckpointError, StoreCorruptError
from sage_kernel_api.storage.savepoints.files import PosixSavepointFiles, SavepointFiles
from sage_kernel_api.storage.savepoints.frames import (
    Frame,
    decode_header,
    decode_instance,
    decode_rows,
    read_frame,
    read_frames,
)
from sage_kernel_api.storage.savepoints.values import (
    InstanceState,
    KeyedRows,
    SavepointHeader,
    SavepointStep,
    TableSummary,
)

__all__ = ["Savepoint", "open_savepoint"]


class _Place(NamedTuple):
    group: int
    offset: int
    previous: bytes


class Savepoint:
    """A verified savepoint. Immutable; keyed rows are read from the file when they are needed."""

    def __init__(
        self,
        path: Path,
        size_bytes: int,
        header: SavepointHeader,
        steps: Mapping[str, SavepointStep],
        places: Mapping[str, list[_Place]],
        files: SavepointFiles,
    ) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.header = header
        self.steps = steps
        self._places = places
        self._files = files

    def rows(self, step: str, groups: range) -> Iterator[KeyedRows]:
        """Yield the keyed rows of a step whose key group is in *groups*.

        Raises:
            StoreCorruptError: The file has changed since it was opened.
            CheckpointError: It cannot be read.
        """
        wanted = [place for place in self._places.get(step, ()) if place.group in groups]
        if not wanted:
            return
        with _translated(self.path):
            file, size = self._files.open(self.path)
            with file:
                for place in wanted:
                    file.seek(place.offset)
                    yield decode_rows(read_frame(file, place.offset, place.previous, size))


def open_savepoint(path: Path, *, files: SavepointFiles | None = None) -> Savepoint:
    """Verify a savepoint from its first byte to its last, and return it.

    Raises:
        StoreFormatError: It is no savepoint, or one of a newer release.
        StoreCorruptError: It is damaged.
        CheckpointError: It cannot be read.
    """
    files = files or PosixSavepointFiles()
    with _translated(path):
        file, size = files.open(path)
        with file:
            return _Reading(path, size, files).read(read_frames(file, size))


class _Reading:
    """Gather what one pass over the frames tells."""

    def __init__(self, path: Path, size_bytes: int, files: SavepointFiles) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._files = files
        self._instances: dict[str, dict[int, InstanceState]] = {}
        self._tables: dict[str, dict[str, TableSummary]] = {}
        self._places: dict[str, list[_Place]] = {}

    def read(self, frames: Iterator[Frame]) -> Savepoint:
        first = next(frames)
        if first.kind != "H":
            raise self._wrong("its first part is not the header")
        header = decode_header(first.body)
        for frame in frames:
            if frame.kind == "I":
                self._add_instance(header, decode_instance(frame))
            elif frame.kind == "K":
                self._add_rows(header, decode_rows(frame), frame)
            elif frame.kind != "E":
                raise self._wrong(f"it has a part of the unknown kind {frame.kind!r}")
        return Savepoint(
            *(self._path, self._size_bytes, header, self._steps(header)),
            *(self._places, self._files),
        )

    def _add_instance(self, header: SavepointHeader, state: InstanceState) -> None:
        known = self._instances.setdefault(state.step, {})
        if state.index not in range(header.steps.get(state.step, 0)) or state.index in known:
            raise self._wrong(f"instance {state.index} of {state.step!r} is not expected")
        known[state.index] = state

    def _add_rows(self, header: SavepointHeader, rows: KeyedRows, frame: Frame) -> None:
        if rows.step not in header.steps:
            raise self._wrong(f"the step {rows.step!r} is not in its header")
        tables = self._tables.setdefault(rows.step, {})
        known = tables.get(rows.table, TableSummary(0, 0))
        size = len(rows.keys) + len(rows.values)
        tables[rows.table] = TableSummary(known.keys + rows.rows, known.size_bytes + size)
        place = _Place(rows.group, frame.offset, frame.previous)
        self._places.setdefault(rows.step, []).append(place)

    def _steps(self, header: SavepointHeader) -> dict[str, SavepointStep]:
        steps = {}
        for step, parallelism in header.steps.items():
            found = self._instances.get(step, {})
            if len(found) != parallelism:
                raise self._wrong(f"{step!r} has {len(found)} instances instead of {parallelism}")
            instances = [found[index] for index in range(parallelism)]
            steps[step] = SavepointStep(step, parallelism, instances, self._tables.get(step, {}))
        return steps

    def _wrong(self, what: str) -> StoreCorruptError:
        return StoreCorruptError(f"The savepoint is damaged: {what}. Nothing of it was used.")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Name the file in every error.

    Raises:
        CheckpointError: Of the same class, or for what the disk raised.
    """
    try:
        yield
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise CheckpointError(
            f"The savepoint {path} cannot be read: {error.strerror or error}."
        ) from error
