"""What an older attempt still does cannot reach the next one (R14)."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, ClassVar

import pytest

from sage_kernel_api import FixedDelay, JobFailedError, JobState, MapFunction, SinkFunction
from sage_kernel_api.storage.value_codec import ValueCodec
from sage_kernel_api.values import JobId
from sage_kernel_default.checkpoint import EpochInfo, StepSnapshot
from sage_kernel_default.checkpoint.memory_store import MemoryCheckpointStore
from sage_kernel_default.checkpoint.schedule import CheckpointSchedule
from sage_kernel_default.jobs.attempt import Attempt
from sage_kernel_default.jobs.checkpoints import CheckpointWorker, WorkerParts
from sage_kernel_default.lanes import ThreadDriver
from tests.default_recovery.conftest import Place
from tests.default_recovery.pipelines import Count, Gate, Last, reset


@pytest.fixture(autouse=True)
def _forget() -> None:
    reset()


def test_r14_a_snapshot_of_a_given_up_attempt_is_stored_nowhere() -> None:
    """It would lie beside the state of the next attempt, which began before it."""
    store = MemoryCheckpointStore(time.time)
    store.open("job")
    completed: list[EpochInfo] = []
    parts = WorkerParts(
        "job-1",
        store,
        ValueCodec(),
        CheckpointSchedule(3600, 60, 0),
        ThreadDriver(),
        {},
        completed.append,
    )
    attempt = Attempt(JobId("job-1"), 1, 1.0, 1.0, threading.Condition(), lambda: None)
    worker = CheckpointWorker(parts, attempt, ["task"], [], 0, lambda: None, lambda: None)
    worker.start()

    worker.abort()
    worker.join()
    worker.taken("task", 1, [StepSnapshot("step", 0, 1, {"at": b"1"})], is_final=True)

    assert (store.epochs(), completed) == ([], [])


class _Stuck(SinkFunction[int]):
    """Does not come back from one record until it is let go."""

    entered: ClassVar[threading.Event] = threading.Event()
    let_go: ClassVar[threading.Event] = threading.Event()

    def execute(self, data: int) -> None:
        if data == 600:
            self.entered.set()
            self.let_go.wait(30)


class _Boom(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        if data == 601:
            assert _Stuck.entered.wait(20)
            raise RuntimeError("boom")
        return data


def test_r14_a_job_whose_code_does_not_return_is_not_restarted_beside_it(place: Place) -> None:
    """A thread cannot be killed, and it would write where the next attempt writes, too."""
    _Stuck.entered.clear()
    _Stuck.let_go.clear()
    env = place.env(stop_timeout=0.2, frame_size=1).set_restart_strategy(FixedDelay(5, 0.0))
    numbers = env.from_source(Gate, 1000)
    numbers.sink(_Stuck, parallelism=2)
    numbers.map(_Boom, parallelism=3).sink(Last.found.get)
    Gate.limit = 1000
    try:
        env.submit()
        with pytest.raises(JobFailedError, match="boom"):
            env.wait(30)
        status: Any = env.status()
    finally:
        _Stuck.let_go.set()

    assert (status["attempt"], Gate.starts) == (1, [0])
    assert "Not restarted: step '_Stuck'" in "".join(status["exception"].__notes__)


class _WhereAmI(MapFunction[tuple[int, int], tuple[int, int]]):
    """Tells its process to whoever kills it."""

    def execute(self, data: tuple[int, int]) -> tuple[int, int]:
        return os.getpid(), data[1]


def test_r14_a_lane_that_was_killed_is_replaced_and_counts_stay_exact(place: Place) -> None:
    """The out-of-memory killer takes one process; the job must not notice but by its attempts."""
    pids: list[int] = []
    env = place.env().set_restart_strategy(FixedDelay(1, 0.0))
    keyed = env.from_source(Gate, 1000).keyby(lambda n: n % 7)
    counted = keyed.map(Count)
    counted.set_placement("process")
    counted.sink(Last)
    where = counted.map(_WhereAmI)
    where.set_placement("process")
    where.sink(lambda pair: pids.append(pair[0]))
    Gate.limit = 500
    env.submit()
    assert Gate.reached.wait(30)
    env.checkpoint(30)
    first = pids[0]

    os.kill(first, signal.SIGKILL)
    Gate.limit = 1000
    status: Any = env.wait(60)

    assert (status["state"], status["attempt"]) == (JobState.FINISHED, 2)
    assert first not in pids[-1:]
    assert Last.found == {key: len(range(key, 1000, 7)) for key in range(7)}
