"""Have a process die at its next system call of one name: a filter in the operating system.

SQLite makes its calls where no Python code could count them, so the filter is what reaches
between two of them: before a page is written, before a log is synced.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import Final

__all__ = ["CALLS", "die_at"]

_NUMBERS: Final = {
    "x86_64": {"pwrite64": 18, "fsync": 74, "fdatasync": 75, "rename": 82, "unlink": 87},
    "aarch64": {"pwrite64": 68, "fsync": 82, "fdatasync": 83, "renameat": 38, "unlinkat": 35},
}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_MACHINE: Final = platform.machine() if sys.platform == "linux" else ""

CALLS: Final[tuple[str, ...]] = tuple(_NUMBERS.get(_MACHINE, ()))
"""The calls that `die_at` knows here; empty where it cannot work."""

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
# Instructions of classic BPF, and what a filter may answer.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def die_at(call: str) -> None:
    """Kill this process (SIGSYS, in no way to be caught) at its next *call*, in any thread.

    Raises:
        OSError: The operating system refuses.
    """
    system = ctypes.CDLL(None, use_errno=True)
    program = (_Instruction * 4)(
        _Instruction(_LOAD, 0, 0, 0),
        _Instruction(_JUMP_IF_EQUAL, 0, 1, _NUMBERS[_MACHINE][call]),
        _Instruction(_RETURN, 0, 0, _KILL_PROCESS),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    )
    wanted = _Program(len(program), program)
    # Without privileges of its own, a filter is only for those who cannot gain any.
    system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if system.syscall(_SECCOMP[_MACHINE], _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(wanted)):
        raise OSError(ctypes.get_errno(), f"no filter for {call}")
