"""Windows of some number of a key's records.

Layer: core. Pure but for the table it is given, which a kernel keeps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from sage_kernel_api.core.arguments import check_positive
from sage_kernel_api.core.windows.assigners import WindowAssigner
from sage_kernel_api.core.windows.window_types import CountWindow
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

if TYPE_CHECKING:
    from sage_kernel_api.core.windows.contents import Contents
    from sage_kernel_api.core.windows.time_windows import Fire

__all__ = ["CountWindowAssigner", "CountWindows", "SlidingCountWindows", "TumblingCountWindows"]


class CountWindowAssigner(WindowAssigner[CountWindow]):
    """Windows that depend on how many records of a key came before."""

    @abstractmethod
    def keeper(
        self, table: MutableMapping[Payload, Payload], contents: Contents, fire: Fire
    ) -> CountWindows:
        """Return what keeps such windows."""


class TumblingCountWindows(CountWindowAssigner):
    """Windows of so many records of a key, one after the other.

    A window's result comes out with its last record. What has not filled a window when the input
    ends gives no result.

    Args:
        size: Records in a window, at least 1.

    Raises:
        ConfigurationError: *size* is no whole number from 1.
    """

    def __init__(self, size: int) -> None:
        self.size: int = check_positive(size, "size")

    def keeper(
        self, table: MutableMapping[Payload, Payload], contents: Contents, fire: Fire
    ) -> CountWindows:
        """Return what keeps them: the contents of one window for each key."""
        return _TumblingWindows(self.size, table, contents, fire)


class SlidingCountWindows(CountWindowAssigner):
    """The last records of a key, looked at after every so many.

    The first windows of a key are shorter, until it has had *size* records.

    Args:
        size: Records in a full window, at least 1.
        slide: Records from one result to the next, at least 1.

    Raises:
        ConfigurationError: One of them is no whole number from 1.
    """

    def __init__(self, size: int, slide: int) -> None:
        self.size: int = check_positive(size, "size")
        self.slide: int = check_positive(slide, "slide")

    def keeper(
        self, table: MutableMapping[Payload, Payload], contents: Contents, fire: Fire
    ) -> CountWindows:
        """Return what keeps them: the last *size* records of each key."""
        return _SlidingWindows(self.size, self.slide, table, contents, fire)


class CountWindows:
    """A `WindowKeeper` that knows no time, so that nothing is late and nothing falls due.

    Args:
        table: By key: how many records came, and what is kept of them.
    """

    def __init__(
        self, table: MutableMapping[Payload, Payload], contents: Contents, fire: Fire
    ) -> None:
        self.watermark_us = MIN_WATERMARK_US
        self._table = table
        self._contents = contents
        self._fire = fire

    def restore(self) -> None:
        """Nothing falls due."""

    @abstractmethod
    def add(self, key: Payload, value: Payload, time_us: int | None) -> bool:
        """Put a record into its windows; always True."""

    def advance(self, watermark_us: int) -> None:
        """Count windows do not look at event time."""

    @property
    def next_due_us(self) -> int | None:
        """None: they do not look at the clock."""
        return None

    def advance_clock(self, now_us: int) -> None:
        """Count windows do not look at the clock."""


class _TumblingWindows(CountWindows):
    def __init__(
        self,
        size: int,
        table: MutableMapping[Payload, Payload],
        contents: Contents,
        fire: Fire,
    ) -> None:
        super().__init__(table, contents, fire)
        self._size = size

    def add(self, key: Payload, value: Payload, time_us: int | None) -> bool:
        count, kept = self._table.get(key) or (0, None)
        is_first = count % self._size == 0
        kept = self._contents.first(value) if is_first else self._contents.add(kept, value)
        count += 1
        is_full = count % self._size == 0
        # Before it fires: what the function raises then is not the record's second chance.
        self._table[key] = (count, None if is_full else kept)
        if is_full:
            self._fire(key, CountWindow(count - self._size, count), kept, None)
        return True


class _SlidingWindows(CountWindows):
    def __init__(
        self,
        size: int,
        slide: int,
        table: MutableMapping[Payload, Payload],
        contents: Contents,
        fire: Fire,
    ) -> None:
        super().__init__(table, contents, fire)
        self._size = size
        self._slide = slide

    def add(self, key: Payload, value: Payload, time_us: int | None) -> bool:
        count, values = self._table.get(key) or (0, [])
        count += 1
        values = [*values, value][-self._size :]
        self._table[key] = (count, values)
        if count % self._slide == 0:
            window = CountWindow(max(0, count - self._size), count)
            self._fire(key, window, self._contents.of(values), None)
        return True
