"""One process lane of a job, seen from the kernel's process.

Layer: lanes.
"""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from sage_kernel_api.context import ServiceClient
from sage_kernel_api.errors import LaneError
from sage_kernel_default.checkpoint.values import StepSnapshot
from sage_kernel_default.engine import Supervisor, Verdict
from sage_kernel_default.lanes.calls import CallDesk
from sage_kernel_default.lanes.child import run_lane
from sage_kernel_default.lanes.counters import RemoteTask
from sage_kernel_default.lanes.courier import Courier
from sage_kernel_default.lanes.kinds import (
    CALL,
    CHECKPOINT,
    CREDIT,
    DONE,
    END,
    EXIT,
    FAILURE,
    FLAGS,
    FRAME,
    LOG,
    LOOP_ANSWER,
    LOOP_DRY,
    LOOP_PROBE,
    LOOP_TOLD,
    MARK,
    OPENED,
    REPORT,
    REPORT_WANTED,
    SNAPSHOT,
)
from sage_kernel_default.lanes.logs import take_log
from sage_kernel_default.lanes.loops import Sums
from sage_kernel_default.lanes.site import Site
from sage_kernel_default.processes import (
    Encoded,
    LaneExit,
    Message,
    ProcessLane,
    decode,
    encode,
    unpack_error,
)
from sage_kernel_default.processes.codec import NO_BODY

__all__ = ["Crew", "LaneProcess"]

_COURIER_S: Final = 1.0


