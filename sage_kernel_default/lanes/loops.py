"""Find out that a loop is dry whose tasks are spread over several processes.

Layer: lanes. Knows counts and who tells them; no process, no message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import NamedTuple

from sage_kernel_default.engine import LoopMonitor

__all__ = ["LoopCoordinator", "LoopShare", "Sums"]


class Sums(NamedTuple):
    """Records sent and received inside of the loop, over the passive members of one process."""

    sent: int
    received: int


class LoopShare(LoopMonitor):
    """The members of a loop that live in one process, as their tasks see the monitor.

    Tells the coordinator when all of them are passive with new counts, and answers its probes.
    Both are sent under one lock, so that the coordinator hears them in the order of their truth.
    """

    def __init__(
        self,
        members: Collection[int],
        tell: Callable[[Sums], None],
        answer: Callable[[int, Sums | None], None],
    ) -> None:
        """Take who is here, and where to tell.

        Args:
            members: Numbers of the members in this process.
            tell: Sends counts to the coordinator.
            answer: Sends the answer to a probe: its wave, and the counts; None if some member
                is active.
        """
        super().__init__(max(members) + 1)
        self._members = tuple(members)
        self._tell = tell
        self._answer = answer
        self._told: Sums | None = None
        # Reentrant: what is told may come back as a probe before `tell` returns.
        self._lock = threading.RLock()

    def active(self, member: int) -> None:
        """Take back the last report of *member*; before it takes a record."""
        with self._lock:
            super().active(member)

    def passive(self, member: int, sent: int, received: int) -> None:
        """Tell that *member* holds nothing and has sent and received so much in the loop."""
        with self._lock:
            self._reports[member] = (sent, received)
            sums = self._sums()
            if sums is not None and sums != self._told:
                self._told = sums
                self._tell(sums)

    def probe(self, wave: int) -> None:
        """Answer the coordinator."""
        with self._lock:
            sums = self._sums()
            # After an answer of "active" the same counts are news again.
            self._told = sums
            self._answer(wave, sums)

    def become_dry(self) -> None:
        """Take the coordinator's word, and wake the members."""
        self.is_dry = True
        for wake in self._wakers:
            wake()

    def _sums(self) -> Sums | None:
        reports = [self._reports[member] for member in self._members]
        known = [report for report in reports if report is not None]
        if len(known) < len(reports):
            return None
        return Sums(sum(sent for sent, _ in known), sum(received for _, received in known))


class LoopCoordinator:
    """Decides for one loop, from what the shares tell and from waves of probes.

    What was told last is a first look, at moments before the wave; the answers are a second one,
    at moments after its begin. If all are passive in both, and as much was received by the first
    look as was sent by the second, nothing was on its way when the wave began.

    Attributes:
        is_asking: A wave is under way.
        events: Messages that were taken from the shares.

    Source:
        Mattern 1987, "Algorithms for distributed termination detection", Distributed
        Computing 2, section 6 (four counters).
    """

    def __init__(
        self,
        processes: Collection[int],
        probe: Callable[[int, int], None],
        dry: Callable[[int], None],
    ) -> None:
        """Take who is asked, and how.

        Args:
            processes: Numbers of the processes with a share.
            probe: Asks one of them, in a numbered wave.
            dry: Tells one of them that the loop is dry.
        """
        self._latest: dict[int, Sums | None] = dict.fromkeys(processes)
        self._probe = probe
        self._dry = dry
        self._wave = 0
        self._received_before = 0
        self._answers: dict[int, Sums | None] = {}
        self.is_asking = False
        self.events = 0
        self._is_over = False
        # Never held while a share is called: shares call here with their own lock held.
        self._lock = threading.Lock()

    def told(self, process: int, sums: Sums) -> None:
        """Take what a share told of itself."""
        with self._lock:
            self.events += 1
            self._latest[process] = sums
            wave = self._begin_wave()
        self._ask(wave)

    def answered(self, process: int, wave: int, sums: Sums | None) -> None:
        """Take the answer of a share."""
        with self._lock:
            self.events += 1
            if wave != self._wave or not self.is_asking:
                return
            self._latest[process] = self._answers[process] = sums
            if len(self._answers) < len(self._latest):
                return
            self.is_asking = False
            self._is_over = self._agrees()
            following = self._begin_wave()
        if self._is_over:
            for each in self._latest:
                self._dry(each)
        self._ask(following)

    def _begin_wave(self) -> int | None:
        looks = [look for look in self._latest.values() if look is not None]
        if self._is_over or self.is_asking or len(looks) < len(self._latest):
            return None
        received = sum(look.received for look in looks)
        if received != sum(look.sent for look in looks):
            return None
        self._received_before = received
        self._answers = {}
        self.is_asking = True
        self._wave += 1
        return self._wave

    def _ask(self, wave: int | None) -> None:
        if wave is not None:
            for process in self._latest:
                self._probe(process, wave)

    def _agrees(self) -> bool:
        answers = [answer for answer in self._answers.values() if answer is not None]
        return (
            len(answers) == len(self._latest)
            and sum(answer.sent for answer in answers) == self._received_before
        )
