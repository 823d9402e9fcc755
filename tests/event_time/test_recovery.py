"""Windows, joins and timers across a crash: the results are those of a run without one."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from sage_kernel_api import LocalEnvironment, SourceFunction, StopSignal
from sage_kernel_api.core.operators import AsOfJoinOperator, WindowReduceOperator
from sage_kernel_api.lifecycle import CheckpointConfig
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_default.checkpoint.memory_store import MemoryCheckpointStore
from sage_kernel_mock import MockKernelFacade
from tests.event_time.jobs import JOBS, Event, Job, key_of

BOUND_S = 12
END = 240


class Gate(SourceFunction[Event]):
    """Gives events, but no further than the test lets it."""

    limit: ClassVar[int] = 0
    waiting: ClassVar[set[str]] = set()
    changed: ClassVar[threading.Condition] = threading.Condition()

    def __init__(self, side: str, events: list[Event]) -> None:
        self.side = side
        self.events = events
        self.next = 0

    def execute(self) -> Event | StopSignal | None:
        if self.next >= len(self.events):
            return StopSignal("end")
        if self.next >= type(self).limit:
            with self.changed:
                self.waiting.add(self.side)
                self.changed.notify_all()
            return None
        self.next += 1
        return self.events[self.next - 1]


NewEnv = Callable[[int], LocalEnvironment]


@pytest.fixture
def new_env() -> Iterator[NewEnv]:
    """Make environments that find the checkpoints of those before them."""
    stores: dict[str, MemoryCheckpointStore] = {}
    kernels = []

    def make_store(config: CheckpointConfig) -> MemoryCheckpointStore:
        return stores.setdefault(config["directory"], MemoryCheckpointStore(time.time, 1))

    def make(parallelism: int) -> LocalEnvironment:
        options = DefaultOptions(frame_size=16, channel_capacity=32)
        kernel = DefaultKernelFacade(options, make_store=make_store)
        kernels.append(kernel)
        env = LocalEnvironment("job", kernel=kernel)
        env.enable_checkpointing(3600.0, "/state")
        env.parallelism = parallelism
        return env

    yield make
    for kernel in kernels:
        kernel.shutdown()


def arrivals(seed: str, first: int) -> list[Event]:
    """Return events over four minutes, out of order within the bound."""
    draw = random.Random(seed)
    events = [(draw.choice("abc"), draw.randrange(END)) for _ in range(90)]
    events.sort(key=lambda event: event[1] + draw.randrange(BOUND_S))
    return [(key, at, number) for number, (key, at) in enumerate(events, start=first)]


def describe(
    env: LocalEnvironment, job: Job, sides: dict[str, list[Event]], found: list[Any]
) -> None:
    def keyed(side: str) -> Any:
        source = env.from_source(Gate, side, sides[side], name=side, parallelism=1)
        timed = source.assign_timestamps(lambda event: event[1], BOUND_S, uid=f"time {side}")
        return timed.keyby(key_of)

    stream = job.build(keyed("left"), keyed("right"))
    stream.sink(found.append, parallelism=1)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 2), (1, 3), (4, 2)])
@pytest.mark.parametrize("name", JOBS)
def test_a_job_goes_on_after_a_crash_as_if_there_was_none(
    name: str, before: int, after: int, new_env: NewEnv
) -> None:
    """A window that was over, a timer that was set, a record that waits: none may be lost."""
    job = JOBS[name]
    sides = {"left": arrivals(f"{name} left", 0), "right": arrivals(f"{name} right", 1000)}
    found: list[Any] = []

    Gate.limit = 45
    Gate.waiting.clear()
    first = new_env(before)
    describe(first, job, sides, found)
    first.submit()
    with Gate.changed:
        assert Gate.changed.wait_for(lambda: Gate.waiting == {"left", "right"}, 30)
    first.checkpoint(30)
    was_there = len(found)
    first.close()
    Gate.limit = 1000
    second = new_env(after)
    describe(second, job, sides, found)
    second.submit()
    status: Any = second.wait(60)

    assert status["checkpoints"]["restored_epoch"] == 1
    # The sink is at-least-once: what came out before may come again, but nothing else.
    assert set(found) == set(job.model(sides["left"], sides["right"]))
    assert was_there > 0
    assert len(found) - len(set(found)) < was_there


class Answers:
    """Whether the calls of the test below may end."""

    may_come = False


async def ask(event: Event) -> Event:
    while not Answers.may_come:
        await asyncio.sleep(0.001)
    return event


def test_calls_under_way_keep_their_times(new_env: NewEnv) -> None:
    """A record that was inside of an asynchronous step must find its window after the crash."""
    events, found = arrivals("calls", 0), list[Any]()
    job = JOBS["tumbling"]

    def describe_calls(env: LocalEnvironment) -> None:
        timed = env.from_source(Gate, "left", events, name="left").assign_timestamps(
            lambda event: event[1], BOUND_S
        )
        keyed: Any = timed.map_async(ask, capacity=100, ordered=False).keyby(key_of)
        job.build(keyed, keyed).sink(found.append)

    Answers.may_come, Gate.limit = False, 45
    Gate.waiting.clear()
    first = new_env(1)
    describe_calls(first)
    first.submit()
    with Gate.changed:
        assert Gate.changed.wait_for(lambda: Gate.waiting == {"left"}, 30)
    first.checkpoint(30)
    first.close()
    assert not found
    Answers.may_come, Gate.limit = True, 1000
    second = new_env(1)
    describe_calls(second)
    second.submit()
    second.wait(60)

    assert sorted(found) == sorted(job.model(events, []))


@pytest.mark.parametrize("operator_class", [WindowReduceOperator, AsOfJoinOperator])
def test_a_finished_step_that_is_not_opened_again_keeps_its_time(operator_class: Any) -> None:
    """A kernel restores it and takes its next snapshot without opening it."""
    context = MockKernelFacade().create_execution_context({"name": "step", "parallelism": 2})
    old, new = operator_class(context, max), operator_class(context, max)
    old.time_us = 7

    new.restore_state([old.snapshot_state()])

    assert new.snapshot_state() == old.snapshot_state()
    assert new.state_sharing == "all"


def test_at_another_parallelism_time_begins_at_the_earliest() -> None:
    """Later, and records that one of the old instances waited for would be late."""
    kernel = MockKernelFacade()

    def step(index: int, parallelism: int) -> WindowReduceOperator:
        place: Any = {"parallel_index": index, "parallelism": parallelism}
        return WindowReduceOperator(kernel.create_execution_context(place), max)

    old = [step(0, 2), step(1, 2)]
    old[0].time_us, old[1].time_us = 9, 7
    states = [one.snapshot_state() for one in old]
    same, other = step(0, 2), step(0, 3)

    same.restore_state(states[:1])
    other.restore_state(states)

    assert (same.time_us, other.time_us) == (9, 7)
