"""Sources without an end.

Layer: testing. Promises of `Capability.UNBOUNDED_SOURCES`.
"""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Any

from sage_kernel_api.core.streams import DataStream
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.UNBOUNDED_SOURCES)
def an_endless_source_gives_records_until_cancelled(bench: Workbench) -> None:
    """A source that never ends by itself feeds the job for as long as it lives."""
    numbers = count()
    env = bench.environment()

    got = env.from_source(lambda: next(numbers)).take(500)

    expect_equal(got, list(range(500)), "the first records")


@promise(Capability.UNBOUNDED_SOURCES)
def a_source_may_be_idle_for_long(bench: Workbench) -> None:
    """A source that has had nothing for thousands of looks is still asked, and heard."""
    answers: list[int] = []
    got = threading.Event()
    env = bench.environment()
    env.from_source(lambda: answers.pop() if answers else None).sink(lambda record: got.set())
    job_id = env.submit()
    time.sleep(0.05)
    answers.append(1)

    bench.await_event(got, "the record of the source that was idle")
    bench.jobs.cancel_job(job_id)


@promise(Capability.UNBOUNDED_SOURCES)
def a_bounded_source_is_not_held_up_by_an_endless_one(bench: Workbench) -> None:
    """The records of one source arrive while another one has nothing."""
    env = bench.environment()
    idle: DataStream[Any] = env.from_source(lambda: None, name="idle")

    got = idle.union(env.from_collection(range(10))).map(lambda x: x).take(10)

    expect_equal(got, list(range(10)), "the records")
