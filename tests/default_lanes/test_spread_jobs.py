"""Jobs over process lanes behave like any other."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import JobFailedError, PipelineError, StepError, ValueEncodingError
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.default_lanes.conftest import WAIT_S, Inbox, wait_until
from tests.default_lanes.functions import Endless, Fails, Logs, WithPid


def test_steps_run_where_they_were_put(env: LocalEnvironment) -> None:
    """The Python code of a step in a lane uses a core of its own."""
    found: list[tuple[int, int]] = []
    env.from_collection(range(100)).map(WithPid, parallelism=2).set_placement("process").sink(
        found.append
    )
    env.submit()
    env.wait(WAIT_S)

    assert sorted(number for _, number in found) == list(range(100))
    pids = {pid for pid, _ in found}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_lanes_process_spreads_parallel_steps_and_leaves_sinks_at_home() -> None:
    """A list that a sink fills is in the program's own process."""
    kernel = DefaultKernelFacade(DefaultOptions(lanes="process", processes=2))
    env = LocalEnvironment("spread", kernel=kernel)
    found: list[tuple[int, int]] = []
    single = env.from_collection(range(20)).map(lambda n: (os.getpid(), n))
    single.map(lambda pair: (pair[0], os.getpid()), parallelism=2).sink(found.append, parallelism=2)
    env.submit()
    env.wait(WAIT_S)

    assert {here for here, _ in found} == {os.getpid()}
    assert os.getpid() not in {there for _, there in found}
    assert len(found) == 20
    kernel.shutdown()


def test_a_slow_sink_stops_the_lanes_and_their_source(env: LocalEnvironment) -> None:
    """Memory stays bounded: four times the channel's capacity, and a frame, on each way."""
    may_end = threading.Event()

    def wait(pair: tuple[int, int]) -> None:
        may_end.wait(WAIT_S)

    env.from_source(Endless).map(WithPid).set_placement("process").sink(wait)
    job_id = env.submit()
    manager = env.kernel.job_manager

    def in_flight() -> list[int]:
        return [edge["in_flight"] for edge in manager.get_job_status(job_id)["edges"]]

    wait_until(lambda: min(in_flight()) >= 4 * 32)
    most = max(in_flight())
    may_end.set()
    manager.cancel_job(job_id)

    assert most <= 4 * 32 + 16


def test_little_waits_between_two_steps_of_one_lane(tmp_path: Path) -> None:
    """The lanes' processor caches are shared by all records under way there."""
    may_go = tmp_path / "go"

    def hold(number: int) -> int:
        while not may_go.exists():
            time.sleep(0.01)
        return number

    kernel = DefaultKernelFacade(DefaultOptions(processes=1))
    env = LocalEnvironment("one lane", kernel=kernel)
    found: list[int] = []
    first = env.from_collection(range(20_000)).map(abs, name="first").set_placement("process")
    held = first.map(hold, name="hold", parallelism=2).set_placement("process")
    held.sink(found.append)
    job_id = env.submit()

    def in_flight() -> int:
        edges = kernel.job_manager.get_job_status(job_id)["edges"]
        return next(edge["in_flight"] for edge in edges if edge["downstream"] == "hold")

    wait_until(lambda: in_flight() >= 2 * 1024 - 1)
    most = max(in_flight() for _ in range(20))
    may_go.touch()
    env.wait(WAIT_S)
    kernel.shutdown()

    assert most <= 3 * 1024, "two channels, each with its share of one more frame"
    assert sorted(found) == list(range(20_000))


def test_closures_travel_and_state_stays_there(env: LocalEnvironment) -> None:
    """Lambdas and local functions cannot be imported, and work all the same."""
    seen: list[int] = []
    offset = 10

    def remember(number: int) -> int:
        seen.append(number)
        return len(seen) + offset

    found: list[int] = []
    env.from_collection([5, 6, 7]).map(remember).set_placement("process").sink(found.append)
    env.submit()
    env.wait(WAIT_S)

    assert found == [11, 12, 13]
    assert seen == [], "a copy was changed, as in every other process"


def test_steps_that_cannot_travel_are_refused_together(env: LocalEnvironment) -> None:
    """One error for all of them, before anything starts."""
    lock = threading.Lock()
    numbers = env.from_collection(range(3))
    for name in ("one", "two"):
        numbers = numbers.map(lambda n: lock.locked() or n, name=name).set_placement("process")
    numbers.sink(print)

    with pytest.raises(PipelineError, match="cannot be spread over processes") as caught:
        env.submit()

    assert len(caught.value.problems) == 2
    assert "step 'one'" in caught.value.problems[0]
    assert "cannot pickle '_thread.lock'" in caught.value.problems[1]


