"""A job in which nothing can move any more fails with the wait-for graph; no other job does."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction, SourceFunction
from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.errors import DeadlockError, JobFailedError
from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_api.runnable import KIND_ASYNC_MAP, AsyncOutcome
from sage_kernel_api.values import JobState, Payload
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from sage_kernel_default.channels import LocalChannel
from sage_kernel_default.jobs.deadlock import Watchdog
from sage_kernel_default.lanes import ThreadDriver
from sage_kernel_default.lanes.simulated_channel import DelayedChannel

WAIT_S = 60.0


class Shut:
    """Breaks the contract: it has no room, and nothing under way that could make some."""

    kind = KIND_ASYNC_MAP

    def __init__(self, context: ExecutionContext) -> None:
        pass

    def open(self) -> None:
        pass

    def process(self, data: Payload, input_index: int = 0) -> None:
        raise AssertionError("there was no room")

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass

    def set_waker(self, wake: Callable[[], None]) -> None:
        pass

    def room(self) -> int:
        return 0

    def drain(self) -> Sequence[AsyncOutcome]:
        return ()

    def in_flight(self) -> int:
        return 0


async def hand_on(number: int) -> int:
    return number


def stuck_pipeline(env: LocalEnvironment, *, is_spread: bool = False) -> PipelineConfig:
    """Describe a job whose middle step takes nothing."""
    before = env.from_collection(range(1000)).map(lambda n: n, name="before")
    after = before.map_async(hand_on, name="shut").map(lambda n: n, name="after")
    after.sink(lambda _: None, name="end")
    if is_spread:
        before.set_placement("process")
        after.set_placement("process")
    config = env.build_pipeline_config()
    config["transformations"][2]["operator"] = Shut
    return config


def deadlock_of(kernel: DefaultKernelFacade, config: PipelineConfig) -> DeadlockError:
    """Run a job to its end, which must be a deadlock."""
    job_id = kernel.job_manager.submit_job(config)
    status = kernel.job_manager.wait_job(job_id, WAIT_S)
    assert status["state"] is JobState.FAILED
    error = status.get("exception")
    assert isinstance(error, DeadlockError)
    assert error.job_id == job_id
    return error


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: what is no deadlock must not look like one however often one looks."""
    monkeypatch.setattr(ThreadDriver, "look_every_s", 0.01)


