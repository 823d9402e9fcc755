"""All process lanes of one job, seen from the kernel's process.

Layer: lanes. Knows the job as a `Supervisor` only.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import LaneError
from sage_kernel_default.checkpoint.values import StepSnapshot
from sage_kernel_default.engine import SnapshotDesk, Supervisor
from sage_kernel_default.lanes.assignment import KERNEL
from sage_kernel_default.lanes.channel import Send
from sage_kernel_default.lanes.counters import RemoteTask
from sage_kernel_default.lanes.crew import LaneProcess
from sage_kernel_default.lanes.lane import Lane
from sage_kernel_default.lanes.loops import LoopCoordinator, LoopShare, Sums
from sage_kernel_default.lanes.site import Site
from sage_kernel_default.processes import Encoded

__all__ = ["Fleet"]

_REPORT_S: Final = 0.25
"""How long a look at the job waits for a lane that does not answer."""
_EXIT_S: Final = 5.0
"""How long a lane that has done its work may take to end, with what the user registered."""
_LOG: Final = logging.getLogger("sage_kernel.lanes")


class Fleet(Lane):
    """Starts the lanes, joins them with each other, passes the flags, notices deaths.

    A lane that dies fails the job, whatever it was doing. Lanes that have done their work
    stay until all have, so that a death is never mistaken for an end.
    """

    def __init__(
        self,
        job_id: str,
        tasks: Sequence[Sequence[RemoteTask]],
        supervisor: Supervisor,
        services: ServiceClient,
        layout: Encoded,
        ended: Callable[[], None],
    ) -> None:
        """Take what the lanes need; nothing runs yet.

        Args:
            job_id: For names.
            tasks: The tasks of each lane.
            supervisor: The job.
            services: Of the job.
            layout: What each lane is told, see `pack_layout`.
            ended: Called once, when no task runs in any lane any more.
        """
        self.has_ended = False
        self.desk: SnapshotDesk | None = None
        self._supervisor = supervisor
        self._layout = layout
        self._ended = ended
        self._changed = threading.Condition()
        self._is_started = False
        self._loops: dict[int, LoopCoordinator] = {}
        self._shares: dict[int, LoopShare] = {}
        self._lanes = [
            LaneProcess(f"{job_id}/lane-{number}", number, its, self, services)
            for number, its in enumerate(tasks, start=1)
        ]

    # --- as a lane of the job ------------------------------------------------------------------

    def start(self) -> None:
        """Start the processes."""
        ends: dict[int, dict[int, socket.socket]] = {lane.number: {} for lane in self._lanes}
        try:
            for one, other in combinations(ends, 2):
                ends[one][other], ends[other][one] = socket.socketpair()
            for lane in self._lanes:
                lane.start(self._layout, ends[lane.number])
        except OSError as error:
            failure = LaneError(f"A process lane cannot be started: {error}.")
            failure.__cause__ = error
            self._supervisor.task_failed(failure)
        finally:
            # A lane must be the only one who holds its ends, or nobody would see it end.
            for end in (end for pairs in ends.values() for end in pairs.values()):
                end.close()
        self._is_started = True
        self.ring()
        self.lane_changed()

    def ring(self) -> None:
        """Pass the flags of the job on."""
        job = self._supervisor
        for lane in self._lanes:
            lane.post_flags(job.is_released, job.is_paused, job.is_stopping)
            if (desk := self.desk) is not None:
                lane.post_checkpoint(desk.requested, desk.verdict)

    def stop(self) -> None:
        """Pass the flags on: the lanes stop by them."""
        self.ring()

    def join(self) -> None:
        """Let the lanes end, now that all work is done; what fails then fails the job too."""
        for lane in self._lanes:
            lane.dismiss()
        for lane in self._lanes:
            lane.join(_EXIT_S)

    def abandon(self) -> list[str]:
        """Kill what is left: nothing of a process lane outlives its job."""
        for lane in self._lanes:
            if not lane.has_ended:
                _LOG.warning("%s did not come to its end in time and is killed", lane.name)
            lane.kill()
        for lane in self._lanes:
            lane.join(None)
        return []

    # --- for the builder and the job ------------------------------------------------------------

    def send_to(self, process: int) -> Send:
        """Return the way to a lane."""
        return self._lanes[process - 1].send

    def connect(self, site: Site, loops: dict[int, set[int]]) -> None:
        """Take the kernel's own share, and the processes of every spread loop."""
        self._shares = site.shares
        for lane in self._lanes:
            lane.site = site
        for loop, processes in loops.items():
            self._loops[loop] = LoopCoordinator(
                processes, self._prober(loop), self._dry_teller(loop)
            )

    @property
    def loop_events(self) -> int | None:
        """Return how much was said of loops that span processes; None while one is probed."""
        loops = self._loops.values()
        return None if any(loop.is_asking for loop in loops) else sum(loop.events for loop in loops)

    def refresh(self) -> bool:
        """Ask the running lanes for their counters, and wait for them a little.

        Returns:
            Whether all of them have answered.
        """
        if not self._is_started or self.has_ended:
            return True
        asked = [(lane, lane.ask_report()) for lane in self._lanes]
        with self._changed:
            return self._changed.wait_for(
                lambda: all(lane.has_reported(question) for lane, question in asked), _REPORT_S
            )

    # --- from the lanes' reading threads ---------------------------------------------------------

    def snapshot_taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Take a snapshot of a task."""
        assert self.desk is not None, "lanes take snapshots only when they are asked"
        self.desk.taken(task, epoch, snapshots, is_final=is_final)

    @property
    def supervisor(self) -> Supervisor:
        """Return the job."""
        return self._supervisor

    def lane_changed(self) -> None:
        """Look whether all lanes have ended; wake those who wait for reports."""
        with self._changed:
            self._changed.notify_all()
            is_news = (
                self._is_started
                and not self.has_ended
                and all(lane.has_ended for lane in self._lanes)
            )
            self.has_ended = self.has_ended or is_news
        if is_news:
            self._ended()

    def loop_told(self, loop: int, process: int, sums: Sums) -> None:
        """A share of a loop became passive."""
        self._loops[loop].told(process, sums)

    def loop_answered(self, loop: int, process: int, wave: int, sums: Sums | None) -> None:
        """A share of a loop answered a probe."""
        self._loops[loop].answered(process, wave, sums)

    def _prober(self, loop: int) -> Callable[[int, int], None]:
        def probe(process: int, wave: int) -> None:
            if process == KERNEL:
                self._shares[loop].probe(wave)
            else:
                self._lanes[process - 1].post_probe(loop, wave)

        return probe

    def _dry_teller(self, loop: int) -> Callable[[int], None]:
        def tell(process: int) -> None:
            if process == KERNEL:
                self._shares[loop].become_dry()
            else:
                self._lanes[process - 1].post_dry(loop)

        return tell
