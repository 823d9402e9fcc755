"""Ready-made bounded sources.

Layer: core. ``from_collection`` and ``from_batch`` are faster for plain collections: they hand on
whole slices. These classes are for programs that name them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, TypeVar

from sage_kernel_api.core.functions.source_functions import BatchFunction
from sage_kernel_api.errors import StateError
from sage_kernel_api.values import Payload, StopSignal

if TYPE_CHECKING:
    from sage_kernel_api.core.connectors.split_source import TextFileSource

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
        self.total_count = total_count
        self._given = 0

    def execute(self) -> T | StopSignal | None:
        """Return the next item, or a `StopSignal`.

        Raises:
            StateError: Items are to be left out, and the iterator may be used already.
        """
        if self._iterator is None:
            iterator = self.make_iterator()
            if self._given:
                _refuse_if_used(iterator, self._iterable)
            self._iterator = islice(iterator, self._given, None)
        item = next(self._iterator, _STOP)
        if item is not _STOP:
            self._given += 1
        return item

    def get_state(self) -> dict[str, Payload]:
        """Return how many items were given."""
        return {"given": self._given}

    def restore_state(self, state: Mapping[str, Payload]) -> None:
        """Leave out so many items of a new iterator: they are made again and skipped."""
        self._given = state["given"]

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

    ``from_text_file`` is faster: it hands on whole blocks. A line ends with a line feed,
    with or without a carriage return before it.

    Args:
        file_path: Opened by ``open``, or when the first line is asked for.
        encoding: Of the file.
    """

    def __init__(self, file_path: str | PathLike[str], encoding: str = "utf-8") -> None:
        super().__init__()
        self.file_path = file_path
        self.encoding = encoding
        self._source: TextFileSource | None = None
        self._position: Payload = None

    def execute(self) -> str | StopSignal | None:
        """Return the next line, or a `StopSignal`.

        Raises:
            OSError: The file cannot be read.
            StateError: It is another file than the one that the state is from.
        """
        if self._source is None:
            self._source = self._open_source()
        while (answer := self._source.poll(1)).status != "ended":
            if answer.records:
                line: str = answer.records[0]
                return line
        return _STOP

    def close(self) -> None:
        """Close the file."""
        if self._source is not None:
            self._source.close()

    def get_state(self) -> dict[str, Payload]:
        """Return the position."""
        return {"position": self._position if self._source is None else self._source.tell()}

    def restore_state(self, state: Mapping[str, Payload]) -> None:
        """Go on where `get_state` was called; before the first line."""
        self._position = state["position"]

    def _open_source(self) -> TextFileSource:
        from sage_kernel_api.core.connectors.split_source import TextFileSource

        source = TextFileSource(self.file_path, self.encoding)
        if self._position is not None:
            source.seek(source.merge([self._position]))
        source.open()
        return source


def _refuse_if_used(iterator: object, iterable: object) -> None:
    if iterator is not iterable:
        return  # A new one, which begins at the begin.
    if inspect.isgenerator(iterator) and inspect.getgeneratorstate(iterator) == "GEN_CREATED":
        return
    raise StateError(
        f"The iterator {iterable!r} cannot be read again from its begin, so nobody knows which of "
        "its items were read already. Give a list, or a function that makes the iterator."
    )
