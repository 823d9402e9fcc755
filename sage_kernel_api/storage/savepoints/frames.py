"""The bytes of a savepoint: a first line, then frames that are chained by their digests.

Layer: storage. Pure but for the stream that is passed in. ``docs/formats/savepoints.md`` is the
specification.

Each digest covers the one before, so a frame that is damaged, missing, moved, or taken from another
savepoint breaks the chain there; the last frame says how many there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal, NamedTuple, TypeAlias

import msgspec

from sage_kernel_api.communication import KEY_GROUPS
from sage_kernel_api.errors import CheckpointError, StoreCorruptError, StoreFormatError
from sage_kernel_api.storage.savepoints.values import InstanceState, KeyedRows, SavepointHeader

__all__ = [
    "FIRST_LINE",
    "FORMAT_VERSION",
    "MAX_FRAME_BYTES",
    "Frame",
    "FrameKind",
    "decode_end",
    "decode_header",
    "decode_instance",
    "decode_rows",
    "encode_end",
    "encode_header",
    "encode_instance",
    "encode_rows",
    "first_digest",
    "pack_frame",
    "read_frame",
    "read_frames",
]

FORMAT_VERSION: Final = 1
FIRST_LINE: Final = b"sage-kernel savepoint 1\n"
MAX_FRAME_BYTES: Final = 1 << 30
DIGEST_BYTES: Final = 16
_BEGINNING: Final = b"sage-kernel savepoint "
_HEAD_BYTES: Final = 5

FrameKind: TypeAlias = Literal["H", "I", "K", "E"]

_instance = msgspec.msgpack.Decoder(
    tuple[bytes, int, list[tuple[bytes, bytes]], bytes | None, list[bytes]]
)
_rows = msgspec.msgpack.Decoder(tuple[bytes, bytes, int, bytes, bytes, int])


class Frame(NamedTuple):
    """One frame as it was read; its digest was right.

    Attributes:
        kind: ``H`` header, ``I`` instance, ``K`` keyed rows, ``E`` end.
        body: Its content.
        digest: Its digest, which the next frame's covers.
        offset: Where it begins in the file, in bytes.
        previous: Digest of the frame before.
    """

    kind: str
    body: bytes
    digest: bytes
    offset: int
    previous: bytes


def first_digest() -> bytes:
    """Return what the digest of the first frame covers in place of a frame before."""
    return hashlib.blake2b(FIRST_LINE, digest_size=DIGEST_BYTES).digest()


def pack_frame(kind: FrameKind, body: bytes, previous: bytes) -> tuple[bytes, bytes]:
    """Return a frame's head, and its digest, which follows the body.

    Raises:
        CheckpointError: The body is too large.
    """
    if len(body) > MAX_FRAME_BYTES:
        raise CheckpointError(
            f"A part of the savepoint takes {len(body)} bytes; at most {MAX_FRAME_BYTES} fit."
        )
    head = kind.encode() + len(body).to_bytes(4, "big")
    return head, _digest(previous, head, body)


def read_frames(file: BinaryIO, size_bytes: int) -> Iterator[Frame]:
    """Yield all frames of a savepoint, each verified; the end frame is the last.

    Args:
        file: At its beginning.
        size_bytes: Of the whole file. No length in the file is believed beyond it.

    Raises:
        StoreFormatError: It is no savepoint, or one of a newer release.
        StoreCorruptError: It is damaged or cut off.
        OSError: It cannot be read.
    """
    line = file.read(len(FIRST_LINE))
    if line != FIRST_LINE:
        if line.startswith(_BEGINNING):
            raise StoreFormatError(
                f"The savepoint has another format than this release reads ({FORMAT_VERSION}). Use "
                "the release of sage-kernel that wrote it, or a newer one."
            )
        raise StoreFormatError("This is no savepoint, or its beginning is damaged.")
    offset, digest, count = len(FIRST_LINE), first_digest(), 0
    while True:
        frame = read_frame(file, offset, digest, size_bytes)
        yield frame
        count += 1
        offset += _HEAD_BYTES + len(frame.body) + DIGEST_BYTES
        digest = frame.digest
        if frame.kind == "E":
            if decode_end(frame.body) != count or offset != size_bytes:
                raise _damaged(offset, "there is more or less than its end says")
            return


def read_frame(file: BinaryIO, offset: int, previous: bytes, size_bytes: int) -> Frame:
    """Read and verify the frame that begins at *offset*, where the file stands.

    Raises:
        StoreCorruptError: It is damaged or cut off.
        OSError: It cannot be read.
    """
    head = file.read(_HEAD_BYTES)
    length = int.from_bytes(head[1:], "big")
    if len(head) < _HEAD_BYTES or offset + _HEAD_BYTES + length + DIGEST_BYTES > size_bytes:
        raise _damaged(offset, "it is cut off, or a length is damaged")
    body, digest = file.read(length), file.read(DIGEST_BYTES)
    if digest != _digest(previous, head, body):
        raise _damaged(offset, "a checksum does not fit")
    return Frame(head[:1].decode("latin-1"), body, digest, offset, previous)


def encode_header(header: SavepointHeader) -> bytes:
    """Return the body of the header frame.

    Raises:
        CheckpointError: The metadata are no JSON.
    """
    try:
        return json.dumps(
            {
                "job": header.job,
                "kernel": header.kernel,
                "epoch": header.epoch,
                "created_at_s": header.created_at_s,
                "key_groups": KEY_GROUPS,
                "steps": dict(header.steps),
                "metadata": dict(header.metadata),
            },
            allow_nan=False,
            sort_keys=True,
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The savepoint's metadata cannot be written as JSON: {error}."
        ) from error


def decode_header(body: bytes) -> SavepointHeader:
    """Undo `encode_header`.

    Raises:
        StoreCorruptError: It is none.
    """
    try:
        fields = json.loads(body)
        groups = fields.pop("key_groups")
        header = SavepointHeader(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(len(FIRST_LINE), "its header is none") from error
    steps = header.steps
    is_good = isinstance(steps, dict) and all(
        isinstance(parallelism, int) and 1 <= parallelism <= KEY_GROUPS
        for parallelism in steps.values()
    )
    if not is_good or not isinstance(header.metadata, dict) or not isinstance(header.epoch, int):
        raise _damaged(len(FIRST_LINE), "its header is none")
    if groups != KEY_GROUPS:
        raise StoreFormatError(f"The savepoint has {groups} key groups, not {KEY_GROUPS}.")
    return header


def encode_instance(state: InstanceState) -> bytes:
    """Return the body of an instance frame."""
    operator = [[_text(name), data] for name, data in sorted(state.operator.items())]
    return msgspec.msgpack.encode(
        [_text(state.step), state.index, operator, state.handle, list(state.in_flight)]
    )


def decode_instance(frame: Frame) -> InstanceState:
    """Undo `encode_instance`.

    Raises:
        StoreCorruptError: It is none.
    """
    try:
        step, index, operator, handle, in_flight = _instance.decode(frame.body)
        named = {_name(name): data for name, data in operator}
        return InstanceState(_name(step), index, named, handle, in_flight)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged(frame.offset, "an instance is none") from error


def encode_rows(rows: KeyedRows) -> bytes:
    """Return the body of a frame of keyed rows."""
    return msgspec.msgpack.encode(
        [_text(rows.step), _text(rows.table), rows.group, rows.keys, rows.values, rows.rows]
    )


def decode_rows(frame: Frame) -> KeyedRows:
    """Undo `encode_rows`.

    Raises:
        StoreCorruptError: It is none.
    """
    try:
        step, table, group, keys, values, count = _rows.decode(frame.body)
        rows = KeyedRows(_name(step), _name(table), group, keys, values, count)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged(frame.offset, "a table is none") from error
    if rows.group not in range(KEY_GROUPS):
        raise _damaged(frame.offset, f"there is no key group {rows.group}")
    return rows


def encode_end(frames: int) -> bytes:
    """Return the body of the end frame; *frames* counts all, itself included."""
    return frames.to_bytes(8, "big")


def decode_end(body: bytes) -> int:
    """Undo `encode_end`."""
    return int.from_bytes(body, "big") if len(body) == 8 else -1


def _digest(previous: bytes, head: bytes, body: bytes) -> bytes:
    found = hashlib.blake2b(previous + head, digest_size=DIGEST_BYTES)
    found.update(body)
    return found.digest()


def _text(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _name(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _damaged(offset: int, what: str) -> StoreCorruptError:
    return StoreCorruptError(
        f"The savepoint is damaged: at byte {offset}, {what}. Nothing of it was used."
    )
