"""A job that fails goes on from its last checkpoint, as if nothing had happened."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sage_kernel_api import (
    FixedDelay,
    JobFailedError,
    JobState,
    LocalEnvironment,
    MapFunction,
    SinkFunction,
)
from sage_kernel_api.errors import CheckpointError, JobStateError
from sage_kernel_default.checkpoint import EpochInfo, EpochRecord, OpenedJob, RestoredJob
from sage_kernel_default.checkpoint.memory_store import MemoryCheckpointStore
from tests.default_recovery.conftest import Place
from tests.default_recovery.pipelines import Count, Gate, Last, Trap, reset
from tests.helpers import no_leaks

_EXPECTED = {key: len(range(key, 1000, 7)) for key in range(7)}


@pytest.fixture(autouse=True)
def _forget() -> None:
    reset()
    _Slow.found.clear()
    _Slow.reached.clear()
    _Slow.let_go.clear()


def _counting(env: LocalEnvironment, parallelism: int = 1) -> LocalEnvironment:
    numbers = env.from_source(Gate, 1000).map(Trap)
    numbers.keyby(lambda n: n % 7).map(Count, parallelism=parallelism).sink(Last)
    return env


def _run_to(env: LocalEnvironment, limit: int) -> None:
    """Let the job read as far as *limit*, and take a checkpoint there."""
    Gate.limit = limit
    env.submit()
    assert Gate.reached.wait(20)
    env.checkpoint(20)


@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_failed_job_goes_on_from_its_checkpoint(place: Place, parallelism: int) -> None:
    """Without state and position together, counts would be too high or too low."""
    env = _counting(place.env().set_restart_strategy(FixedDelay(1, 0.0)), parallelism)
    _run_to(env, 500)

    Trap.at.append(700)
    Gate.limit = 1000
    status: Any = env.wait(30)

    assert (status["state"], status["attempt"]) == (JobState.FINISHED, 2)
    assert status["checkpoints"]["restored_epoch"] == 1
    assert Gate.starts == [0, 500]
    assert Last.found == _EXPECTED


def test_without_a_restart_strategy_a_failed_job_stays_failed(place: Place) -> None:
    """Repeating side effects is the user's decision."""
    env = _counting(place.env())
    _run_to(env, 500)
    Trap.at.append(700)
    Gate.limit = 1000

    with pytest.raises(JobFailedError, match="trap at 700"):
        env.wait(30)

    assert Gate.starts == [0]


def test_restarts_are_as_many_as_allowed(place: Place) -> None:
    """A job that can never work must not run for ever (R12)."""
    env = _counting(place.env().set_restart_strategy(FixedDelay(2, 0.0)))
    _run_to(env, 500)
    Trap.at += [700, 701, 702, 703]
    Gate.limit = 1000

    with pytest.raises(JobFailedError, match="trap at 702"):
        env.wait(30)

    status: Any = env.status()
    assert (Gate.starts, status["attempt"]) == ([0, 500, 500], 3)


@pytest.mark.parametrize("parallelism", [(1, 3), (3, 1), (2, 2)])
def test_a_new_process_goes_on_where_the_old_one_was(
    place: Place, parallelism: tuple[int, int]
) -> None:
    """The same program with the same name and directory resumes by itself (R1, R8)."""
    first = _counting(place.env(), parallelism[0])
    _run_to(first, 500)
    first.close()

    second = _counting(place.env(), parallelism[1])
    Gate.limit = 1000
    second.submit()
    status: Any = second.wait(30)

    assert status["state"] is JobState.FINISHED
    assert status["checkpoints"]["restored_epoch"] == 1
    assert Gate.starts == [0, 500]
    assert Last.found == _EXPECTED


def test_a_finished_job_does_nothing_the_second_time(place: Place) -> None:
    """A cron job that is started twice must not write its output twice."""
    Gate.limit = 1000

    seen = []
    for _ in range(2):
        Last.found.clear()
        env = _counting(place.env())
        env.submit()
        status: Any = env.wait(30)
        seen.append((status["state"], status["checkpoints"]["had_finished"], len(Last.found)))

    assert seen == [(JobState.FINISHED, False, 7), (JobState.FINISHED, True, 0)]