def test_a_record_that_cannot_travel_fails_the_step_that_sent_it(env: LocalEnvironment) -> None:
    """Where it is sent, not somewhere else and later, and never without a word."""
    env.from_collection([1, 2]).map(
        lambda n: threading.Lock() if n == 2 else n, name="lock"
    ).set_placement("process").sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError, match="'lock'") as caught:
        env.wait(WAIT_S)

    assert isinstance(caught.value.__cause__, ValueEncodingError)


def test_the_users_exception_comes_back_as_it_was(env: LocalEnvironment) -> None:
    """Its type, its attributes, the record, the line, and the traceback there."""
    env.from_collection([1, 2, 3]).map(Fails, 2).set_placement("process").sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError, match="failed on record 2") as caught:
        env.wait(WAIT_S)

    cause = caught.value.__cause__
    assert isinstance(cause, Fails.TooMuchError)
    assert cause.record == 2
    assert "functions.py" in str(caught.value)
    failure = env.status().get("exception")
    assert isinstance(failure, StepError)
    assert failure.step == "Fails"
    assert "In the process lane" in "".join(getattr(cause, "__notes__", []))


def test_log_records_of_lanes_reach_the_programs_handlers(
    env: LocalEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that stays in another process is lost."""
    env.from_collection([1]).map(Logs).set_placement("process").sink(lambda _: None)
    with caplog.at_level(logging.INFO, "sage_kernel"):
        env.submit()
        env.wait(WAIT_S)

    record = next(record for record in caplog.records if record.message == "saw 1")
    assert record.name == "sage_kernel.spread.Logs"
    assert record.process != os.getpid()
    assert record.exc_text is not None
    assert "ZeroDivisionError" in record.exc_text


def test_a_paused_job_stands_still_in_all_processes(env: LocalEnvironment) -> None:
    """A pause that reaches half of the job would fill its channels."""
    inbox = Inbox()
    env.from_source(Endless).map(WithPid, parallelism=2).set_placement("process").sink(inbox.put)
    env.submit()
    inbox.wait_for(50)

    assert env.jobmanager.pause_job(env.uuid or "")
    before = _count_once_still(env)
    assert _count_once_still(env) == before
    assert env.jobmanager.resume_job(env.uuid or "")
    inbox.wait_for(before + 50)

    assert env.cancel()


def _count_once_still(env: LocalEnvironment) -> int:
    """Return how many records have passed the sink, once two looks agree."""
    before, count = -1, 0
    while before != count:
        before = count
        count = env.status()["steps"]["put"]["records_in"]
    return count


def test_the_ledger_of_a_spread_job_balances(env: LocalEnvironment) -> None:
    """Each process counts its own side of an edge; only together do they make sense."""
    env.from_collection(range(1000)).map(WithPid, parallelism=2).set_placement("process").keyby(
        lambda pair: pair[1] % 10
    ).map(lambda pair: pair[1], parallelism=2).set_placement("process").sink(lambda _: None)
    env.submit()
    status = env.wait(WAIT_S)

    assert {edge["produced"] for edge in status["edges"]} == {1000}
    assert {edge["consumed"] for edge in status["edges"]} == {1000}
    assert {edge["in_flight"] for edge in status["edges"]} == {0}


def test_large_records_are_held_back_by_their_size(env: LocalEnvironment) -> None:
    """Credit in records alone would let a few of them fill the memory."""
    found: list[int] = []
    env.from_collection(range(64)).map(lambda n: bytes(1_000_000)).set_placement("process").sink(
        lambda data: found.append(len(data))
    )
    env.submit()
    env.wait(WAIT_S)

    assert found == [1_000_000] * 64


def test_looking_at_a_job_does_not_change_how_it_ends(kernel: DefaultKernelFacade) -> None:
    """A dashboard that polled the status once turned finished jobs into failed ones."""
    for number in range(3):
        env = LocalEnvironment(f"watched-{number}", kernel=kernel)
        found: list[object] = []
        env.from_collection(range(50)).map(WithPid, parallelism=2).set_placement("process").map(
            lambda pair: pair[1]
        ).sink(found.append)
        env.submit()
        looker = threading.Thread(target=_look_until_the_end, args=(env,))
        looker.start()

        assert env.wait(WAIT_S)["state"] is JobState.FINISHED
        looker.join()
        assert len(found) == 50


def _look_until_the_end(env: LocalEnvironment) -> None:
    while not env.status()["state"].is_terminal:
        pass
