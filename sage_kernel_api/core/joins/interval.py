"""The interval join: pairs of records whose times are not too far apart.

Layer: core. Pure but for the tables.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from sage_kernel_api.core.joins.keyed_join import EmitPair, KeyedJoin, Side, Table, time_of
from sage_kernel_api.values import Payload

__all__ = ["IntervalJoin"]


class IntervalJoin(KeyedJoin):
    """Pairs every left record with each right one between *lower_us* and *upper_us* after it.

    Both bounds belong to it. A pair comes out with the second of its records, at the later of the
    two times. A record is forgotten when no partner can come any more.
    """

    def __init__(
        self, tables: tuple[Table, Table], emit: EmitPair, lower_us: int, upper_us: int
    ) -> None:
        super().__init__(tables, emit)
        # How long after a record of each side its last partner may come.
        self._reach_us = (upper_us, -lower_us)
        self._from_us = (lower_us, -upper_us)

    def dues(self, side: Side, time_us: int) -> Sequence[int]:
        """Return the time of the last partner that it may have."""
        return (time_us + self._reach_us[side],)

    def meet(self, key: Payload, side: Side, value: Payload, time_us: int) -> None:
        """Pair it with what is there, and keep it if more may come."""
        other: Side = 1 if side == 0 else 0
        partners = self.records(key, other)
        first = bisect_left(partners, time_us + self._from_us[side], key=time_of)
        end = bisect_right(partners, time_us + self._reach_us[side], key=time_of)
        if time_us + self._reach_us[side] > self.watermark_us:
            self.keep(key, side, value, time_us)
        for partner_us, partner in partners[first:end]:
            pair = (value, partner) if side == 0 else (partner, value)
            self._emit(key, *pair, max(time_us, partner_us))

    def settle(self, key: Payload, side: Side, time_us: int) -> None:
        """Forget the records that no partner can come for."""
        over = bisect_right(self.records(key, side), time_us - self._reach_us[side], key=time_of)
        self.drop(key, side, over)
