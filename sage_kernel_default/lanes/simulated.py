"""The simulated driver: one thread, virtual time, and an order that a seed decides.

Layer: lanes. The tasks, channels and jobs are the real ones. Nothing runs by itself: whoever
waits for a job (or cancels it) runs the world until that has happened. What is idle until a
moment in the future costs no time: the clock jumps.
"""

from __future__ import annotations

import hashlib
import math
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from random import Random
from typing import Final, NamedTuple, Protocol, TypeVar

from sage_kernel_api.errors import JobStateError
from sage_kernel_default.engine import Clock, Pacer, Patience, Task
from sage_kernel_default.lanes.baton import Baton, Hold
from sage_kernel_default.lanes.driver import Driver, Flow, Pacing, TaskLane, Until, nothing

__all__ = ["SimulatedDriver", "Turn", "VirtualClock"]

T = TypeVar("T")

_KEPT_TURNS: Final = 10_000
_TURN_S: Final = 1e-6
"""What a turn counts against a time-out, lest one wait forever for a job that never idles. The
clock does not move by it, so that what is due is due exactly."""
_STANDSTILL: Final = 32
"""Jumps of the clock after which nothing but flows that only look around has had a turn."""


class VirtualClock(Clock):
    """Stands still while tasks work, and jumps when all are idle. Begins at 0."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        """Return the virtual seconds that have passed."""
        return self._now_s

    def wall_us(self) -> int:
        """Return the virtual time as microseconds since 1970, where it begins."""
        return round(self._now_s * 1_000_000)

    def move_to(self, moment_s: float) -> None:
        """Jump ahead; a moment that is over changes nothing."""
        self._now_s = max(self._now_s, moment_s)


class Turn(NamedTuple):
    """One turn of the simulation, as its trace keeps it.

    Attributes:
        now_s: When, in virtual seconds.
        actor: Who: a task or a job.
        outcome: What it came to.
        records_in, records_out: Counters of the task after it; 0 for jobs.
    """

    now_s: float
    actor: str
    outcome: str
    records_in: int = 0
    records_out: int = 0


class Actor(Protocol):
    """Somebody who gets turns."""

    name: str
    due_s: float
    """When it wants a turn without being woken: infinity for never."""

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """True if it was woken, or never slept."""

    @abstractmethod
    def take_turn(self, now_s: float) -> Turn:
        """Do a bounded piece of work; set `due_s` for the next one."""


class SimulatedDriver(Driver):
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
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lane_name = "simulated"
        self.look_every_s = 60.0
        self.time = VirtualClock()
        self.clock: Clock = self.time
        self.turns = 0
        self.trace: deque[Turn] = deque(maxlen=_KEPT_TURNS)
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
        now_s = self.time.now_s()
        return not any(actor.is_ready or actor.due_s <= now_s for actor in self._actors)

    def make_lane(self, name: str, ended: Callable[[], None]) -> SimulatedLane:
        """Make a lane that gets turns from its start on."""
        return SimulatedLane(name, ended, self)

    def make_pace(self, name: str, pacing: Pacing) -> RandomPace:
        """Make a pace of its own for each task, so that they do not disturb each other."""
        return RandomPace(Random(f"{self.seed}/{name}"), pacing.frame_size)

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
        return SimulatedFlow(name, life, self, ended)

    def add(self, actor: Actor) -> None:
        """Give *actor* turns from now on."""
        self._actors.append(actor)

    def remove(self, actor: Actor) -> None:
        """Give it no further turn; one that was abandoned in its turn may ask for it again."""
        if actor in self._actors:
            self._actors.remove(actor)

    def run_until(self, is_over: Callable[[], bool], timeout_s: float | None) -> bool:
        """Run the world until *is_over*, at most for *timeout_s* virtual seconds.

        A turn counts as a microsecond of them: so also a world that never idles is left again.
        While another thread runs the world, seconds of the machine count.

        Returns:
            Whether it is over.

        Raises:
            JobStateError: The world runs already, further up in this very call; or nothing in it
                will ever move again by itself.
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

    def _run(self, hold: Hold, is_over: Callable[[], bool], end_s: float) -> None:
        idle_jumps = 0
        stuck = self.baton.stuck
        while not is_over() and not hold.is_lost:
            now_s = self.time.now_s()
            if now_s + hold.turns * _TURN_S >= end_s:
                return
            actors = [a for a in self._actors if a not in stuck] if stuck else self._actors
            ready = [actor for actor in actors if actor.is_ready or actor.due_s <= now_s]
            if ready:
                actor = ready[self._random.randrange(len(ready))]
                if actor.is_ready or isinstance(actor, SimulatedLane):
                    idle_jumps = 0
                self._give_turn(hold, actor, now_s)
                continue
            due_s = min((actor.due_s for actor in actors), default=math.inf)
            if stuck:
                # A turn that does not return takes the machine's time: jumps would end all waits.
                self.time.move_to(min(due_s, end_s, now_s + self.baton.look_on()))
                continue
            idle_jumps += 1
            if due_s > end_s:
                self.time.move_to(end_s)
                return
            if end_s == math.inf and (due_s == math.inf or self._stands(idle_jumps)):
                raise JobStateError(
                    "Nothing in the simulation will move by itself any more. A job that is "
                    "paused must be resumed before one waits for its end."
                )
            self.time.move_to(due_s)

    def _stands(self, idle_jumps: int) -> bool:
        lanes = (actor for actor in self._actors if isinstance(actor, SimulatedLane))
        return idle_jumps > _STANDSTILL and all(lane.due_s == math.inf for lane in lanes)

    def _give_turn(self, hold: Hold, actor: Actor, now_s: float) -> None:
        if not self.baton.begin_turn(hold, actor):
            return
        try:
            turn = actor.take_turn(now_s)
        finally:
            self.baton.end_turn(hold, actor)
        self._note(turn)

    def _note(self, turn: Turn) -> None:
        self.turns += 1
        self.trace.append(turn)
        self._digest.update(f"{turn!r}\n".encode())


