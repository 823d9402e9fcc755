"""Find out that a loop is dry: all its inputs have ended and no record is left inside.

Layer: engine. Knows counts only; no thread, no lock, no channel.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LoopMonitor"]


class LoopMonitor:
    """Termination detection for the tasks of one loop (one strongly connected component).

    Every member tells its counts of records sent and received inside of the loop whenever it
    becomes passive (its inputs from outside have ended and it holds nothing), and takes that
    back *before* it takes another record. If all members are passive and the sums are equal
    in one instant, no record is on its way, and none can ever appear again.

    Source:
        Mattern 1987, "Algorithms for distributed termination detection", Distributed
        Computing 2, section 6 (four counters): two looks that see the same reports are one
        look at an instant between them.
    """

    def __init__(self, members: int) -> None:
        self._reports: list[tuple[int, int] | None] = [None] * members
        self._wakers: list[Callable[[], None]] = []
        self.is_dry = False

    def on_dry(self, wake: Callable[[], None]) -> None:
        """Have *wake* called once the loop is dry."""
        self._wakers.append(wake)

    def active(self, member: int) -> None:
        """Take back the last report of *member*; before it takes a record."""
        self._reports[member] = None

    def passive(self, member: int, sent: int, received: int) -> None:
        """Tell that *member* holds nothing and has sent and received so much in the loop."""
        # A new object each time: `_look` compares identities, so that a report which was
        # taken back and given again between its two looks is not taken for the same.
        if self._reports[member] != (sent, received):
            self._reports[member] = (sent, received)
        if not self.is_dry and self._look():
            self.is_dry = True
            for wake in self._wakers:
                wake()

    def _look(self) -> bool:
        first = list(self._reports)
        sent = received = 0
        for report in first:
            if report is None:
                return False
            sent += report[0]
            received += report[1]
        if sent != received:
            return False
        return all(now is then for now, then in zip(self._reports, first, strict=True))
