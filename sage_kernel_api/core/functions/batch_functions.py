"""Ready-made bounded sources.

Layer: core. ``from_collection`` and ``from_batch`` are faster for plain collections: they hand on
whole slices. These classes are for programs that name them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from os import PathLike
from typing import ClassVar, TypeVar

from sage_kernel_api.core.functions.source_functions import BatchFunction
from sage_kernel_api.values import StopSignal

__all__ = [
    "FileBatchIteratorFunction",
    "GeneratorBatchIteratorFunction",
    "IterableBatchIteratorFunction",
    "RangeBatchIteratorFunction",
    "SimpleBatchIteratorFunction",
]

T = TypeVar("T")

_STOP = StopSignal("end of iteration")


class IterableBatchIteratorFunction(BatchFunction[T]):
    """Gives the items of any iterable, also those that are None.

    Args:
        iterable: Iterated when the first record is asked for.

    Example:
        >>> items = IterableBatchIteratorFunction("ab")
        >>> items.execute(), items.execute(), items.execute()
        ('a', 'b', StopSignal(name='end of iteration'))
    """

    def __init__(self, iterable: Iterable[T], total_count: int | None = None) -> None:
        super().__init__()
        self._iterable = iterable
        self._iterator: Iterator[T] | None = None
        self._given = 0
        self.total_count = total_count

    def execute(self) -> T | StopSignal | None:
        """Return the next item, or a `StopSignal`."""
        if self._iterator is None:
            self._iterator = self.make_iterator()
            # After a restart: what was given before is read again, and left out.
            next(islice(self._iterator, self._given, self._given), None)
        item = next(self._iterator, _STOP)
        self._given += item is not _STOP
        return item

    def tell(self) -> int:
        """Return how many items were given."""
        return self._given

    def seek(self, position: int) -> None:
        """Leave out the first *position* items."""
        self._given = position

    def make_iterator(self) -> Iterator[T]:
        """Return the iterator over all items; called once."""
        return iter(self._iterable)


class SimpleBatchIteratorFunction(IterableBatchIteratorFunction[T]):
    """Gives the items of a list or tuple."""


class RangeBatchIteratorFunction(IterableBatchIteratorFunction[int]):
    """Gives the numbers of a range.

    Example:
        >>> numbers = RangeBatchIteratorFunction(0, 2)
        >>> numbers.execute(), numbers.execute(), numbers.execute()
        (0, 1, StopSignal(name='end of iteration'))
    """

    def __init__(self, start: int, end: int, step: int = 1) -> None:
        super().__init__(range(start, end, step))


class GeneratorBatchIteratorFunction(IterableBatchIteratorFunction[T]):
    """Gives what a generator function yields."""

    def __init__(
        self, generator_func: Callable[[], Iterable[T]], total_count: int | None = None
    ) -> None:
        super().__init__((), total_count)
        self._generator_func = generator_func

    def make_iterator(self) -> Iterator[T]:
        """Call the generator function."""
        return iter(self._generator_func())


class FileBatchIteratorFunction(BatchFunction[str]):
    """Gives the lines of a text file, without their line ends. The file is closed at the end.

    Args:
        file_path: Opened by ``open``, or when the first line is asked for.
        encoding: Of the file.
    """

    __state_exclude__: ClassVar[tuple[str, ...]] = ("_lines",)

    def __init__(self, file_path: str | PathLike[str], encoding: str = "utf-8") -> None:
        super().__init__()
        self.file_path = file_path
        self.encoding = encoding
        self._lines: Generator[str, None, None] | None = None

    def execute(self) -> str | StopSignal | None:
        """Return the next line, or a `StopSignal`.

        Raises:
            OSError: The file cannot be read.
        """
        if self._lines is None:
            self._lines = _read_lines(self.file_path, self.encoding)
        return next(self._lines, _STOP)

    def close(self) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.close()


def _read_lines(path: str | PathLike[str], encoding: str) -> Generator[str, None, None]:
    with open(path, encoding=encoding) as file:
        for line in file:
            yield line.removesuffix("\n")
