"""Write a savepoint: all of it at its path, or nothing.

Layer: storage.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from sage_kernel_api.errors import CheckpointError
from sage_kernel_api.storage.savepoints.files import PosixSavepointFiles, SavepointFiles
from sage_kernel_api.storage.savepoints.frames import (
    FIRST_LINE,
    FrameKind,
    encode_end,
    encode_header,
    encode_instance,
    encode_rows,
    first_digest,
    pack_frame,
)
from sage_kernel_api.storage.savepoints.values import InstanceState, KeyedRows, SavepointHeader

__all__ = ["write_savepoint_file"]


def write_savepoint_file(
    path: Path,
    header: SavepointHeader,
    states: Iterable[InstanceState | KeyedRows],
    *,
    files: SavepointFiles | None = None,
) -> int:
    """Write a savepoint to *path*, and make it durable.

    Args:
        path: A file that does not exist yet, in a folder that does.
        header: What it is.
        states: One `InstanceState` per instance of each step, and all keyed rows: in any order
            that the format allows (see ``docs/formats/savepoints.md``). Taken one by one, so
            that they need not be in memory together.
        files: The disk; the machine's own by default.

    Returns:
        Its size in bytes.

    Raises:
        CheckpointError: It could not be written, or the path exists. Nothing is left at *path*,
            nor beside it.
        Whatever *states* raises; then, too.
    """
    files = files or PosixSavepointFiles()
    with _translated(path):
        if files.exists(path):
            raise FileExistsError
        temporary, file = files.create(path)
        try:
            try:
                size = _write_all(files, file, header, states)
            finally:
                # Also where writing failed: the descriptor must not stay.
                _close(files, file)
            files.publish(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                files.remove(temporary)
            raise
    return size


def _write_all(
    files: SavepointFiles,
    file: BinaryIO,
    header: SavepointHeader,
    states: Iterable[InstanceState | KeyedRows],
) -> int:
    files.write(file, FIRST_LINE)
    size, digest, count = len(FIRST_LINE), first_digest(), 1
    for kind, body in _bodies(header, states):
        head, digest = pack_frame(kind, body, digest)
        for part in (head, body, digest):
            files.write(file, part)
        size += len(head) + len(body) + len(digest)
        count += 1
    head, digest = pack_frame("E", encode_end(count), digest)
    files.write(file, head + encode_end(count) + digest)
    return size + len(head) + 8 + len(digest)


def _bodies(
    header: SavepointHeader, states: Iterable[InstanceState | KeyedRows]
) -> Iterator[tuple[FrameKind, bytes]]:
    yield "H", encode_header(header)
    for state in states:
        if isinstance(state, InstanceState):
            yield "I", encode_instance(state)
        else:
            yield "K", encode_rows(state)


def _close(files: SavepointFiles, file: BinaryIO) -> None:
    try:
        files.close(file)
    finally:
        file.close()


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except CheckpointError:
        raise
    except FileExistsError as error:
        raise CheckpointError(
            f"{path} exists already; a savepoint never replaces anything. Choose another path."
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"The savepoint {path} could not be written: {error.strerror or error}. Nothing is "
            "left of it."
        ) from error
