"""How much memory one run took at its peak. Standard library only.

On Linux the kernel keeps the peak of the resident set and lets a process reset it; so one
process can measure run after run. Elsewhere the peak is that of the whole life, and a run
that stays below an earlier one shows as 0.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path

__all__ = ["peak_bytes", "reset_peak", "resident_bytes"]

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Let the peak start again from what is resident now, where the system can do that."""
    with contextlib.suppress(OSError):
        _CLEAR_REFS.write_text("5")


def peak_bytes() -> int:
    """Return the peak of the resident set since `reset_peak`, in bytes."""
    return _status_bytes("VmHWM") or _life_peak_bytes()


def resident_bytes() -> int:
    """Return the resident set of this moment, in bytes."""
    return _status_bytes("VmRSS") or _life_peak_bytes()


def _status_bytes(field: str) -> int:
    if not _STATUS.exists():
        return 0
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _life_peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
