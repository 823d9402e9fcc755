"""What may go wrong in a simulated world, and what takes time there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api import FixedDelay, JobState, LocalEnvironment, SinkFunction
from sage_kernel_default import DefaultKernelFacade, SimulatedDriver
from sage_kernel_default.engine import Barrier, Frame
from sage_kernel_default.lanes.mishaps import ALL_WELL, Mishap, NoMishaps, WorldEnd
from sage_kernel_default.lanes.simulated_actors import SimulatedBell
from sage_kernel_default.lanes.simulated_channel import DelayedChannel
from tests.default_simulated.conftest import simulated


class Script(NoMishaps):
    """Lets one thing happen at one turn of one actor, and things travel for so long."""

    def __init__(
        self, actor: str = "", turn: int = 0, mishap: Mishap = ALL_WELL, *travels_s: float
    ) -> None:
        self.actor = actor
        self.left = turn
        self.mishap = mishap
        self.travels_s = list(travels_s)

    def before_turn(self, actor: str, *, is_lane: bool) -> Mishap:
        if actor.startswith(self.actor):
            self.left -= 1
            if self.left == 0:
                return self.mishap
        return ALL_WELL

    def travel_s(self) -> float:
        return self.travels_s.pop(0) if self.travels_s else 0.0


def kernel_in(world: SimulatedDriver) -> DefaultKernelFacade:
    return DefaultKernelFacade(simulated(), world=world)


def spread(env: LocalEnvironment, found: list[int]) -> None:
    numbers = env.from_collection(range(50)).rebalance().map(lambda n: n, parallelism=2)
    numbers.sink(found.append, parallelism=1)


def test_a_crash_ends_the_world_in_the_middle_of_the_job() -> None:
    """Whoever waits must learn that nothing will come any more."""
    world = SimulatedDriver(1, Script("task", 6, Mishap("crash")))
    found: list[int] = []
    env = LocalEnvironment("job", kernel=kernel_in(world))
    spread(env, found)
    env.submit()

    with pytest.raises(WorldEnd):
        env.wait()

    assert world.has_ended
    assert len(found) < 50
    with pytest.raises(WorldEnd):
        env.wait()


class Closing(SinkFunction[int]):
    closed = 0

    def execute(self, data: int) -> None:
        pass

    def close(self) -> None:
        type(self).closed += 1


def test_a_lost_lane_closes_nothing_and_the_job_is_started_again(tmp_path: Path) -> None:
    """A process that dies does not clean up, so nothing may rest on that it does."""
    Closing.closed = 0
    world = SimulatedDriver(1, Script("task-job-1/1", 3, Mishap("lost")))
    env = LocalEnvironment("job", kernel=kernel_in(world))
    env.enable_checkpointing(1.0, tmp_path).set_restart_strategy(FixedDelay(1, 5.0))
    env.from_collection(range(50)).rebalance().sink(Closing, parallelism=2)
    env.submit()

    status: Any = env.wait()

    assert (status["state"], status["attempt"]) == (JobState.FINISHED, 2)
    assert world.clock.now_s() >= 5.0
    assert Closing.closed == 1 + 2, "the other one, and those of the second attempt"


def test_who_stalls_has_no_turn_for_a_while() -> None:
    """Others must do without: a slow lane is no dead one."""
    world = SimulatedDriver(1, Script("task", 3, Mishap("stall", 7.0)))
    found: list[int] = []
    env = LocalEnvironment("job", kernel=kernel_in(world))
    spread(env, found)
    env.submit()
    env.wait()

    assert Counter(found) == Counter(range(50))
    assert world.clock.now_s() == 7.0


def test_others_have_their_turns_while_one_waits_in_the_middle_of_its_own() -> None:
    """What happens during a slow write is what the simulation is for."""
    world = SimulatedDriver(1)
    kernel = kernel_in(world)
    found: list[int] = []
    seen: list[int] = []

    def slow(number: int) -> int:
        if number == 0:
            before = len(found)
            world.pass_time(3.0)
            seen.append(len(found) - before)
        return number

    for name, function in (("slow", slow), ("other", lambda n: n)):
        env = LocalEnvironment(name, kernel=kernel)
        env.from_collection(range(20)).map(function).sink(found.append)
        env.submit()
    world.run_until(lambda: len(found) == 40, None)

    assert seen == [20]
    assert world.clock.now_s() == 3.0


def channel(*travels_s: float) -> tuple[SimulatedDriver, DelayedChannel, list[SimulatedBell]]:
    world = SimulatedDriver(0, Script("", 0, ALL_WELL, *travels_s))
    bells = [SimulatedBell(world.time), SimulatedBell(world.time)]
    return world, DelayedChannel("a -> b", 2, bells[0], bells[1], world), bells


def test_frames_marks_and_the_end_arrive_late_and_in_order() -> None:
    """A barrier that overtook a record would cut the stream in the wrong place."""
    world, delayed, bells = channel(5.0, 1.0, 0.0)
    first = Frame([1, 2], None)

    delayed.put(first)
    delayed.put_mark(Barrier(7))
    delayed.end()
    early = delayed.take(), delayed.has_ended, bells[1].has_rung
    world.run_until(lambda: False, 10.0)

    assert early == (None, False, False)
    assert bells[1].has_rung
    assert [delayed.take(), delayed.take(), delayed.take()] == [first, Barrier(7), None]
    assert delayed.has_ended
    assert world.clock.now_s() == 10.0


def test_credit_is_back_when_the_writer_has_heard_of_it() -> None:
    """The writer knows later than the reader; until then it must wait."""
    world, delayed, bells = channel(0.0, 4.0)
    delayed.put(Frame([1, 2], None))
    delayed.take()

    delayed.consume(2)
    early = delayed.is_full, delayed.consumed, bells[0].has_rung
    world.run_until(lambda: False, 5.0)

    assert early == (True, 2, False)
    assert (delayed.is_full, bells[0].has_rung) == (False, True)
