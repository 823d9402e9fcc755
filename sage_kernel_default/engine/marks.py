"""What travels between the records of a channel: barriers and watermarks.

Layer: engine. Values only. A mark stays in its place among the frames, uses no credit and is
counted nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["MAX_WATERMARK", "Barrier", "Mark", "Watermark"]

MAX_WATERMARK: Final = 2**63 - 1
"""Event time has ended: no record will follow."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """Parts the records that belong to the snapshot *epoch* from those that come after it."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Watermark:
    """Event time has come as far as *time_us*, in microseconds since 1970 (UTC).

    Attributes:
        time_us: Records that follow should not be earlier.
        is_idle: The sender has nothing for now, and nobody should wait for its time.
    """

    time_us: int
    is_idle: bool = False


Mark: TypeAlias = Barrier | Watermark
