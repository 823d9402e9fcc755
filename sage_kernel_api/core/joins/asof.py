"""The as-of join: each left record with what was valid on the right side at its time.

Layer: core. Pure but for the tables.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from sage_kernel_api.core.joins.keyed_join import EmitPair, KeyedJoin, Side, Table, time_of
from sage_kernel_api.values import Payload

__all__ = ["AsOfJoin"]


class AsOfJoin(KeyedJoin):
    """Pairs every left record with the latest right one that is not later than it.

    A left record waits until event time has reached it, for what was valid then is known only then.
    So results come out in the order of their times for each key, and do not depend on the order
    of arrival. Of several right records at one time, the last to arrive counts. A right record
    more than *tolerance_us* older than the left one does not count; None: none is too old.
    """

    def __init__(
        self, tables: tuple[Table, Table], emit: EmitPair, tolerance_us: int | None
    ) -> None:
        super().__init__(tables, emit)
        self._tolerance_us = tolerance_us

    def dues(self, side: Side, time_us: int) -> Sequence[int]:
        """Return its own time, when it is known what was valid; and when it is too old for all."""
        if side == 0 or self._tolerance_us is None:
            return (time_us,)
        return (time_us, time_us + self._tolerance_us + 1)

    def meet(self, key: Payload, side: Side, value: Payload, time_us: int) -> None:
        """Keep it until event time has reached it."""
        self.keep(key, side, value, time_us)

    def settle(self, key: Payload, side: Side, time_us: int) -> None:
        """Emit the left records of that time; forget the right ones that are out of use."""
        rights = self.records(key, 1)
        known = bisect_right(rights, time_us, key=time_of)
        if side == 0:
            valid = self._valid(rights[known - 1], time_us) if known else None
            lefts = self.records(key, 0)
            count = bisect_right(lefts, time_us, key=time_of)
            self.drop(key, 0, count)
            for _, left in lefts[:count]:
                self._emit(key, left, valid, time_us)
        else:
            # The latest one may still be valid for later records, unless it is too old.
            reach_us = self._tolerance_us
            old = 0 if reach_us is None else bisect_left(rights, time_us - reach_us, key=time_of)
            self.drop(key, 1, max(known - 1, old))

    def _valid(self, right: tuple[int, Payload], time_us: int) -> Payload:
        is_too_old = self._tolerance_us is not None and right[0] < time_us - self._tolerance_us
        return None if is_too_old else right[1]
