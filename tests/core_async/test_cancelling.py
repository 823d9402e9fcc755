"""Cancelling a job whose asynchronous calls hang."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from sage_kernel_api import JobCancelledError, LocalEnvironment
from sage_kernel_api.values import JobState
from tests.helpers import no_leaks


@pytest.mark.parametrize("capacity", [1, 100])
def test_a_job_whose_calls_hang_is_cancelled_in_time(capacity: int) -> None:
    """Nobody waits an hour for a language model that went away (R11)."""
    is_called, cancelled = threading.Event(), []

    async def hangs(x: int) -> int:
        is_called.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(x)
            raise
        return x

    with no_leaks(), LocalEnvironment(kernel="default") as env:
        results: list[int] = []
        env.from_collection(range(50)).map_async(hangs, capacity=capacity).sink(results.append)
        env.submit()
        assert is_called.wait(30)
        begun = time.monotonic()
        env.cancel()
        with pytest.raises(JobCancelledError):
            env.wait(30)
        took_s = time.monotonic() - begun
        assert env.status()["state"] is JobState.CANCELLED

    assert took_s < 2.0
    assert 0 in cancelled
    assert results == []
