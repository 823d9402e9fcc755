"""Checkpoints, failures and restarts in a simulation: exact times, and one history per seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sage_kernel_api import (
    FixedDelay,
    LocalEnvironment,
    MapFunction,
    SourceFunction,
    StopSignal,
    ValueState,
)
from sage_kernel_api.errors import JobFailedError, WaitTimeoutError
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade
from tests.default_simulated.conftest import MakeKernel
from tests.default_simulated.test_simulation import world


class Numbers(SourceFunction[int]):
    """Counts to 300, and remembers where it was."""

    def __init__(self) -> None:
        self.next = 0

    def execute(self) -> int | StopSignal:
        if self.next == 300:
            return StopSignal("counted")
        self.next += 1
        return self.next - 1


class Count(MapFunction[int, tuple[int, int]]):
    """Counts per key, and fails at given counts of records, each time once."""

    seen = ValueState(0)
    passed = 0
    fail_at: tuple[int, ...] = ()

    def execute(self, data: int) -> tuple[int, int]:
        Count.passed += 1
        if Count.passed in Count.fail_at:
            raise OSError(f"failure {Count.passed}")
        self.seen.set(count := self.seen.get() + 1)
        return self.ctx.get_key(), count


def run_with_failures(
    kernel: DefaultKernelFacade, folder: Path, fail_at: tuple[int, ...]
) -> tuple[LocalEnvironment, list[tuple[int, int]]]:
    """Run a counting job that fails now and then, to its end."""
    Count.passed, Count.fail_at = 0, fail_at
    found: list[tuple[int, int]] = []
    env = LocalEnvironment("counts", kernel=kernel)
    env.enable_checkpointing(0.01, folder)
    env.set_restart_strategy(FixedDelay(len(fail_at), 10.0))
    # A record a millisecond: virtual time passes only while somebody waits for it.
    numbers = env.from_source(Numbers, delay=0.001).rebalance().map(lambda n: n, parallelism=2)
    numbers.keyby(lambda n: n % 3).map(Count, parallelism=2).sink(found.append, parallelism=1)
    env.submit()
    env.wait()
    return env, found


@pytest.mark.parametrize("seed", range(8))
def test_r1_state_is_exact_after_failures_at_any_point(
    make_kernel: MakeKernel, tmp_path: Path, seed: int
) -> None:
    """The last count of each key must be that of a run without failures."""
    kernel = make_kernel(seed)

    env, found = run_with_failures(kernel, tmp_path, (40, 90 + seed, 250))

    assert 300 < Count.passed < 300 + 3 * 40, "the failures hit, and no run began from zero"
    restored = env.status().get("checkpoints", {}).get("restored_epoch")
    assert isinstance(restored, int)
    assert restored > 1
    assert env.status()["state"] is JobState.FINISHED
    last = dict(sorted(found))
    assert last == {0: 100, 1: 100, 2: 100}
    # At least once: whatever the failures, no count is missing.
    assert set(Counter(found)) == {(key, count) for key in range(3) for count in range(1, 101)}


def test_r13_a_failing_job_has_one_history_too(make_kernel: MakeKernel, tmp_path: Path) -> None:
    """Recovery is where the rare faults are."""
    kernels = [make_kernel(5), make_kernel(5)]

    runs = [
        run_with_failures(kernel, tmp_path / str(number), (40, 90))[1]
        for number, kernel in enumerate(kernels)
    ]

    assert runs[0] == runs[1]
    assert world(kernels[0]).trace_hash == world(kernels[1]).trace_hash


class Down(SourceFunction[int]):
    """A source whose server is down."""

    starts: list[float]
    kernel: DefaultKernelFacade

    def open(self) -> None:
        Down.starts.append(world(Down.kernel).clock.now_s())
        raise ConnectionError("down")

    def execute(self) -> int:
        return 1


def test_r12_attempts_begin_at_exact_virtual_times(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """Hours of back-off are tested in no time, through the job itself."""
    Down.starts, Down.kernel = [], kernel
    env = LocalEnvironment("down", kernel=kernel)
    env.enable_checkpointing(1.0, tmp_path).set_restart_strategy(FixedDelay(3, 3600.0))
    env.from_source(Down).sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError):
        env.wait()

    assert Down.starts == [0.0, 3600.0, 7200.0, 10800.0]


class Slow(SourceFunction[int]):
    def execute(self) -> int:
        return 1


def test_checkpoints_are_taken_when_virtual_time_says_so(
    kernel: DefaultKernelFacade, tmp_path: Path
) -> None:
    """One a minute is sixty an hour; and one more is there for the asking."""
    env = LocalEnvironment("minutes", kernel=kernel)
    env.enable_checkpointing(60.0, tmp_path)
    env.from_source(Slow, delay=1.0).sink(lambda _: None)
    job_id = env.submit()

    with pytest.raises(WaitTimeoutError):
        env.wait(timeout_s=3601.0)
    hourly = env.status().get("checkpoints", {}).get("latest_epoch")
    asked = kernel.checkpoint_manager.trigger_checkpoint(job_id, timeout_s=5.0)

    assert hourly == 60
    assert asked.endswith("@61")
    assert env.cancel()