class SimulatedBell(Patience):
    """Wakes one actor."""

    def __init__(self, clock: VirtualClock) -> None:
        self.has_rung = False
        self._clock = clock

    def ring(self) -> None:
        """Give the actor a turn."""
        self.has_rung = True

    def wait(self, timeout_s: float | None) -> bool:
        """Let time pass inside of a turn; never for others: they have no turn meanwhile.

        So a step that sends much for one record exceeds its credit, but by that record only.
        """
        if timeout_s is None:
            return False
        self._clock.move_to(self._clock.now_s() + timeout_s)
        return True


class SimulatedLane(TaskLane):
    """One task among the actors."""

    def __init__(self, name: str, ended: Callable[[], None], world: SimulatedDriver) -> None:
        self.name = name
        self.due_s = math.inf
        self.task: Task | None = None
        self.has_ended = False
        self._turns = 0
        self._own_bell = SimulatedBell(world.time)
        self.bell: Patience = self._own_bell
        self._ended = ended
        self._world = world

    @property
    def is_ready(self) -> bool:
        """True if the bell rang, or the last turn asked for another."""
        return self._own_bell.has_rung

    @property
    def turns(self) -> int:
        """How many turns it has had."""
        return self._turns

    @property
    def is_resting(self) -> bool:
        """True if only another actor can wake it."""
        return not self._own_bell.has_rung and self.due_s == math.inf

    def start(self) -> None:
        """Begin to have turns."""
        self._own_bell.ring()
        self._world.add(self)

    def ring(self) -> None:
        """Let the task look at the flags of the job."""
        self._own_bell.ring()

    def stop(self) -> None:
        """End the task at its next turn."""
        if self.task is not None:
            self.task.interrupt()
        self._own_bell.ring()

    def join(self) -> None:
        """Return: nothing is left."""

    def abandon(self) -> list[str]:
        """Give up on the task."""
        self._world.remove(self)
        return [] if self.task is None else [f"step {self.task.where_it_is!r}"]

    def take_turn(self, now_s: float) -> Turn:
        """Let the task do one step."""
        task = self.task
        assert task is not None
        self._own_bell.has_rung = False
        self._turns += 1
        outcome = task.step()
        self.due_s = math.inf if outcome.wait_s is None else now_s + outcome.wait_s
        assembly = task.assembly
        turn = Turn(
            now_s,
            self.name,
            f"{outcome.kind} {outcome.waiting_on}".rstrip(),
            assembly.records_in,
            assembly.records_out,
        )
        if outcome.kind == "progressed":
            self._own_bell.ring()
        elif outcome.kind == "done":
            self.has_ended = True
            self._world.remove(self)
            self._ended()
        return turn


class SimulatedFlow(Flow):
    """The life of a job among the actors."""

    def __init__(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        world: SimulatedDriver,
        ended: Callable[[], None],
    ) -> None:
        self.name = name
        self.due_s = math.inf
        self._make = life
        self._ended = ended
        self._life: Iterator[Until] | None = None
        self._until = Until(lambda: True)
        self._is_over = False
        self._thread = 0
        self._world = world

    @property
    def is_current(self) -> bool:
        """True within its turn."""
        return self._thread == threading.get_ident()

    @property
    def is_ready(self) -> bool:
        """True if what it waits for is there."""
        return self._until.is_over()

    @property
    def has_ended(self) -> bool:
        """True once it has had its last turn."""
        return self._is_over

    def start(self) -> None:
        """Begin to have turns."""
        self._world.add(self)

    def wait(self, timeout_s: float | None) -> bool:
        """Run the world until this flow has ended."""
        return self._is_over or self._world.run_until(lambda: self._is_over, timeout_s)

    def take_turn(self, now_s: float) -> Turn:
        """Go on to the next wait."""
        life = self._life = self._life or self._make()
        self._thread = threading.get_ident()
        try:
            until = next(life, None)
        finally:
            self._thread = 0
        if until is None:
            self._is_over = True
            self._world.remove(self)
            self._ended()
            return Turn(now_s, self.name, "done")
        self._until = until
        self.due_s = math.inf if until.timeout_s is None else now_s + until.timeout_s
        return Turn(now_s, self.name, "waits")


class RandomPace(Pacer):
    """Takes a random number of records each time: often one, now and then all that fit."""

    def __init__(self, random: Random, most: int) -> None:
        self.most = most
        self._random = random
        self.limit = self._draw()

    def took(
        self,
        seconds: float,
        count: int,
        waited_s: float = 0.0,
        sent_s: float = 0.0,
        fitting: int | None = None,
    ) -> None:
        """Draw the next size; what frames cost is no news in a simulation."""
        self.limit = self._draw()

    def _draw(self) -> int:
        return self._random.choice((1, self._random.randint(1, min(self.most, 8)), self.most))