def test_a_step_that_takes_nothing_fails_its_job_with_the_wait_for_graph(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """A job that hangs for ever says nothing; this says where to look."""
    error = deadlock_of(kernel, stuck_pipeline(env))

    before, shut = error.problems
    assert before.startswith("test-1/0.source..before/0 on thread waits for room downstream: ")
    assert before.endswith("test-1/1.shut..end/0")
    assert "shut..end/0 on thread waits for asynchronous calls: test-1/0.source..before" in shut


def test_a_deadlock_is_seen_across_processes(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """Each process alone sees idle tasks only, which is nothing special."""
    error = deadlock_of(kernel, stuck_pipeline(env, is_spread=True))

    said = " ".join(error.problems)
    assert "before/0 on process 1 waits for room downstream" in said
    assert "shut/0 on thread waits for asynchronous calls" in said
    assert "after/0 on process 2 waits for input" in said


def test_a_simulated_deadlock_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time makes the looks free."""
    monkeypatch.setattr(DelayedChannel, "consume", lambda channel, count: None)
    kernel = DefaultKernelFacade(DefaultOptions(driver="sim", channel_capacity=8))
    env = LocalEnvironment("stuck", kernel=kernel)
    env.from_collection(range(100)).rebalance().map(lambda n: n, parallelism=2).sink(
        lambda _: None, parallelism=1
    )
    env.submit()

    with pytest.raises(JobFailedError, match="room downstream") as caught:
        env.wait()

    assert isinstance(caught.value.__cause__, DeadlockError)
    kernel.shutdown()


@pytest.mark.usefixtures("quick")
def test_lost_credit_is_a_deadlock_and_no_hang(
    env: LocalEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the kernel itself ever lose a wake-up, its users must hear of it."""
    monkeypatch.setattr(LocalChannel, "consume", lambda channel, count: None)
    env.from_collection(range(1000)).rebalance().map(lambda n: n, parallelism=2).sink(
        lambda _: None, parallelism=1
    )
    env.submit()

    with pytest.raises(JobFailedError) as caught:
        env.wait(WAIT_S)

    cause = caught.value.__cause__
    assert isinstance(cause, DeadlockError)
    assert "waits for room downstream" in cause.problems[0]


@pytest.mark.usefixtures("quick")
def test_a_step_that_waits_for_room_in_the_middle_of_a_record_counts_as_waiting(
    env: LocalEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flatmap of a million items waits inside of the user's loop."""
    monkeypatch.setattr(LocalChannel, "consume", lambda channel, count: None)
    env.from_collection([1]).flatmap(lambda _: range(100_000), name="many").sink(
        lambda _: None, parallelism=2
    )
    env.submit()

    with pytest.raises(JobFailedError) as caught:
        env.wait(WAIT_S)

    cause = caught.value.__cause__
    assert isinstance(cause, DeadlockError)
    assert "source..many/0 on thread waits for room downstream" in cause.problems[0]


# --- never a false alarm ---------------------------------------------------------------------


class Looks:
    """Counts the looks of all watchdogs, so that a test waits for them and not for time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._look = Watchdog.look
        monkeypatch.setattr(Watchdog, "look", lambda dog: self._counted(dog))
        monkeypatch.setattr(ThreadDriver, "look_every_s", 0.01)

    def _counted(self, dog: Watchdog) -> DeadlockError | None:
        self.count += 1
        return self._look(dog)

    def wait_for(self, more: int) -> None:
        target, end_s = self.count + more, time.monotonic() + WAIT_S
        while self.count < target:
            assert time.monotonic() < end_s
            time.sleep(0.005)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def finish(env: LocalEnvironment, gate: threading.Event) -> None:
    """Open the gate; the job must come to its natural end."""
    gate.set()
    assert env.wait(WAIT_S)["state"] is JobState.FINISHED


def test_slow_user_code_is_no_deadlock(
    env: LocalEnvironment, looks: Looks, gate: threading.Event
) -> None:
    """Everything waits for one record, which may take an hour."""
    env.from_collection(range(100)).rebalance().map(
        lambda n: gate.wait(WAIT_S) and n, parallelism=2
    ).sink(lambda _: None, parallelism=1)
    env.submit()
    looks.wait_for(10)

    finish(env, gate)


def test_an_idle_source_is_no_deadlock(env: LocalEnvironment, looks: Looks) -> None:
    """The next order may come tomorrow."""
    found: list[int] = []

    class Tomorrow(SourceFunction[int]):
        def execute(self) -> int | None:
            return None

    env.from_source(Tomorrow, delay=3600.0).rebalance().sink(found.append, parallelism=2)
    env.submit()
    looks.wait_for(10)

    assert env.status()["state"] is JobState.RUNNING
    env.cancel()


def test_an_open_call_is_no_deadlock(env: LocalEnvironment, looks: Looks) -> None:
    """A language model may think for minutes."""
    may_answer = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def think(number: int) -> int:
        loops.append(asyncio.get_running_loop())
        await may_answer.wait()
        return number

    found: list[int] = []
    env.from_collection(range(100)).map_async(think, capacity=2).sink(found.append)
    env.submit()
    looks.wait_for(10)
    loops[0].call_soon_threadsafe(may_answer.set)

    assert env.wait(WAIT_S)["state"] is JobState.FINISHED
    assert found == list(range(100))


def test_a_paused_job_is_no_deadlock(
    env: LocalEnvironment, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    """All its tasks wait, but for the user."""
    monkeypatch.setattr(ThreadDriver, "look_every_s", 0.01)
    forgets = threading.Semaphore(0)
    monkeypatch.setattr(Watchdog, "forget", lambda dog: forgets.release())
    env.from_collection(range(100)).rebalance().map(
        lambda n: gate.wait(WAIT_S) and n, parallelism=2
    ).sink(lambda _: None, parallelism=1)
    env.submit()
    env.jobmanager.pause_job(env.uuid or "")
    gate.set()
    for _ in range(10):
        assert forgets.acquire(timeout=WAIT_S)

    assert env.status()["state"] is JobState.PAUSED
    env.jobmanager.resume_job(env.uuid or "")
    finish(env, gate)


def test_a_slow_start_is_no_deadlock(
    env: LocalEnvironment, monkeypatch: pytest.MonkeyPatch, gate: threading.Event
) -> None:
    """A model may load for minutes while all other tasks wait for it."""
    monkeypatch.setattr(ThreadDriver, "look_every_s", 0.01)
    forgets = threading.Semaphore(0)
    monkeypatch.setattr(Watchdog, "forget", lambda dog: forgets.release())

    class Loads(MapFunction[int, int]):
        def open(self) -> None:
            gate.wait(WAIT_S)

        def execute(self, data: int) -> int:
            return data

    env.from_collection(range(10)).map(Loads).sink(lambda _: None, parallelism=2)
    env.submit()
    for _ in range(10):
        assert forgets.acquire(timeout=WAIT_S)

    finish(env, gate)


class Slow(BaseService):
    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate

    def get(self) -> int:
        self.gate.wait(WAIT_S)
        return 1


class AsksSlow(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        answer: int = self.call_service("slow", "get")
        return answer + data


def test_an_open_service_call_is_no_deadlock(
    env: LocalEnvironment, looks: Looks, gate: threading.Event
) -> None:
    """Its deadline decides how long it may take, and nobody else."""
    env.register_service("slow", Slow, gate)
    env.from_collection([1]).map(AsksSlow).sink(lambda _: None, parallelism=2)
    env.submit()
    looks.wait_for(10)

    finish(env, gate)


def test_a_stopped_lane_is_no_deadlock(env: LocalEnvironment, looks: Looks) -> None:
    """A lane that does not answer cannot be said to wait."""
    pids: list[int] = []
    first = threading.Event()

    def note(pid: int) -> None:
        pids.append(pid)
        first.set()

    env.from_collection(range(50_000)).map(lambda _: os.getpid()).set_placement("process").sink(
        note
    )
    env.submit()
    assert first.wait(WAIT_S)
    os.kill(pids[0], signal.SIGSTOP)
    looks.wait_for(6)
    os.kill(pids[0], signal.SIGCONT)

    assert env.wait(WAIT_S)["state"] is JobState.FINISHED
    assert len(pids) == 50_000
