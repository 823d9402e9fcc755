"""A sink that keeps what it gets, for tests to look at.

Layer: testing. Knows records only, so it works on every kernel whose sinks run in this process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, NoReturn, TypeVar

from sage_kernel_api.errors import ValueEncodingError

__all__ = ["CollectSink"]

T = TypeVar("T")


class CollectSink(Generic[T]):
    """Give it to ``stream.sink``; read ``records`` when the job has ended, or while it runs.

    All instances of the step fill the same sink. Any thread may read and write. It refuses to
    be copied into another process: what it collected there would be lost without a word.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> sink = CollectSink[int]()
        >>> with LocalEnvironment(kernel="mock") as env:
        ...     stream = env.from_collection([1, 2]).sink(sink)
        ...     job_id = env.submit(autostop=True)
        >>> sink.records
        [1, 2]
    """

    def __init__(self) -> None:
        self._records: list[T] = []
        self._changed = threading.Condition()

    def __call__(self, data: T) -> None:
        """Keep one record."""
        with self._changed:
            self._records.append(data)
            self._changed.notify_all()

    @property
    def records(self) -> list[T]:
        """Return what came so far, in the order of arrival; a new list at each look."""
        with self._changed:
            return list(self._records)

    def wait_for(self, count: int, *, timeout_s: float) -> list[T]:
        """Wait until *count* records came, for jobs that run in the background.

        Returns:
            The records so far, at least *count*.

        Raises:
            AssertionError: There were fewer after *timeout_s* seconds.
        """
        with self._changed:
            is_there = self._changed.wait_for(lambda: len(self._records) >= count, timeout_s)
            records = list(self._records)
        if not is_there:
            raise AssertionError(
                f"{count} records were awaited for {timeout_s:g} s, {len(records)} came: {records}"
            )
        return records

    def clear(self) -> None:
        """Forget what came so far."""
        with self._changed:
            self._records.clear()

    def __iter__(self) -> Iterator[T]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<CollectSink with {len(self)} records>"

    def __reduce__(self) -> NoReturn:
        raise ValueEncodingError(
            "A CollectSink stays in the process of its test: what it collected elsewhere would be "
            'lost. Leave out placement="process" for its step, or write to a file.'
        )
