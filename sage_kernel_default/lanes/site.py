"""One process's share of a job: its tasks, their lanes, its ends of the channels.

Layer: lanes. The kernel's process and every process lane lay out their share in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from sage_kernel_default.engine import (
    Assembly,
    Beginning,
    Bell,
    Channel,
    LoopMonitor,
    SnapshotDesk,
    Supervisor,
    Surroundings,
    Task,
)
from sage_kernel_default.graph import ChannelSpec, PhysicalGraph, TaskSpec
from sage_kernel_default.lanes.assignment import Assignment
from sage_kernel_default.lanes.channel import RemoteChannel, Send
from sage_kernel_default.lanes.driver import Driver, Pacing, TaskLane
from sage_kernel_default.lanes.loops import LoopShare, Sums
from sage_kernel_default.plan import Step
from sage_kernel_default.processes import Message

__all__ = ["Durable", "LoopReporter", "Site", "lay_out", "spread_loops"]

_LAST_FLUSH_S: Final = 0.008
"""How long a frame of a task may take that sends to no other."""
_REMOTE_CREDIT: Final = 4
"""Of a local channel's. Between processes credit is on its way while others have the cores: with
less, both ends wait for each other. Its records are encoded ones, and small; see `RemoteChannel`.
"""


@dataclass(frozen=True, slots=True)
class LoopReporter:
    """Where a share of a loop reports to; the first argument is the number of the loop."""

    tell: Callable[[int, Sums], None]
    answer: Callable[[int, int, Sums | None], None]


@dataclass(frozen=True, slots=True, eq=False)
class Durable:
    """The checkpoints of a job, and what it begins with."""

    desk: SnapshotDesk
    beginning: Beginning


@dataclass(slots=True, eq=False)
class Site:
    """What one process has of a job.

    Attributes:
        tasks: In the order of the graph.
        lanes: The lane of each task.
        remotes: Ends of channels to other processes, by number of the channel.
        shares: Parts of loops that are spread over processes, by number of the loop.
    """

    tasks: list[Task] = field(default_factory=list)
    lanes: dict[TaskSpec, TaskLane] = field(default_factory=dict)
    remotes: dict[int, RemoteChannel] = field(default_factory=dict)
    shares: dict[int, LoopShare] = field(default_factory=dict)

    def arrived(self, message: Message) -> None:
        """Hand a message to the channel that it is for."""
        self.remotes[message.channel].arrived(message)


def lay_out(
    graph: PhysicalGraph,
    assignment: Assignment,
    here: int,
    *,
    driver: Driver,
    supervisor: Supervisor,
    pacing: Pacing,
    surroundings: Callable[[Step, int], Surroundings],
    ended: Callable[[], None],
    send_to: Callable[[int], Send],
    loops: LoopReporter,
    durable: Durable | None = None,
) -> Site:
    """Make the share of process *here*; nothing of it runs yet.

    Args:
        graph: Of the whole job.
        assignment: Which process has which task.
        here: Number of this process.
        driver: Of the tasks here.
        supervisor: Of the tasks.
        pacing: From the kernel's options.
        surroundings: What a step gets from outside, by step and instance.
        ended: Called by each lane at its end.
        send_to: The way to another process.
        loops: Where parts of spread loops report to.
        durable: The job's checkpoints; None without.
    """
    site = Site()
    for spec in assignment.tasks_of(here):
        site.lanes[spec] = driver.make_lane(f"task-{spec.id}", ended)
    bells: dict[TaskSpec, Bell] = {spec: lane.bell for spec, lane in site.lanes.items()}
    channels = _channels(graph, assignment, here, bells, pacing, send_to, site, driver)
    monitors = _monitors(graph, assignment, here, bells, loops, site)
    # Nobody waits for the frames of a task that sends to no other.
    at_the_end = replace(pacing, flush_s=max(pacing.flush_s, _LAST_FLUSH_S))
    for spec, lane in site.lanes.items():
        lane.task = Task(
            Assembly.of(graph.plan, spec, channels, surroundings, monitors),
            supervisor,
            driver.clock,
            lane.bell,
            driver.make_pace(spec.id, pacing if spec.outputs else at_the_end),
        )
        if durable is not None:
            lane.task.attach(durable.desk, durable.beginning)
        site.tasks.append(lane.task)
    return site


def _channels(
    graph: PhysicalGraph,
    assignment: Assignment,
    here: int,
    bells: dict[TaskSpec, Bell],
    pacing: Pacing,
    send_to: Callable[[int], Send],
    site: Site,
    driver: Driver,
) -> dict[ChannelSpec, Channel]:
    channels: dict[ChannelSpec, Channel] = {}
    for spec in graph.channels:
        writer, reader = assignment.lane_of[spec.writer], assignment.lane_of[spec.reader]
        if writer == reader == here:
            name = f"{spec.writer.id} -> {spec.reader.id}"
            credit = None if spec.is_reserved else pacing.local_capacity or pacing.channel_capacity
            channels[spec] = driver.make_channel(
                name, credit, bells[spec.writer], bells[spec.reader]
            )
        elif here in (writer, reader):
            bell = bells[spec.writer if writer == here else spec.reader]
            there = reader if writer == here else writer
            credit = None if spec.is_reserved else pacing.channel_capacity * _REMOTE_CREDIT
            remote = RemoteChannel(str(spec.edge), spec.number, credit, send_to(there), bell)
            site.remotes[spec.number] = channels[spec] = remote
    return channels


def _monitors(
    graph: PhysicalGraph,
    assignment: Assignment,
    here: int,
    bells: dict[TaskSpec, Bell],
    loops: LoopReporter,
    site: Site,
) -> dict[int, tuple[LoopMonitor, list[TaskSpec]]]:
    monitors: dict[int, tuple[LoopMonitor, list[TaskSpec]]] = {}
    for loop, members in _loops_of(graph).items():
        local = [number for number, spec in enumerate(members) if assignment.lane_of[spec] == here]
        if not local:
            continue
        if len(local) == len(members):
            monitor = LoopMonitor(len(members))
        else:
            monitor = site.shares[loop] = _share(loop, local, loops)
        for number in local:
            monitor.on_dry(bells[members[number]].ring)
        monitors[loop] = (monitor, members)
    return monitors


def _share(loop: int, members: list[int], loops: LoopReporter) -> LoopShare:
    return LoopShare(
        members,
        lambda sums: loops.tell(loop, sums),
        lambda wave, sums: loops.answer(loop, wave, sums),
    )


def spread_loops(graph: PhysicalGraph, assignment: Assignment) -> dict[int, set[int]]:
    """Return the processes of every loop that has tasks in several of them."""
    processes = {
        loop: {assignment.lane_of[spec] for spec in members}
        for loop, members in _loops_of(graph).items()
    }
    return {loop: found for loop, found in processes.items() if len(found) > 1}


def _loops_of(graph: PhysicalGraph) -> dict[int, list[TaskSpec]]:
    members: dict[int, list[TaskSpec]] = {}
    for spec in graph.tasks:
        if spec.group.loop is not None:
            members.setdefault(spec.group.loop, []).append(spec)
    return members
