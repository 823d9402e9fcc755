"""Full channels: whoever sends waits, and nothing is lost.

Layer: testing. Promises of `Capability.BACKGROUND_JOBS`.
"""

from __future__ import annotations

import threading
import time
from itertools import count

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, StopSignal


@promise(Capability.BACKGROUND_JOBS)
def a_slow_sink_slows_its_source_and_loses_nothing(bench: Workbench) -> None:
    """A full receiver makes the sender wait: memory stays bounded, and every record arrives."""
    total = 60_000
    go = threading.Event()
    read = count()
    position = [0]
    got: list[int] = []

    def ask() -> int | StopSignal:
        position[0] = number = next(read)
        return number if number < total else StopSignal()

    def take(record: int) -> None:
        if not got:
            go.wait(bench.wait_s)
        got.append(record)

    env = bench.environment()
    stream = env.from_source(ask).rebalance()
    # Steps of their own, so that there are channels between source and sink.
    merged = stream.map(lambda x: x).union(env.from_collection([]))
    merged.sink(take)
    job_id = env.submit()
    waiting = bench.until_still(lambda: position[0])
    go.set()
    bench.wait(job_id)

    expect(waiting < total, f"the source had read all {total} records before the sink took one")
    expect_equal(got, list(range(total)), "the records")


@promise(Capability.BACKGROUND_JOBS, Capability.PARALLELISM)
def a_waiting_branch_does_not_lose_for_the_other(bench: Workbench) -> None:
    """Between parallel steps with full channels, no record is lost or doubled."""
    env = bench.environment()
    got: list[int] = []
    stream = env.from_collection(range(20_000)).map(abs, parallelism=2)
    slow = stream.map(abs, parallelism=3)

    def take(record: int) -> None:
        if len(got) % 5_000 == 0:
            time.sleep(0.01)
        got.append(record)

    slow.sink(take, parallelism=1)
    bench.finish(env)

    expect_equal(sorted(got), list(range(20_000)), "the records")