class _Stuck(MemoryCheckpointStore):
    """Cannot be closed once more."""

    closings = 0

    def close(self) -> None:
        self.closings += 1
        super().close()
        if self.closings > 1:
            raise CheckpointError("the disk is gone")


def test_a_finished_job_whose_store_cannot_be_closed_is_not_left_in_between(place: Place) -> None:
    """It was known, but never ran: whoever waited for it, or shut the kernel down, hung."""
    place.stores["/state"] = _Stuck(time.time)
    Gate.limit = 1000
    first = _counting(place.env())
    first.submit()
    first.wait(30)
    second = _counting(place.env())

    second.submit()

    with pytest.raises(JobFailedError, match="the disk is gone"):
        second.wait(30)


def test_checkpoints_are_listed_and_removed_but_for_the_latest(place: Place) -> None:
    """Whoever cleans up by hand must not be able to remove what the job needs."""
    env = place.env()
    env.enable_checkpointing(3600.0, "/state", retain=3)
    _run_to(_counting(env), 500)
    latest = env.checkpoint(20)
    manager = place.kernels[0].checkpoint_manager

    listed = [one["epoch"] for one in manager.list_checkpoints(env.status()["job_id"])]
    first = manager.list_checkpoints(env.status()["job_id"])[0]["checkpoint_id"]

    assert listed == [1, 2]
    assert (manager.delete_checkpoint(first), manager.delete_checkpoint(first)) == (True, False)
    with pytest.raises(CheckpointError, match="latest"):
        manager.delete_checkpoint(latest)


def test_checkpoints_are_taken_of_running_jobs_only(place: Place) -> None:
    """Waiting for a checkpoint that can never come would hang the caller."""
    env = _counting(place.env())
    _run_to(env, 500)
    env.pause()

    with pytest.raises(JobStateError, match="paused"):
        env.checkpoint(20)

    env.cancel()
    with pytest.raises(JobStateError, match="cancelled"):
        env.checkpoint(20)


def test_state_that_belongs_to_no_step_is_refused(place: Place) -> None:
    """A renamed step would begin anew without a word, and its counts with it (R7)."""
    _run_to(first := _counting(place.env()), 500)
    first.close()
    before = place.stores["/state"].load()

    second = place.env()
    keyed = second.from_source(Gate, 1000).keyby(lambda n: n % 7)
    keyed.map(Count, name="recount").sink(Last)

    with pytest.raises(CheckpointError, match="state of 'Count' belongs to no step"):
        second.submit()
    assert place.stores["/state"].load() is before


def test_recovery_works_from_files(tmp_path: Path) -> None:
    """All of the above with the real store, whose parts have tests of their own."""
    for attempt, limit in enumerate([500, 1000]):
        with no_leaks(), LocalEnvironment("job", kernel="default") as env:
            _counting(env.enable_checkpointing(3600.0, tmp_path), 1 + attempt)
            if limit == 500:
                _run_to(env, limit)
            else:
                Gate.limit = limit
                env.submit(autostop=True)

    assert Gate.starts == [0, 500]
    assert Last.found == _EXPECTED


class _FullDisk(MemoryCheckpointStore):
    """Refuses one commit, and from then on everything until it is opened again."""

    is_full = False
    openings = 0

    def open(self, job_name: str) -> OpenedJob:
        type(self).openings += 1
        self.is_broken = False
        return super().open(job_name)

    def commit(self, record: EpochRecord) -> EpochInfo:
        if type(self).is_full or self.is_broken:
            self.is_broken, type(self).is_full = True, False
            raise CheckpointError("no space left on device")
        return super().commit(record)

    def load(self, epoch: int | None = None) -> RestoredJob:
        assert not self.is_broken, "what the disk holds is not known"
        return super().load(epoch)


