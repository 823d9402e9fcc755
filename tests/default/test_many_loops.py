"""More different loops than are kept, compiled by many jobs at once."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.errors import JobFailedError, StepError

MORE_THAN_ARE_KEPT = 300


@pytest.fixture
def frequent_turns() -> Iterator[None]:
    """Let the threads take turns as often as the interpreter can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def results_of(pattern: int) -> list[int]:
    """Run a pipeline whose loop no other *pattern* has: each bit is a step."""
    found: list[int] = []
    env = LocalEnvironment(f"pattern-{pattern}", kernel="default")
    stream = env.from_collection(range(3))
    for bit in range(9):
        stream = stream.map(abs) if pattern >> bit & 1 else stream.filter(lambda data: data >= 0)
    stream.sink(found.append)
    env.submit(autostop=True)
    return found


@pytest.mark.usefixtures("frequent_turns")
def test_jobs_that_compile_at_the_same_time_do_not_disturb_each_other() -> None:
    """A job that fails now and then, because another one starts, is a fault nobody finds."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(results_of, range(MORE_THAN_ARE_KEPT)))

    assert results == [[0, 1, 2]] * MORE_THAN_ARE_KEPT


def test_a_loop_in_use_keeps_its_lines_in_tracebacks() -> None:
    """Without its lines, the loop of a program that runs for weeks could not be debugged."""

    def failing_line() -> str:
        env = LocalEnvironment("fails", kernel="default")
        env.from_collection([0]).map(lambda data: 1 // data, name="divide").sink(print)
        with pytest.raises(JobFailedError):
            env.submit(autostop=True)
        failure = env.status().get("exception")
        assert isinstance(failure, StepError)
        assert failure.__cause__ is not None
        loop = [
            frame
            for frame in traceback.extract_tb(failure.__cause__.__traceback__)
            if frame.filename.startswith("<sage-kernel loop ")
        ]
        assert len(loop) == 1
        return loop[0].line or ""

    before = failing_line()
    kept = len(linecache.cache)
    for pattern in range(MORE_THAN_ARE_KEPT):
        results_of(pattern)
        if pattern % 100 == 0:
            assert failing_line() == before != ""

    assert failing_line() == before
    assert len(linecache.cache) < kept + MORE_THAN_ARE_KEPT
