"""What joins over event time share: records of two sides by key, in the order of their times.

Layer: core. Pure but for the tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Iterable, MutableMapping
from operator import itemgetter
from typing import Final, Literal, Protocol, TypeAlias

from sage_kernel_api.core.event_time import DueItems
from sage_kernel_api.runnable import MIN_WATERMARK_US
from sage_kernel_api.values import Payload

__all__ = ["EmitPair", "KeyedJoin", "Side", "TimedRecord", "time_of"]

Side: TypeAlias = Literal[0, 1]
TimedRecord: TypeAlias = tuple[int, Payload]
Table: TypeAlias = MutableMapping[Payload, Payload]

time_of: Final = itemgetter(0)


class EmitPair(Protocol):
    """Called with two records that belong together; *right* None where there is none."""

    def __call__(self, key: Payload, left: Payload, right: Payload, time_us: int, /) -> None:
        """Emit their result under *key* and *time_us*."""
        ...


class KeyedJoin(ABC):
    """Keeps the records of both sides for as long as a partner may come.

    Args:
        tables: Of the left and of the right side: by key, the records in the order of their times.
        emit: Takes what belongs together.

    Attributes:
        watermark_us: How far event time is.
    """

    def __init__(self, tables: tuple[Table, Table], emit: EmitPair) -> None:
        self.watermark_us: int = MIN_WATERMARK_US
        self._tables = tables
        self._emit = emit
        self._due: DueItems[tuple[Payload, Side]] = DueItems()

    def restore(self) -> None:
        """Find out again what falls due, from the tables; once, before anything else."""
        sides: tuple[Side, Side] = (0, 1)
        for side in sides:
            for key, records in self._tables[side].items():
                for time_us, _ in records:
                    self._schedule(key, side, time_us)

    def add(self, key: Payload, side: Side, value: Payload, time_us: int) -> bool:
        """Take one record; False if it is late, and was not taken."""
        if time_us <= self.watermark_us:
            return False
        self.meet(key, side, value, time_us)
        return True

    def advance(self, watermark_us: int) -> None:
        """Act on event time having come this far."""
        # After a restore the inputs begin anew: until they pass what was reached, time stands.
        self.watermark_us = max(self.watermark_us, watermark_us)
        for time_us, (key, side) in self._due.take(watermark_us):
            self.settle(key, side, time_us)

    def keep(self, key: Payload, side: Side, value: Payload, time_us: int) -> None:
        """Keep a record until `settle` is called for it; equal times stay in order of arrival."""
        table = self._tables[side]
        records: list[TimedRecord] = table.get(key) or []
        insort(records, (time_us, value), key=time_of)
        table[key] = records
        self._schedule(key, side, time_us)

    def records(self, key: Payload, side: Side) -> list[TimedRecord]:
        """Return what is kept of one side."""
        records: list[TimedRecord] = self._tables[side].get(key) or []
        return records

    def drop(self, key: Payload, side: Side, count: int) -> None:
        """Forget the *count* earliest records of one side."""
        table = self._tables[side]
        if not count or key not in table:
            return
        rest = table[key][count:]
        if rest:
            table[key] = rest
        else:
            del table[key]

    def _schedule(self, key: Payload, side: Side, time_us: int) -> None:
        for due_us in self.dues(side, time_us):
            self._due.add(due_us, (key, side))

    @abstractmethod
    def dues(self, side: Side, time_us: int) -> Iterable[int]:
        """Return when `settle` is to be called for a record of that time."""

    @abstractmethod
    def meet(self, key: Payload, side: Side, value: Payload, time_us: int) -> None:
        """Take one record that is not late."""

    @abstractmethod
    def settle(self, key: Payload, side: Side, time_us: int) -> None:
        """Act on event time having reached a time that `dues` told."""
