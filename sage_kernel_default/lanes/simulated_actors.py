"""Who has turns in a simulated world: the lanes of tasks, and the courses of jobs.

Layer: lanes.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from random import Random

from sage_kernel_api.errors import LaneError
from sage_kernel_default.engine import Pacer, Patience, Task
from sage_kernel_default.lanes.driver import Flow, TaskLane, Until
from sage_kernel_default.lanes.virtual import Actor, Turn, VirtualClock, World

__all__ = ["RandomPace", "SimulatedBell", "SimulatedFlow", "SimulatedLane"]


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


class SimulatedLane(TaskLane, Actor):
    """One task among the actors."""

    def __init__(self, name: str, ended: Callable[[], None], world: World) -> None:
        self.name = name
        self.due_s = math.inf
        self.held_until_s = 0.0
        self.is_lane = True
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
        """Give up on the task. Like a thread that hangs, it goes on whenever it can again."""
        return [] if self.task is None else [f"step {self.task.where_it_is!r}"]

    def lose(self, now_s: float) -> Turn:
        """Die as a process does: the task is not asked, and closes nothing."""
        assert self.task is not None
        self._end()
        self.task.lose(LaneError(f"Lane {self.name!r} was lost, as the simulation wanted."))
        return Turn(now_s, self.name, "lost")

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
            self._end()
        return turn

    def _end(self) -> None:
        self.has_ended = True
        self._world.remove(self)
        self._ended()


class SimulatedFlow(Flow, Actor):
    """The life of a job among the actors."""

    def __init__(
        self,
        name: str,
        life: Callable[[], Iterator[Until]],
        world: World,
        run_until: Callable[[Callable[[], bool], float | None], bool],
        ended: Callable[[], None],
    ) -> None:
        """Args: run_until: Runs the world; see `SimulatedDriver`."""
        self.name = name
        self.due_s = math.inf
        self.held_until_s = 0.0
        self.is_lane = False
        self._make = life
        self._ended = ended
        self._life: Iterator[Until] | None = None
        self._until = Until(lambda: True)
        self._is_over = False
        self._thread = 0
        self._world = world
        self._run_until = run_until

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
        return self._is_over or self._run_until(lambda: self._is_over, timeout_s)

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
        now_s = self._world.time.now_s()
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
        behind: int = 0,
    ) -> None:
        """Draw the next size; what frames cost is no news in a simulation."""
        self.limit = self._draw()

    def _draw(self) -> int:
        return self._random.choice((1, self._random.randint(1, min(self.most, 8)), self.most))
