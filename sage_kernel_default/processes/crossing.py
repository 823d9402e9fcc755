"""Exceptions that go from one process to another, with their traceback and causes.

Layer: processes. Knows the codec.
"""

from __future__ import annotations

import traceback
from typing import Final, NamedTuple

from sage_kernel_api.errors import UserCodeError, ValueEncodingError
from sage_kernel_default.processes.codec import Encoded, decode, encode

__all__ = ["pack_error", "unpack_error"]

_CAUSES: Final = 16


class _Packed(NamedTuple):
    name: str
    message: str
    trace: str
    encoded: Encoded | None
    """The exception itself; None if it cannot be encoded."""


def pack_error(error: BaseException) -> Encoded:
    """Encode *error* and the chain of its causes; succeeds for every exception."""
    chain: list[_Packed] = []
    current: BaseException | None = error
    while current is not None and len(chain) < _CAUSES:
        chain.append(_pack(current))
        current = current.__cause__
    return encode(tuple(map(tuple, chain)))


def unpack_error(packed: Encoded) -> BaseException:
    """Rebuild what `pack_error` took; a note on each exception shows its traceback there.

    An exception that cannot be rebuilt here becomes a `UserCodeError` with its type name,
    message and traceback.
    """
    result: BaseException | None = None
    for fields in reversed(decode(packed)):
        error = _unpack(_Packed(*fields))
        error.__cause__ = result
        result = error
    assert result is not None
    return result


def _pack(error: BaseException) -> _Packed:
    trace = "".join(traceback.format_exception(error, chain=False)).rstrip()
    try:
        head, buffers, is_by_value = encode(error)
    except ValueEncodingError:
        return _Packed(type(error).__qualname__, _text(error), trace, None)
    # Copied: this small thing travels inside another pickle.
    plain = Encoded(head, [bytearray(buffer) for buffer in buffers], is_by_value)
    return _Packed(type(error).__qualname__, _text(error), trace, plain)


def _unpack(packed: _Packed) -> BaseException:
    error: object = None
    if packed.encoded is not None:
        try:
            error = decode(Encoded(*packed.encoded))
        except Exception as failure:  # noqa: BLE001 - the user's class; the stand-in tells both
            error = _stand_in(packed, f" (cannot be rebuilt here: {failure!r})")
    if not isinstance(error, BaseException):
        error = _stand_in(packed, "")
    error.add_note(f"In the process lane:\n{packed.trace}")
    return error


def _stand_in(packed: _Packed, why: str) -> UserCodeError:
    return UserCodeError(f"{packed.name}: {packed.message}{why}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the user's __str__ is broken too
        return "(its message cannot be shown)"
