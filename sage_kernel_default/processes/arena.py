"""Memory that two processes share: large buffers cross by one copy, and are read where they lie.

Layer: processes. Knows bytes.

An arena is an anonymous file (``memfd``, Linux) that the writer maps and whose descriptor it sends
to the reader. It has no name, so nothing is left behind however the two end. The first page has
one byte per slot, 1 while its block is in use: the writer sets it, the reader clears it when the
last object is gone that looks at the block. So giving back costs no message, and may happen in
whatever thread the collector runs.
"""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Final, NamedTuple

__all__ = ["ARENA_BYTES", "ArenaReader", "ArenaWriter", "Place", "has_arenas"]

ARENA_BYTES: Final = 64 * 1024 * 1024
"""Room for blocks; memory is taken for those parts only that were ever used."""

_PAGE: Final = 4096
_SLOTS: Final = _PAGE

has_arenas: Final = hasattr(os, "memfd_create")


class Place(NamedTuple):
    """Where a block lies."""

    slot: int
    offset: int


class ArenaWriter:
    """The side that copies buffers into the arena. Not thread-safe.

    Attributes:
        descriptor: Of the memory, to be sent to the reader; closed by `close_descriptor`.
    """

    def __init__(self, size: int = ARENA_BYTES) -> None:
        """Args: size: Room for blocks, in bytes.

        Raises:
            OSError: The system has no memory or no descriptor left.
        """
        self.descriptor = os.memfd_create("sage-kernel-arena", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.descriptor, _PAGE + size)
            self._memory = mmap.mmap(self.descriptor, _PAGE + size)
        except BaseException:
            self.close_descriptor()
            raise
        self._view = memoryview(self._memory)
        # Lowest first: what is used stays small, and in the processor's caches.
        self._holes = [(_PAGE, size)]
        self._used: dict[int, tuple[int, int]] = {}
        self._free_slots = list(range(_SLOTS - 1, -1, -1))

    def place(self, buffer: memoryview) -> Place | None:
        """Copy *buffer* (of bytes) to a free block; None if there is none that is large enough."""
        self._take_back()
        size = -(-len(buffer) // _PAGE) * _PAGE
        if not self._free_slots:
            return None
        fitting = (number for number, (_, room) in enumerate(self._holes) if room >= size)
        if (number := next(fitting, None)) is None:
            return None
        offset, room = self._holes.pop(number)
        if room > size:
            self._holes.insert(number, (offset + size, room - size))
        slot = self._free_slots.pop()
        self._used[slot] = (offset, size)
        self._view[offset : offset + len(buffer)] = buffer
        self._view[slot] = 1
        return Place(slot, offset)

    def _take_back(self) -> None:
        view = self._view
        freed = [slot for slot in self._used if not view[slot]]
        if not freed:
            return
        self._holes += [self._used.pop(slot) for slot in freed]
        self._free_slots += freed
        merged: list[tuple[int, int]] = []
        for offset, size in sorted(self._holes):
            if merged and sum(merged[-1]) == offset:
                merged[-1] = (merged[-1][0], merged[-1][1] + size)
            else:
                merged.append((offset, size))
        self._holes = merged

    def close_descriptor(self) -> None:
        """Let go of the descriptor once it was sent; the memory stays mapped."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class ArenaReader:
    """The side that reads blocks. Any thread may use it."""

    def __init__(self, descriptor: int) -> None:
        """Args: descriptor: What the writer sent; it is closed here.

        Raises:
            OSError, ValueError: It is no memory of this kind.
        """
        try:
            # Python's mmap keeps a descriptor of its own, as long as somebody looks at the memory.
            self._memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def block(self, place: Place, size: int) -> memoryview:
        """Return the block there: writable, and the caller's own until the last view of it is gone.

        Raises:
            ValueError: There is no such block.
        """
        slot, offset = place
        if not 0 <= slot < _SLOTS or offset < _PAGE:
            raise ValueError(f"block {place} lies outside of the arena")
        import ctypes  # here, because most lanes see no block in all their life

        # Every view of a ctypes array, and every array over such a view, keeps this very object.
        # A view of the memory itself would not do: views of views do not keep each other.
        block = (ctypes.c_ubyte * size).from_buffer(self._memory, offset)
        weakref.finalize(block, _clear, self._memory, slot).atexit = False
        return memoryview(block).cast("B")


def _clear(memory: mmap.mmap, slot: int) -> None:
    memory[slot] = 0
