"""Sources that hand on records by the block and know where they are.

Layer: core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Literal, TypeVar

from sage_kernel_api.core.functions.base_function import BaseFunction
from sage_kernel_api.errors import StateError
from sage_kernel_api.runnable import SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["BlockSourceFunction"]

O_co = TypeVar("O_co", covariant=True)


class BlockSourceFunction(BaseFunction, ABC, Generic[O_co]):
    """A source that gives whole blocks of records, and whose position can be kept.

    For sources where a call per record would cost too much, and the kind of which the ready-made
    ones are. After ``seek(merge([tell()]))`` a new instance gives exactly the records that the old
    one had not given yet.

    Attributes:
        state_sharing: ``own``: a position fits the instance that told it, so the number of
            instances cannot change at a restore. ``all``: every new instance gets the merged
            position of all old ones, and takes its share.

    Example:
        >>> from sage_kernel_api.runnable import SourcePoll
        >>> class Upto(BlockSourceFunction[int]):
        ...     def __init__(self, end: int) -> None:
        ...         self.next, self.end = 0, end
        ...     def poll(self, limit: int) -> SourcePoll:
        ...         begin, self.next = self.next, min(self.next + limit, self.end)
        ...         status = "more" if self.next < self.end else "ended"
        ...         return SourcePoll(range(begin, self.next), status)
        ...     def tell(self) -> int:
        ...         return self.next
        ...     def seek(self, position: int) -> None:
        ...         self.next = position
        >>> first, second = Upto(5), Upto(5)
        >>> list(first.poll(3).records)
        [0, 1, 2]
        >>> second.seek(second.merge([first.tell()]))
        >>> list(second.poll(3).records)
        [3, 4]
    """

    state_sharing: ClassVar[Literal["own", "all"]] = "own"

    @abstractmethod
    def poll(self, limit: int) -> SourcePoll:
        """Return at most *limit* (at least 1) records; see `SourceRunnable.poll`.

        What it raises takes back nothing that it gave before. If a record is at fault, the next
        call goes on behind it, so that a user may choose to live without.
        """

    @abstractmethod
    def tell(self) -> Payload:
        """Return the position behind the records given so far: plain data, which can be encoded."""

    @abstractmethod
    def seek(self, position: Payload) -> None:
        """Go on behind *position*; at most once, before ``open``.

        Args:
            position: As `merge` returned it.
        """

    def merge(self, positions: Sequence[Payload]) -> Payload:
        """Return one position to go on from, for what instances of an earlier run told.

        Args:
            positions: What they told, by their index; only the one of this instance if there are
                as many as before, or under ``own``.

        Raises:
            StateError: They cannot be merged.
        """
        if len(positions) != 1:
            raise StateError(
                f"{type(self).__name__} has the positions of {len(positions)} instances and can "
                "go on from one only. Restore with the same parallelism."
            )
        return positions[0]
