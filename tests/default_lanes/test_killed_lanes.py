"""Lanes that die, whenever and however: the job is FAILED soon, and nothing is left."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import JobFailedError, LaneError
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade
from tests.default_lanes.conftest import WAIT_S, Inbox, is_running, pids_in, wait_until
from tests.default_lanes.functions import Endless, HangsIn, Parent, Poison, WithPid

pytestmark = pytest.mark.slow

NOTICED_S = 2.0


def start_endless(env: LocalEnvironment) -> tuple[Inbox, list[int]]:
    """Start a job on two lanes that never ends by itself; return their process ids too."""
    inbox = Inbox()
    numbers = env.from_source(Endless)
    counted = numbers.map(WithPid, parallelism=2).set_placement("process")
    counted.keyby(lambda pair: pair[1] % 7).map(lambda pair: pair, parallelism=2).set_placement(
        "process"
    ).sink(inbox.put)
    env.submit()
    wait_until(lambda: len({pid for pid, _ in list(inbox.items)}) == 2)
    return inbox, sorted({pid for pid, _ in list(inbox.items)})


def kill_at_random(env: LocalEnvironment, seed: int) -> float:
    """Kill one lane after some records; return after which time the job was FAILED."""
    chance = random.Random(seed)
    inbox, pids = start_endless(env)
    inbox.wait_for(len(inbox.items) + chance.randrange(2_000))
    victim = chance.choice(pids)

    os.kill(victim, signal.SIGKILL)
    killed_s = time.monotonic()
    with pytest.raises(JobFailedError) as caught:
        env.wait(WAIT_S)
    noticed_s = time.monotonic() - killed_s

    cause = caught.value.__cause__
    assert isinstance(cause, LaneError)
    # The fault hit: the cause is this very process.
    assert f"(process {victim}) was killed by SIGKILL" in str(cause)
    assert "lane-" in str(cause)
    assert env.status()["state"] is JobState.FAILED
    assert not any(is_running(pid) for pid in pids)
    return noticed_s


@pytest.mark.parametrize("seed", range(4))
def test_a_lane_killed_at_a_random_point_fails_the_job(env: LocalEnvironment, seed: int) -> None:
    """A dead lane has lost records: a job that goes on, or hangs, would lie."""
    kill_at_random(env, seed)


@pytest.mark.timeout(600)
def test_r11_sixty_killed_lanes_are_noticed_within_two_seconds() -> None:
    """Rare moments are found by many tries only."""
    kernel = DefaultKernelFacade()
    for seed in range(100, 160):
        env = LocalEnvironment(f"kill-{seed}", kernel=kernel)
        assert kill_at_random(env, seed) < NOTICED_S
    kernel.shutdown()


@pytest.mark.parametrize("where", ["constructor", "open", "execute", "close", "exit"])
def test_a_lane_killed_in_any_part_of_its_life_fails_the_job(
    env: LocalEnvironment, tmp_path: Path, where: str
) -> None:
    """Also one that has done all its work but not yet ended: its last words may be missing."""
    env.from_collection(range(5)).map(HangsIn, where, str(tmp_path)).set_placement("process").sink(
        lambda _: None
    )
    env.submit()
    wait_until(lambda: bool(pids_in(tmp_path)))
    (victim,) = pids_in(tmp_path)

    os.kill(victim, signal.SIGKILL)

    with pytest.raises(JobFailedError, match="was killed by SIGKILL"):
        env.wait(WAIT_S)


def test_a_lane_killed_while_it_starts_fails_the_job(
    env: LocalEnvironment, kernel: DefaultKernelFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its first word there is nobody to say what went wrong."""
    started: list[int] = []
    popen = subprocess.Popen

    def start_and_kill(*args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        process = popen(*args, **kwargs)
        started.append(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr("subprocess.Popen", start_and_kill)
    env.from_collection(range(5)).map(WithPid).set_placement("process").sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError, match="was killed by SIGKILL"):
        env.wait(WAIT_S)
    assert len(started) == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "exited with code 3"),
        ("zero", "exited with code 0"),
        ("segfault", "was killed by SIGSEGV"),
        ("kill", "was killed by SIGKILL"),
    ],
)
def test_a_record_that_kills_its_lane_fails_the_job(
    env: LocalEnvironment, how: str, said: str
) -> None:
    """Native code crashes: the kernel must survive it and say by what the lane ended."""
    found: list[int] = []
    env.from_collection(range(100)).map(Poison, how, 50).set_placement("process").sink(found.append)
    env.submit()

    with pytest.raises(JobFailedError, match=said) as caught:
        env.wait(WAIT_S)

    assert isinstance(caught.value.__cause__, LaneError)
    assert 50 not in found


def test_what_a_lane_has_started_dies_with_it(env: LocalEnvironment) -> None:
    """A helper process that holds a port or a GPU must not outlive its job."""
    inbox = Inbox()
    env.from_collection([1]).map(Parent).map(lambda pid: pid, name="pass on").set_placement(
        "process"
    ).sink(inbox.put)
    env.pipeline[1].placement = "process"
    env.submit()
    (grandchild,) = inbox.wait_for(1)

    env.wait(WAIT_S)

    wait_until(lambda: not is_running(grandchild))


def test_a_stopped_lane_is_reported_and_goes_on_exactly(
    env: LocalEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    """A debugger stops processes: that is no death, but whoever waits must learn of it."""
    inbox = Inbox()
    env.from_collection(range(20_000)).map(WithPid).set_placement("process").sink(inbox.put)
    env.submit()
    first = inbox.wait_for(1)[0]
    with caplog.at_level(logging.WARNING, "sage_kernel"):
        os.kill(first[0], signal.SIGSTOP)
        wait_until(lambda: "was stopped by SIGSTOP" in caplog.text)
    assert "spread-1/lane-1" in caplog.text
    assert env.status()["state"] is JobState.RUNNING

    os.kill(first[0], signal.SIGCONT)
    env.wait(WAIT_S)

    assert [record for _, record in inbox.items] == list(range(20_000))


def test_a_job_with_a_stopped_lane_can_be_cancelled(env: LocalEnvironment) -> None:
    """A lane that does not answer must not hold who gives up on it."""
    _, pids = start_endless(env)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)

    assert env.cancel()

    assert env.status()["state"] is JobState.CANCELLED
    assert not any(is_running(pid) for pid in pids)