class Crew(Protocol):
    """All lanes of the job, as one of them sees it."""

    @property
    @abstractmethod
    def supervisor(self) -> Supervisor:
        """Return the job."""

    @abstractmethod
    def snapshot_taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Take a snapshot of a task."""

    @abstractmethod
    def lane_changed(self) -> None:
        """Take notice of a report or an end."""

    @abstractmethod
    def loop_told(self, loop: int, process: int, sums: Sums) -> None:
        """Take the counts of a part of a loop."""

    @abstractmethod
    def loop_answered(self, loop: int, process: int, wave: int, sums: Sums | None) -> None:
        """Take an answer to a probe."""


class LaneProcess:
    """Talks with one lane.

    Records and credit are sent by the threads of the tasks, which may wait. All else is posted
    to a courier: a lane that was stopped by a debugger must not stop who cancels the job.

    Attributes:
        has_ended: No task runs in it any more.
        site: The kernel's own share of the job, for records that come from the lane.
    """

    def __init__(
        self,
        name: str,
        number: int,
        tasks: Sequence[RemoteTask],
        crew: Crew,
        services: ServiceClient,
    ) -> None:
        self.name = name
        self.number = number
        self.has_ended = False
        self.site = Site()
        self._tasks = tasks
        self._crew = crew
        self._is_started = False
        self._is_unwanted = False
        self._asked = 0
        self._answered = 0
        self._out = Courier(f"{name}-out")
        self._calls = Courier(f"{name}-calls")
        self._desk = CallDesk(services, self._calls, self._post)
        self._process = ProcessLane(name, self._take, self._end)
        self._handlers = self._make_handlers()

    # --- from the job --------------------------------------------------------------------------

    def start(self, layout: Encoded, peers: Mapping[int, socket.socket]) -> None:
        """Start the process; *peers* are its ends of the ways to other lanes.

        Raises:
            OSError: The system starts no further process.
        """
        descriptors = {peer: end.fileno() for peer, end in peers.items()}
        # Buffers are copied: the layout travels inside of another pickle.
        told = (layout.head, [bytearray(b) for b in layout.buffers], layout.is_by_value)
        self._is_started = True
        try:
            self._process.start(
                run_lane,
                self.number,
                descriptors,
                told,
                pass_fds=tuple(descriptors.values()),
            )
        except BaseException:
            self._is_started, self.has_ended = False, True
            raise

    def send(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        """Send, waiting while the lane does not read; see `Send`."""
        try:
            self._process.send(kind, channel, body)
        except LaneError:
            return  # its end fails the job by itself, and says how it ended

    def post_flags(self, is_released: bool, is_paused: bool, is_stopping: bool) -> None:
        """Tell the flags of the job; does not wait."""
        if self._is_started:
            self._post(FLAGS, 0, encode((is_released, is_paused, is_stopping)))

    def post_checkpoint(self, requested: int, verdict: Verdict) -> None:
        """Tell what the checkpoints of the job want; does not wait."""
        if self._is_started:
            self._post(CHECKPOINT, 0, encode((requested, *verdict)))

    def post_probe(self, loop: int, wave: int) -> None:
        """Probe the lane's part of a loop; does not wait."""
        self._post(LOOP_PROBE, loop, encode(wave))

    def post_dry(self, loop: int) -> None:
        """Tell that a loop is dry; does not wait."""
        self._post(LOOP_DRY, loop)

    def ask_report(self) -> int:
        """Ask for counters; return the number of the question."""
        self._asked += 1
        self._post(REPORT_WANTED, self._asked)
        return self._asked

    def has_reported(self, question: int) -> bool:
        """Tell whether the question was answered, or never will be."""
        return self._answered >= question or self.has_ended

    def dismiss(self) -> None:
        """Tell the lane to end; does not wait."""
        self._post(EXIT)

    def kill(self) -> None:
        """Kill the lane, if it runs; that is then no failure."""
        self._is_unwanted = True
        if self._is_started:
            self._process.kill()

    def join(self, timeout_s: float | None) -> None:
        """Wait until nothing of the lane is left; kill it after *timeout_s*."""
        if self._is_started and not self._process.join(timeout_s):
            self.kill()
            self._process.join()
        self._out.close()
        self._calls.close(_COURIER_S)

    def _post(self, kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
        self._out.post(lambda: self.send(kind, channel, body))

    # --- from the lane's own threads -------------------------------------------------------------

    def _take(self, message: Message) -> None:
        self._handlers[message.kind](message)

    def _make_handlers(self) -> dict[int, Callable[[Message], None]]:
        return {
            FRAME: self._arrived,
            MARK: self._arrived,
            END: self._arrived,
            CREDIT: self._arrived,
            OPENED: lambda _: self._crew.supervisor.task_opened(),
            FAILURE: lambda m: self._crew.supervisor.task_failed(unpack_error(m.body)),
            REPORT: self._take_report,
            SNAPSHOT: self._take_snapshot,
            DONE: self._take_done,
            CALL: self._desk.take,
            LOG: lambda m: self._calls.post(lambda: take_log(m)),
            LOOP_TOLD: lambda m: self._crew.loop_told(
                m.channel, self.number, Sums(*decode(m.body))
            ),
            LOOP_ANSWER: self._take_loop_answer,
        }

    def _arrived(self, message: Message) -> None:
        self.site.arrived(message)

    def _take_snapshot(self, message: Message) -> None:
        task, epoch, snapshots, is_final = decode(message.body)
        self._crew.snapshot_taken(task, epoch, snapshots, is_final=is_final)

    def _take_report(self, message: Message) -> None:
        for task, report in zip(self._tasks, decode(message.body), strict=True):
            task.report = report
        self._answered = message.channel
        self._crew.lane_changed()

    def _take_done(self, message: Message) -> None:
        for task, report in zip(self._tasks, decode(message.body), strict=True):
            task.report = report
        self.has_ended = True
        self._crew.lane_changed()

    def _take_loop_answer(self, message: Message) -> None:
        wave, sums = decode(message.body)
        self._crew.loop_answered(
            message.channel, self.number, wave, None if sums is None else Sums(*sums)
        )

    def _end(self, exit_: LaneExit) -> None:
        if exit_.error is not None and not self._is_unwanted:
            self._crew.supervisor.task_failed(exit_.error)
        self.has_ended = True
        self._crew.lane_changed()
