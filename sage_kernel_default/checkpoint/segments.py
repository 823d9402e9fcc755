"""State of one instance as the bodies of segments, and back.

Layer: checkpoint. Pure.
"""

from __future__ import annotations

import hashlib
import json

import msgspec

from sage_kernel_api.errors import StoreCorruptError
from sage_kernel_default.checkpoint.manifest import SegmentRef
from sage_kernel_default.checkpoint.values import KeyedChanges, StepSnapshot

__all__ = [
    "digest_of",
    "keyed_body",
    "operator_body",
    "read_keyed",
    "read_operator",
]

OperatorState = tuple[dict[str, bytes], bytes | None, list[bytes]]

_operator = msgspec.msgpack.Decoder(OperatorState)
_columns = msgspec.msgpack.Decoder(tuple[bytes, bytes, bytes])


def operator_body(snapshot: StepSnapshot) -> bytes:
    """Return all but the keyed state. Sorted by name: equal state gives equal bodies."""
    state = {_name(name): data for name, data in sorted(snapshot.operator.items())}
    return msgspec.msgpack.encode([state, snapshot.handle, list(snapshot.in_flight)])


def read_operator(ref: SegmentRef, body: bytes) -> OperatorState:
    """Undo `operator_body`.

    Raises:
        StoreCorruptError: It is none.
    """
    try:
        state, handle, in_flight = _operator.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(ref) from error
    return {json.loads(name): data for name, data in state.items()}, handle, in_flight


def keyed_body(changes: KeyedChanges, *, with_keys: bool = True) -> bytes:
    """Return the three columns as one; the first one empty if the keys have a row of their own."""
    keys = changes.keys if with_keys else b""
    return msgspec.msgpack.encode((keys, changes.values, changes.deleted))


def read_keyed(ref: SegmentRef, body: bytes, own_keys: bytes = b"") -> KeyedChanges:
    """Undo `keyed_body`; *own_keys* is the row of the keys, if they have one.

    Raises:
        StoreCorruptError: It is none.
    """
    try:
        keys, values, deleted = _columns.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(ref) from error
    return KeyedChanges(
        ref.table or "",
        own_keys or keys,
        values,
        ref.rows,
        deleted,
        ref.deletions,
        is_base=ref.is_base,
    )


def digest_of(step: str, index: int, table: str | None, body: bytes) -> str:
    """Return the digest of a body and its place, so that a body in another place shows."""
    place = json.dumps([step, index, table]).encode()
    found = hashlib.blake2b(place + b"\n", digest_size=16, person=b"sage-segment")
    found.update(body)
    return found.hexdigest()


def _name(name: str) -> str:
    # Names are any text, also such as UTF-8 does not know.
    return json.dumps(name)


def _damaged(ref: SegmentRef) -> StoreCorruptError:
    return StoreCorruptError(
        f"Segment {ref.id} (step {ref.step!r}, instance {ref.index}) is damaged."
    )
