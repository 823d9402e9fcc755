"""What a crash may leave of a file that was being written.

Layer: simulation. Pure; the random numbers are passed in.
"""

from __future__ import annotations

from random import Random
from typing import Final

__all__ = ["cut_off", "torn"]

_SECTOR: Final = 512


def cut_off(after: bytes, random: Random) -> bytes:
    """Return a beginning of *after*: the process died while it wrote it."""
    return after[: random.randint(0, len(after))]


def torn(before: bytes | None, after: bytes | None, random: Random) -> bytes | None:
    """Return what a power cut may leave: each sector is the old one or the new one.

    Args:
        before: What is durable; None if there was no file.
        after: What was written since and never synced; None if the file was removed.
        random: Decides.

    Returns:
        Any size between the two, zeros where the file has grown and nothing has come; None for no
        file.
    """
    if before == after:
        return after
    if after is None or (before is None and random.random() < 0.3):
        return random.choice((before, after))
    old = before or b""
    size = random.choice((len(old), len(after), random.randint(*sorted((len(old), len(after))))))
    old, new = (text.ljust(size, b"\0")[:size] for text in (old, after))
    chosen = bytearray(old)
    for start in range(0, size, _SECTOR):
        if random.random() < 0.5:
            chosen[start : start + _SECTOR] = new[start : start + _SECTOR]
    return bytes(chosen)
