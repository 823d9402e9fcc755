"""An asynchronous step on a kernel that knows `AsyncRunnable`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sage_kernel_api.core.policies import retry
from sage_kernel_api.runnable import AsyncOutcome

MakeStep = Callable[..., Any]


async def _wait_as_told(x: float) -> float:
    if x < 0:
        raise ValueError(x)
    await asyncio.sleep(x)
    return x


def test_nothing_is_emitted_and_nothing_waits_when_the_kernel_drains(step: MakeStep) -> None:
    """A lane that serves other steps as well must never be held up."""
    made = step(_wait_as_told, capacity=2, ordered=False)
    made.operator.open()
    made.operator.set_waker(lambda: None)
    given = 0
    while made.operator.room():
        made.operator.process(3.0 - given)
        given += 1

    assert given == 4
    assert made.host.now_s == 0.0
    assert made.operator.drain() == []

    made.host.pass_time(10.0)
    outcomes = made.operator.drain()
    made.operator.finish()
    made.operator.close()

    assert [outcome.results for outcome in outcomes] == [(2.0,), (3.0,), (1.0,), (0.0,)]
    assert made.sent == []


def test_drain_makes_room_and_the_waker_says_when(step: MakeStep) -> None:
    """A kernel sleeps until the bell rings: a missing ring is a job that hangs."""
    made = step(_wait_as_told, capacity=1)
    rings: list[float] = []
    made.operator.open()
    made.operator.set_waker(lambda: rings.append(made.host.now_s))
    made.operator.process(1.0)
    made.operator.process(2.0)
    assert not made.operator.room()

    made.host.pass_time(1.5)
    assert [outcome.record for outcome in made.operator.drain()] == [1.0]
    assert made.operator.room()
    assert made.operator.in_flight() == 1
    made.host.pass_time(2.0)
    assert [outcome.record for outcome in made.operator.drain()] == [2.0]
    made.operator.close()

    assert rings == [1.0, 3.0]


def test_many_results_of_one_moment_ring_once(step: MakeStep) -> None:
    """Waking a thread costs more than many a call."""
    made = step(_wait_as_told, capacity=100)
    rings: list[float] = []
    made.operator.open()
    made.operator.set_waker(lambda: rings.append(made.host.now_s))
    for _ in range(100):
        made.operator.process(1.0)
    made.host.pass_time(2.0)

    assert len(made.operator.drain()) == 100
    assert rings == [1.0]
    made.operator.close()


def test_a_failure_is_an_outcome_with_its_record_key_and_attempts(step: MakeStep) -> None:
    """The kernel applies the policy and counts: it must know what it counts."""
    made = step(_wait_as_told, on_error=retry(2, delay_s=0.1, then="dead_letter"))
    made.operator.open()
    made.operator.set_waker(lambda: None)
    made.context.key = "k"
    made.operator.process(-1.0)
    made.context.key = None
    made.operator.process(1.0, 3)
    made.host.pass_time(2.0)
    failed, good = made.operator.drain()
    made.operator.close()

    assert isinstance(failed.error, ValueError)
    assert (failed.record, failed.key, failed.results, failed.attempts) == (-1.0, "k", (), 3)
    assert good == AsyncOutcome(1.0, None, 3, (1.0,), None, 1)


def test_the_waker_is_silent_after_close(step: MakeStep) -> None:
    """A ring for a lane that is gone would be a crash in somebody else's thread."""
    made = step(_wait_as_told)
    rings: list[int] = []
    made.operator.open()
    made.operator.set_waker(lambda: rings.append(1))
    made.operator.process(1.0)
    made.host.pass_time(0.5)
    made.operator.close()
    made.host.pass_time(2.0)

    assert rings == []
