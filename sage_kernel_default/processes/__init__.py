"""Process lanes: children of our own, messages with checksums, deaths that are noticed.

The parent's side is imported when it is first asked for: a lane starts sooner without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sage_kernel_default.processes.child import LaneEndpoint
from sage_kernel_default.processes.codec import (
    Encoded,
    decode,
    decode_frame,
    encode,
    encode_frame,
)
from sage_kernel_default.processes.crossing import pack_error, unpack_error
from sage_kernel_default.processes.kinds import FIRST_FREE
from sage_kernel_default.processes.wire import Link, Message

if TYPE_CHECKING:
    from sage_kernel_default.processes.lane import LaneExit, ProcessLane

__all__ = [
    "FIRST_FREE",
    "Encoded",
    "LaneEndpoint",
    "LaneExit",
    "Link",
    "Message",
    "ProcessLane",
    "decode",
    "decode_frame",
    "encode",
    "encode_frame",
    "pack_error",
    "unpack_error",
]

if not TYPE_CHECKING:  # a type checker knows the names from above, and must miss all others

    def __getattr__(name: str) -> object:
        """Import what only a parent needs (PEP 562)."""
        if name not in ("LaneExit", "ProcessLane"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.lane"), name)
