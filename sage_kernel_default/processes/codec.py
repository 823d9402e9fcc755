"""Values to bytes and back, in the thread that calls.

Layer: processes. Knows values; knows nothing of pipes and processes.

Pickle protocol 5 carries everything. ``marshal`` encodes builtin values up to twice as fast
but turns every ``bytearray``, array and numpy scalar into ``bytes`` without a word; looking at
each type beforehand costs more than is won, so it is not used.

A frame of tuples of one length crosses as columns: pickle remembers each tuple in case that it
comes again, which takes longer than to part them here and to put them together there.

Buffers from 64 KiB (numpy arrays) stay out of the pickle: they are copied once, from the array's
own memory to one that both processes see, and the new array lies there; see `arena`.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from sage_kernel_api.errors import ValueEncodingError
from sage_kernel_api.lifecycle import blame_record
from sage_kernel_api.values import Payload
from sage_kernel_default.processes.by_value import dump_by_value, load_by_value, needs_value

__all__ = [
    "NO_BODY",
    "OUT_OF_BAND_BYTES",
    "Encoded",
    "decode",
    "decode_frame",
    "encode",
    "encode_frame",
]

OUT_OF_BAND_BYTES: Final = 64 * 1024
_MANY: Final = 16
"""Tuples that are worth to be turned into columns."""
_WIDEST: Final = 16
"""Items of such a tuple: what each one costs beside them is little for longer ones."""
_Columns: TypeAlias = tuple[list[Payload], list[Payload] | None, list[int | None] | None]


class Encoded(NamedTuple):
    """A value on its way.

    Attributes:
        head: The pickle.
        buffers: Large memory that belongs to it, in the order of the pickle.
        is_by_value: True if the pickle contains definitions, see `dump_by_value`.
    """

    head: bytes
    buffers: Sequence[memoryview | bytearray]
    is_by_value: bool


NO_BODY: Final = Encoded(b"", (), is_by_value=False)
"""For messages whose kind says it all; not to be decoded."""


def encode(value: Payload) -> Encoded:
    """Turn *value* into bytes; buffers are not copied, so send before anybody changes them.

    Raises:
        ValueEncodingError: It cannot travel. The cause is what pickle or the value raised.

    Example:
        >>> decode(encode(("a", 1)))
        ('a', 1)
    """
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    try:
        head = pickle.dumps(value, 5, buffer_callback=keep)
        if not needs_value(head):
            return Encoded(head, buffers, is_by_value=False)
    except Exception:  # noqa: BLE001, S110 - the slow way below decides, and raises if need be
        pass
    buffers.clear()
    try:
        return Encoded(dump_by_value(value, keep), buffers, is_by_value=True)
    except Exception as error:
        raise ValueEncodingError(
            f"A {type(value).__name__} cannot travel to another process: {_show(value)}: "
            f"{type(error).__name__}: {error}. Emit picklable values, or keep both steps on "
            "thread lanes."
        ) from error


def encode_frame(
    values: list[Payload], keys: list[Payload] | None, times: list[int | None] | None = None
) -> Encoded:
    """Turn a frame into bytes; `decode_frame` gives the three columns back.

    Objects that records share are shared there too, but for the records themselves: a tuple that
    is in the frame twice may arrive as two equal ones.

    Raises:
        ValueEncodingError: A value or key cannot travel; the message shows the first such.
    """
    try:
        return encode((_parted(values, keys) or values, keys, times))
    except ValueEncodingError:
        for number, value in enumerate(values):
            try:
                encode(value)
                encode(keys[number] if keys is not None else None)
            except ValueEncodingError as error:
                blame_record(error, value)
                raise
        raise


def _parted(
    values: list[Payload], keys: list[Payload] | None
) -> tuple[Sequence[Payload], ...] | None:
    """Return the columns of tuples that are nothing else and of one length; None for others."""
    if len(values) < _MANY or type(values[0]) is not tuple:
        return None
    if not 0 < len(values[0]) <= _WIDEST:
        return None
    if keys and keys[0] is values[0]:
        return None  # records that are their own keys travel once, as the objects that they are
    # Of the very type: what derives from it, such as a named tuple, must arrive as that.
    if list(map(type, values)).count(tuple) < len(values):
        return None
    try:
        return tuple(zip(*values, strict=True))
    except ValueError:
        return None


def decode_frame(encoded: Encoded) -> _Columns:
    """Undo `encode_frame`: return values, keys and times.

    Raises: what the values' own unpickling raises.
    """
    values, keys, times = decode(encoded)
    # The records of a frame are a list; a tuple has their columns.
    return [*zip(*values, strict=True)] if type(values) is tuple else values, keys, times


def decode(encoded: Encoded) -> Payload:
    """Undo `encode`. Arrays get the received memory itself and may be written to.

    Raises: what the values' own unpickling raises.
    """
    if encoded.is_by_value:
        return load_by_value(
            encoded.head,
            [bytearray(b) if isinstance(b, memoryview) else b for b in encoded.buffers],
        )
    return pickle.loads(encoded.head, buffers=encoded.buffers)


def _show(value: Payload) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - its repr is broken too; the type name still helps
        return "(its repr fails)"
    return text if len(text) <= 200 else f"{text[:197]}..."