def test_a_checkpoint_that_cannot_be_stored_restarts_from_what_the_disk_holds(
    place: Place,
) -> None:
    """After a failed sync nobody knows what is there; going on as if nothing was loses data."""
    _FullDisk.is_full, _FullDisk.openings = False, 0
    place.stores["/state"] = _FullDisk(time.time)
    env = _counting(place.env().set_restart_strategy(FixedDelay(1, 0.0)))
    _run_to(env, 500)

    _FullDisk.is_full = True
    with pytest.raises(CheckpointError, match="not complete"):
        env.checkpoint(20)
    Gate.limit = 1000
    status: Any = env.wait(30)

    assert (status["state"], status["attempt"]) == (JobState.FINISHED, 2)
    assert (Gate.starts, _FullDisk.openings) == ([0, 500], 2)
    assert Last.found == _EXPECTED


@pytest.mark.parametrize("parallelism", [(1, 1), (2, 3), (3, 1), (1, 4)])
def test_collections_go_on_exactly_at_another_parallelism(
    place: Place, parallelism: tuple[int, int]
) -> None:
    """Which instance has handed on how much must not decide what is read again."""
    first = place.env(frame_size=1, channel_capacity=1)
    _Slow.until = 40
    _collecting(first, parallelism[0])
    first.submit()
    assert _Slow.reached.wait(20)
    _Slow.let_go.set()
    first.checkpoint(20)
    first.close()
    before = len(_Slow.found)

    second = place.env()
    _Slow.until = 10**6
    _collecting(second, parallelism[1])
    second.submit(autostop=True)

    # The sink is at-least-once: what came between checkpoint and end may be there twice.
    assert set(_Slow.found) == set(range(100))
    assert len(_Slow.found) < 100 + before


class _Slow(SinkFunction[int]):
    """Waits at a certain number of records, until the test goes on."""

    found: ClassVar[list[int]] = []
    until: ClassVar[int] = 0
    reached: ClassVar[threading.Event] = threading.Event()
    let_go: ClassVar[threading.Event] = threading.Event()

    def execute(self, data: int) -> None:
        self.found.append(data)
        if len(self.found) == type(self).until:
            self.reached.set()
            self.let_go.wait(20)


def _collecting(env: LocalEnvironment, parallelism: int) -> None:
    env.set_parallelism(parallelism).from_collection(range(100)).sink(_Slow, parallelism=1)


class _Door(MapFunction[int, int]):
    """Waits at one record until the test opens it."""

    reached: ClassVar[threading.Event] = threading.Event()
    opened: ClassVar[threading.Event] = threading.Event()

    def execute(self, data: int) -> int:
        if data == 300:
            self.reached.set()
            self.opened.wait(20)
        return data


def test_a_checkpoint_that_is_late_is_given_up_on_and_made_up_for(place: Place) -> None:
    """One slow call must not stop the job, nor may the changes of that checkpoint be lost."""
    _Door.reached.clear()
    _Door.opened.clear()
    first = place.env()
    first.enable_checkpointing(3600.0, "/state", timeout_s=0.3)
    _with_door(first)
    Gate.limit = 500
    first.submit()
    assert _Door.reached.wait(20)

    with pytest.raises(CheckpointError, match=r"no snapshot came from .*_Door.* in time"):
        first.checkpoint(20)
    _Door.opened.set()
    assert Gate.reached.wait(20)
    first.checkpoint(20)
    status: Any = first.status()
    first.close()
    second = place.env()
    _with_door(second)
    Gate.limit = 1000
    second.submit(autostop=True)

    assert (status["checkpoints"]["failed"], status["checkpoints"]["latest_epoch"]) == (1, 2)
    assert Gate.starts == [0, 500]
    assert Last.found == _EXPECTED


def _with_door(env: LocalEnvironment) -> None:
    counted = env.from_source(Gate, 1000).keyby(lambda n: n % 7).map(Count, parallelism=2)
    counted.sink(Last)
    env.from_collection([300]).map(_Door, parallelism=2).sink(lambda value: None)
