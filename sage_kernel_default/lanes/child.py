"""What runs in a process lane: the same tasks on the same threads, told and asked by messages.

Layer: lanes. Started by `sage_kernel_default.lanes.fleet`.
"""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sage_kernel_api.errors import LaneError, TransferError
from sage_kernel_api.logging.standard_loggers import StandardLoggerFactory
from sage_kernel_default.checkpoint.values import StepSnapshot
from sage_kernel_default.engine import SnapshotDesk, Supervisor, Surroundings, Verdict
from sage_kernel_default.graph import PhysicalGraph
from sage_kernel_default.lanes.assignment import KERNEL, assign
from sage_kernel_default.lanes.calls import LaneServices
from sage_kernel_default.lanes.channel import Send
from sage_kernel_default.lanes.counters import TaskReport, frozen, report_of
from sage_kernel_default.lanes.driver import TaskLane
from sage_kernel_default.lanes.kinds import (
    ANSWER,
    CHECKPOINT,
    CREDIT,
    DONE,
    END,
    EXIT,
    FAILURE,
    FLAGS,
    FRAME,
    LOOP_ANSWER,
    LOOP_DRY,
    LOOP_PROBE,
    LOOP_TOLD,
    MARK,
    OPENED,
    REFUSAL,
    REPORT,
    REPORT_WANTED,
    SNAPSHOT,
)
from sage_kernel_default.lanes.layout import Layout
from sage_kernel_default.lanes.logs import forward_logs
from sage_kernel_default.lanes.site import Durable, LoopReporter, Site, lay_out
from sage_kernel_default.lanes.threads import ThreadDriver
from sage_kernel_default.plan import Step
from sage_kernel_default.processes import Encoded, LaneEndpoint, Link, Message, decode, encode
from sage_kernel_default.processes.codec import NO_BODY
from sage_kernel_default.processes.crossing import pack_error
from sage_kernel_default.state import MemoryStateManager

if TYPE_CHECKING:
    from sage_kernel_api.storage.value_codec import ValueCodec

__all__ = ["run_lane"]


def run_lane(
    endpoint: LaneEndpoint,
    number: int,
    peers: Mapping[int, int],
    layout: tuple[bytes, list[bytearray], bool],
) -> None:
    """Run this lane's share of a job until the kernel says that the whole job is over.

    Args:
        endpoint: The way to the kernel.
        number: Of this lane.
        peers: Descriptors of the ways to other lanes, by their numbers.
        layout: The fields of an encoded `Layout`.
    """
    links = {peer: _link(descriptor) for peer, descriptor in peers.items()}
    lane = _LaneJob(endpoint, number, decode(Encoded(*layout)), links)
    # What was imported stays as long as the process: the collector need not look at it again.
    gc.freeze()
    # Records of a frame are many and die by themselves; looking through them again and again for
    # cycles took a sixth of a lane's time.
    gc.set_threshold(_YOUNG_OBJECTS)
    lane.run()


def _codec_of(layout: Layout) -> ValueCodec:
    # Imported here: jobs without checkpoints need none of it, and their lanes start sooner.
    from sage_kernel_api.storage.value_codec import ValueCodec

    return ValueCodec(classes=layout.state_classes, pickle_key=layout.pickle_key)


def _link(descriptor: int) -> Link:
    end = socket.socket(fileno=descriptor)
    end.set_inheritable(False)
    return Link(end)


_YOUNG_OBJECTS: Final = 100_000

_FRAME_RECORDS: Final = 1024
"""Small tuples in larger frames, or behind more others, leave a core's cache before the next task
reads them. The lanes of a job want all of the cores, and share what is further away."""

_FLUSH_FACTOR: Final = 8
"""A frame between processes costs about 0.2 ms at its ends, and wakes two threads there while
all cores are busy with lanes: slow steps send fewer and larger ones.

Only a lane that is always busy fills such a frame, and then records wait for it anyway: as long
as it keeps up, its frames are as small as what arrives while it works on the one before.
"""

_PATIENT_FACTOR: Final = 32
"""Where hundreds of milliseconds of work have come at once, a result may be held back a little
longer: each frame takes time from the lanes twice, and there are as many lanes as cores."""


class LaneDesk(SnapshotDesk):
    """The job's checkpoints, as the tasks of this lane see them."""

    def __init__(self, send: Send, codec: ValueCodec, epoch: int) -> None:
        self.requested = epoch
        self.verdict = Verdict(epoch, frozenset())
        self.codec = codec
        self._send = send

    def taken(
        self, task: str, epoch: int, snapshots: Sequence[StepSnapshot], *, is_final: bool
    ) -> None:
        """Send a snapshot to the kernel."""
        self._send(SNAPSHOT, 0, encode((task, epoch, list(snapshots), is_final)))


