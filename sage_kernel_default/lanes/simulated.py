"""The simulated driver: one thread, virtual time, and an order that a seed decides.

Layer: lanes. The tasks, channels and jobs are the real ones. Nothing runs by itself: whoever
waits for a job (or cancels it) runs the world until that has happened. What is idle until a
moment in the future costs no time: the clock jumps.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from random import Random
from typing import Final, TypeVar

from sage_kernel_api.errors import JobStateError
from sage_kernel_default.engine import Bell, Channel, Clock
from sage_kernel_default.lanes.baton import Baton, Hold
from sage_kernel_default.lanes.driver import Driver, Pacing, Until, nothing
from sage_kernel_default.lanes.mishaps import Mishaps, NoMishaps, WorldEnd
from sage_kernel_default.lanes.simulated_actors import RandomPace, SimulatedFlow, SimulatedLane
from sage_kernel_default.lanes.simulated_channel import DelayedChannel
from sage_kernel_default.lanes.virtual import Actor, Turn, VirtualClock, World

__all__ = ["SimulatedDriver", "Turn", "VirtualClock"]

T = TypeVar("T")

_KEPT_TURNS: Final = 10_000
_TURN_S: Final = 1e-6
"""What a turn counts against a time-out, lest one wait forever for a job that never idles. The
clock does not move by it, so that what is due is due exactly."""
_MOST_AT_ONCE: Final = 4_096
"""No clock ends a frame here: without this, one could hold all that a source has."""
_STANDSTILL: Final = 32
"""Jumps of the clock after which nothing but flows that only look around has had a turn."""


class SimulatedDriver(Driver, World):
    """Gives turns in an order drawn from a seed, and remembers them.

    The same program with the same seed has the same turns, in the same virtual time: so a
    failure can be run again. Another seed is another legal order of the same events.

    Thread use: one thread at a time runs the world, see `Baton`; any may look.

    Attributes:
        seed: As given.
        time: Of the world.
        baton: Decides which thread runs it.
        turns: How many turns there were.
        trace: The latest ones.
        has_ended: The simulated process has died.
        is_lane_at_work: The turn under way is that of a task.
    """

    def __init__(self, seed: int, mishaps: Mishaps | None = None, *, start_s: float = 0.0) -> None:
        """Make a world in which nothing happens yet.

        Args:
            seed: Decides the order of all turns.
            mishaps: What goes wrong in it; None for nothing.
            start_s: Its virtual time.
        """
        self.seed = seed
        self.mishaps: Mishaps = mishaps or NoMishaps()
        self.lane_name = "simulated"
        self.look_every_s = 60.0
        self.time = VirtualClock(start_s)
        self.clock: Clock = self.time
        self.turns = 0
        self.trace: deque[Turn] = deque(maxlen=_KEPT_TURNS)
        self.has_ended = False
        self.is_lane_at_work = False
        self._random = Random(seed)
        self._digest = hashlib.sha256()
        self._actors: list[Actor] = []
        self.baton: Baton = Baton()

    @property
    def trace_hash(self) -> str:
        """Return what all turns so far come to: equal for equal histories, from the first on."""
        return self._digest.hexdigest()

    @property
    def is_idle(self) -> bool:
        """True if nobody wants a turn now."""
        return not self._look(self.time.now_s())[0]

    def make_lane(self, name: str, ended: Callable[[], None]) -> SimulatedLane:
        """Make a lane that gets turns from its start on."""
        return SimulatedLane(name, ended, self)

    def make_pace(self, name: str, pacing: Pacing) -> RandomPace:
        """Make a pace of its own for each task, so that they do not disturb each other."""
        return RandomPace(Random(f"{self.seed}/{name}"), min(pacing.frame_size, _MOST_AT_ONCE))

    def make_channel(self, name: str, capacity: int | None, writer: Bell, reader: Bell) -> Channel:
        """Make a channel in which things may be under way for a while."""
        return DelayedChannel(name, capacity, writer, reader, self)

    def result(self, future: Future[T], timeout_s: float | None) -> T:
        """Run the world until a future has ended."""
        self.run_until(future.done, timeout_s)
        return future.result(0)

    def make_flow(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        changed: threading.Condition,
        ended: Callable[[], None] = nothing,
    ) -> SimulatedFlow:
        """Make a flow that gets turns from its start on."""
        return SimulatedFlow(name, life, self, self.run_until, ended)

    def add(self, actor: Actor) -> None:
        """Give *actor* turns from now on."""
        self._actors.append(actor)

    def remove(self, actor: Actor) -> None:
        """Give it no further turn; nothing happens if it has none."""
        if actor in self._actors:
            self._actors.remove(actor)

    def end(self) -> None:
        """Let the simulated process die: whoever runs the world gets a `WorldEnd`."""
        self.has_ended = True

    def run_until(self, is_over: Callable[[], bool], timeout_s: float | None) -> bool:
        """Run the world until *is_over*, at most for *timeout_s* virtual seconds.

        A turn counts as a microsecond of them: so also a world that never idles is left again.
        While another thread runs the world, seconds of the machine count.

        Returns:
            Whether it is over.

        Raises:
            JobStateError: The world runs already, further up in this very call; or nothing in it
                will ever move again by itself.
            WorldEnd: The simulated process has died.
        """
        end_s = math.inf if timeout_s is None else self.time.now_s() + timeout_s

        def is_no_matter(waited_s: float) -> bool:
            return is_over() or self.time.now_s() + waited_s >= end_s

        while (hold := self.baton.take(is_no_matter)) is not None:
            try:
                self._run(hold, is_over, end_s)
            finally:
                self.baton.give_back(hold)
            if not hold.is_lost:
                break
        return is_over()

    def pass_time(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Let time pass in the middle of a turn: what waits for a disk is not alone in the world.

        The others have their turns meanwhile, until the time is over; outside of all turns it
        just passes.

        Args:
            seconds: How long at most.
            is_over: It ends before.

        Raises:
            WorldEnd: The simulated process has died meanwhile.
        """
        end_s = self.time.now_s() + seconds
        if self.baton.is_in_turn:
            # On this very thread, which has the world already.
            self._run(None, lambda: self.time.now_s() >= end_s or is_over(), end_s)
        if not is_over():
            self.time.move_to(end_s)

    def _run(self, hold: Hold | None, is_over: Callable[[], bool], end_s: float) -> None:
        """Give turns; without a *hold*, in the middle of another turn."""
        idle_jumps = turns = 0
        stuck = self.baton.stuck
        while not is_over() and not (hold is not None and hold.is_lost):
            if self.has_ended:
                raise WorldEnd
            now_s = self.time.now_s()
            if now_s + (turns if hold is None else hold.turns) * _TURN_S >= end_s:
                return
            turns += 1
            ready, due_s = self._look(now_s)
            if ready:
                actor = ready[self._random.randrange(len(ready))]
                if actor.is_ready or actor.is_lane:
                    idle_jumps = 0
                self._give_turn(hold, actor, now_s)
                continue
            if stuck:
                # A turn that does not return takes the machine's time: jumps would end all waits.
                self.time.move_to(min(due_s, end_s, now_s + self.baton.look_on()))
                continue
            idle_jumps += 1
            if due_s > end_s:
                self.time.move_to(end_s)
                return
            if end_s == math.inf and self._is_standing(due_s, idle_jumps):
                raise JobStateError(
                    "Nothing in the simulation will move by itself any more. A job that is "
                    "paused must be resumed before one waits for its end."
                )
            self.time.move_to(due_s)

    def _look(self, now_s: float) -> tuple[list[Actor], float]:
        """Return who can have a turn now, and when the next one of the others can."""
        ready: list[Actor] = []
        next_s = math.inf
        for actor in self._actors:
            held_s = actor.held_until_s
            if held_s == math.inf:
                continue  # in the middle of a turn: it is not even asked
            wakes_s = max(held_s, now_s if actor.is_ready else actor.due_s)
            if wakes_s <= now_s:
                ready.append(actor)
            elif wakes_s < next_s:
                next_s = wakes_s
        return ready, next_s

    def _is_standing(self, due_s: float, idle_jumps: int) -> bool:
        if due_s == math.inf:
            return True
        is_due = any(actor.is_lane and _wakes_s(actor) < math.inf for actor in self._actors)
        return not is_due and idle_jumps > _STANDSTILL

    def _give_turn(self, hold: Hold | None, actor: Actor, now_s: float) -> None:
        if hold is not None and not self.baton.begin_turn(hold, actor):
            return
        try:
            turn = self._turn_of(actor, now_s)
        finally:
            if hold is not None:
                self.baton.end_turn(hold, actor)
        self._note(turn)
        if self.has_ended:
            raise WorldEnd

    def _turn_of(self, actor: Actor, now_s: float) -> Turn:
        """Let *actor* have its turn, or what befalls it instead."""
        mishap = self.mishaps.before_turn(actor.name, is_lane=actor.is_lane)
        if mishap.kind == "crash":
            self.end()
            return Turn(now_s, actor.name, "crash")
        if mishap.kind == "stall":
            actor.held_until_s = now_s + mishap.seconds
            return Turn(now_s, actor.name, "stalls")
        if mishap.kind == "lost" and isinstance(actor, SimulatedLane):
            return actor.lose(now_s)
        actor.held_until_s = math.inf
        before, self.is_lane_at_work = self.is_lane_at_work, actor.is_lane
        try:
            turn = actor.take_turn(now_s)
        finally:
            actor.held_until_s = 0.0
            self.is_lane_at_work = before
        self.time.move_to(self.time.now_s() + self.mishaps.turn_s())
        return turn

    def _note(self, turn: Turn) -> None:
        self.turns += 1
        self.trace.append(turn)
        self._digest.update(f"{turn!r}\n".encode())


def _wakes_s(actor: Actor) -> float:
    """Return when a lane can have a turn, at the earliest; infinity if others must wake it."""
    return max(actor.held_until_s, 0.0 if actor.is_ready else actor.due_s)
