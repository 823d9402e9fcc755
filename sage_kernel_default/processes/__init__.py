"""Process lanes: children of our own, messages with checksums, deaths that are noticed."""

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
from sage_kernel_default.processes.lane import LaneExit, ProcessLane
from sage_kernel_default.processes.wire import Link, Message

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
