"""Memory stays flat and nothing is left behind, however many records and jobs there are."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections import Counter

import psutil
import pytest

from sage_kernel_api import LocalEnvironment, SourceFunction
from sage_kernel_api.errors import JobFailedError
from sage_kernel_api.lifecycle import Placement
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions
from tests.helpers import no_leaks

MIB = 1024 * 1024


def test_r9_a_slow_sink_slows_its_source_and_memory_stays_flat() -> None:
    """A million records of 200 bytes each must not wait in memory for a sink that lags behind."""
    kernel = DefaultKernelFacade(DefaultOptions(channel_capacity=512, frame_size=256))
    env = LocalEnvironment("r9", kernel=kernel)
    produced, consumed, worst = 0, 0, 0

    def make(number: int) -> str:
        nonlocal produced
        produced += 1
        return f"{number:200}"

    def slow(_: str) -> None:
        nonlocal consumed, worst
        consumed += 1
        worst = max(worst, produced - consumed)

    env.from_collection(range(1_000_000)).map(make).rebalance().map(
        lambda text: text, parallelism=2
    ).sink(slow, parallelism=1)
    gc.collect()
    before = psutil.Process().memory_info().rss

    env.submit(autostop=True)

    assert consumed == produced == 1_000_000
    assert all(edge["in_flight"] == 0 for edge in env.status()["edges"])
    # Two channels, two instances, and a frame under way in each task.
    assert worst <= 4 * 512 + 6 * 256
    assert psutil.Process().memory_info().rss - before < 64 * MIB
    kernel.shutdown()


def test_r9_a_sink_that_stands_still_stops_its_source() -> None:
    """Back-pressure is exact: a gate, not a race, holds the sink."""
    kernel = DefaultKernelFacade(DefaultOptions(channel_capacity=64, frame_size=16))
    env = LocalEnvironment("gate", kernel=kernel)
    made: list[int] = []
    gate, grown = threading.Event(), threading.Condition()

    def make(number: int) -> int:
        with grown:
            made.append(number)
            grown.notify()
        return number

    env.from_collection(range(10_000)).map(make).rebalance().sink(
        lambda _: gate.wait(30), parallelism=2
    )
    job_id = env.submit()
    with grown:
        # All credit but one record: the source sends in turns, and stops at the first full one.
        assert grown.wait_for(lambda: len(made) >= 2 * 64 - 1, 30)

    assert len(made) <= 2 * 64 + 2 * 16

    gate.set()
    kernel.job_manager.wait_job(job_id)
    assert len(made) == 10_000
    kernel.shutdown()


class Endless(SourceFunction[int]):
    def execute(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("jobs", "placement"),
    [
        (60, "kernel"),
        (10, "process"),
        pytest.param(1000, "kernel", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
        pytest.param(100, "process", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_r10_many_jobs_leave_nothing_behind(jobs: int, placement: Placement) -> None:
    """Kernels live in servers and notebooks: a thread lost per job would end them."""
    ends: Counter[JobState] = Counter()
    with no_leaks():
        kernel = DefaultKernelFacade(DefaultOptions(processes=1))
        for number in range(jobs):
            state = run_one(kernel, number, placement)
            ends[state] += 1
        kernel.shutdown()

    assert ends == {
        JobState.FINISHED: jobs * 8 // 10,
        JobState.FAILED: jobs // 10,
        JobState.CANCELLED: jobs // 10,
    }


def run_one(kernel: DefaultKernelFacade, number: int, placement: Placement) -> JobState:
    """Run one small job; of ten one fails, and one is cancelled."""
    env = LocalEnvironment("small", kernel=kernel)
    if number % 10 == 3:
        env.from_collection([0]).map(lambda x: 1 // x).set_placement(placement).sink(lambda _: None)
        with contextlib.suppress(JobFailedError):
            env.submit(autostop=True)
    elif number % 10 == 7:
        reached = threading.Event()
        endless = env.from_source(Endless).rebalance().map(lambda n: n, parallelism=2)
        endless.set_placement(placement).sink(lambda _: reached.set(), parallelism=2)
        env.submit()
        assert reached.wait(60)
        env.cancel()
    else:
        env.from_collection(range(3)).map(lambda n: n).set_placement(placement).sink(lambda _: None)
        env.submit(autostop=True)
    status = env.status()
    kernel.job_manager.delete_job(status["job_id"])
    return status["state"]
