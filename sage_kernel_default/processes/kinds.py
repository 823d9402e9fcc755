"""Kinds of messages that the lanes themselves use; the engine's own begin at FIRST_FREE.

Layer: processes.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ENTRY", "FAILED", "FINISHED", "FIRST_FREE"]

ENTRY: Final = 1
"""To the lane, first: its entry function and arguments."""
FINISHED: Final = 2
"""From the lane, last: the entry function has returned."""
FAILED: Final = 3
"""From the lane, last: what the entry function raised."""
FIRST_FREE: Final = 16