class _LaneJob(Supervisor):
    """The job, as the tasks of this lane see it."""

    def __init__(
        self, endpoint: LaneEndpoint, number: int, layout: Layout, links: Mapping[int, Link]
    ) -> None:
        self.is_released = False
        self.is_paused = False
        self.is_stopping = False
        self._endpoint = endpoint
        self._links = links
        self._services = LaneServices(endpoint.send)
        self._loggers = StandardLoggerFactory("sage_kernel")
        self._ended = threading.Semaphore(0)
        self._exit = threading.Event()
        self._dispatching = threading.Lock()
        self._reporting = threading.Lock()
        forward_logs(endpoint.send, layout.log_level)
        graph = PhysicalGraph.from_plan(layout.plan, layout.job_id)
        self._plan = graph.plan
        self._desk: LaneDesk | None = None
        if layout.beginning is not None:
            self._desk = LaneDesk(endpoint.send, _codec_of(layout), layout.beginning.epoch)
        durable = (
            Durable(self._desk, layout.beginning)
            if self._desk is not None and layout.beginning is not None
            else None
        )
        self._site = lay_out(
            graph,
            assign(graph, layout.processes),
            number,
            driver=ThreadDriver(),
            supervisor=self,
            pacing=replace(
                layout.pacing,
                frame_size=min(layout.pacing.frame_size, _FRAME_RECORDS),
                flush_s=layout.pacing.flush_s * _FLUSH_FACTOR,
                patient_s=layout.pacing.flush_s * _PATIENT_FACTOR,
                local_capacity=min(layout.pacing.channel_capacity, _FRAME_RECORDS),
            ),
            surroundings=self._surroundings,
            ended=self._ended.release,
            send_to=self._send_to,
            loops=LoopReporter(
                lambda loop, sums: endpoint.send(LOOP_TOLD, loop, encode(tuple(sums))),
                lambda loop, wave, sums: endpoint.send(
                    LOOP_ANSWER, loop, encode((wave, sums and tuple(sums)))
                ),
            ),
            durable=durable,
        )
        self._handlers = self._make_handlers(self._site)

    def run(self) -> None:
        """Run the tasks, report, wait to be told to end."""
        for peer, link in self._links.items():
            threading.Thread(
                target=self._listen, args=(peer, link), name=f"lane-peer-{peer}", daemon=True
            ).start()
        self._endpoint.on_arrival = self._dispatch
        self._dispatch()  # what came before that
        lanes = list(self._site.lanes.values())
        for lane in lanes:
            lane.start()
        for _ in lanes:
            self._ended.acquire()
        self._report(DONE, 0)
        self._exit.wait()

    # --- from the tasks ----------------------------------------------------------------------

    def task_opened(self) -> None:
        """Tell the job."""
        self._endpoint.send(OPENED)

    def task_failed(self, error: BaseException) -> None:
        """Tell the job why; it then stops all lanes, this one too."""
        self._endpoint.send(FAILURE, 0, pack_error(error))

    def _surroundings(self, step: Step, index: int) -> Surroundings:
        return Surroundings(
            env_name=self._plan.name,
            config=self._plan.config,
            logger=self._loggers.get_logger(f"{self._plan.name}.{step.id}"),
            state_manager=MemoryStateManager(),
            services=self._services,
            should_stop=lambda: self.is_stopping,
            is_durable=self._desk is not None,
        )

    def _send_to(self, process: int) -> Send:
        if process == KERNEL:
            return self._endpoint.send
        link = self._links[process]

        def send(kind: int, channel: int = 0, body: Encoded = NO_BODY) -> None:
            try:
                link.send(kind, channel, body)
            except OSError:
                return  # that lane is gone: the kernel has seen it and ends the job

        return send

    # --- from the kernel and from other lanes ------------------------------------------------

    def _dispatch(self) -> None:
        with self._dispatching:
            while (message := self._endpoint.take(0)) is not None:
                self._handlers[message.kind](message)

    def _listen(self, peer: int, link: Link) -> None:
        try:
            while (message := link.receive()) is not None:
                self._site.arrived(message)
        except TransferError as error:
            if link.has_ended:
                return  # cut off, because that lane is gone; see above
            damaged = LaneError(f"What came from lane {peer} cannot be used: {error}")
            damaged.__cause__ = error
            self.task_failed(damaged)

    def _make_handlers(self, site: Site) -> dict[int, Callable[[Message], None]]:
        return {
            FRAME: site.arrived,
            MARK: site.arrived,
            END: site.arrived,
            CREDIT: site.arrived,
            FLAGS: self._take_flags,
            CHECKPOINT: self._take_checkpoint,
            EXIT: lambda _: self._exit.set(),
            REPORT_WANTED: lambda m: self._report(REPORT, m.channel),
            ANSWER: self._services.answered,
            REFUSAL: self._services.answered,
            LOOP_PROBE: lambda m: site.shares[m.channel].probe(decode(m.body)),
            LOOP_DRY: lambda m: site.shares[m.channel].become_dry(),
        }

    def _take_flags(self, message: Message) -> None:
        self.is_released, self.is_paused, self.is_stopping = decode(message.body)
        for lane in self._site.lanes.values():
            if self.is_stopping:
                lane.stop()
            else:
                lane.ring()

    def _take_checkpoint(self, message: Message) -> None:
        assert self._desk is not None, "told by the layout"
        self._desk.requested, *words = decode(message.body)
        if (verdict := Verdict(*words)) != self._desk.verdict:
            self._desk.verdict = verdict
        for lane in self._site.lanes.values():
            lane.ring()

    def _report(self, kind: int, question: int) -> None:
        # Under a lock from the look to the end of the sending: an older look that arrives after
        # the last one would be taken for the final counts.
        with self._reporting:
            looks = [self._look(lane) for lane in self._site.lanes.values()]
            self._endpoint.send(kind, question, encode(looks))

    def _look(self, lane: TaskLane) -> TaskReport:
        assert lane.task is not None
        return frozen(report_of(lane.task, self._plan.edges, lane))
