"""Several threads around one simulation: one runs the world, the others look on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sage_kernel_api import LocalEnvironment, SinkFunction
from sage_kernel_api.errors import LeakedTaskError, WaitTimeoutError
from sage_kernel_api.values import JobState, StopSignal
from sage_kernel_default import DefaultKernelFacade
from tests.default_simulated.conftest import simulated
from tests.helpers import in_thread


@pytest.fixture
def kernel() -> Iterator[DefaultKernelFacade]:
    """A simulation beside which a test may start threads."""
    made = DefaultKernelFacade(simulated())
    yield made
    made.shutdown()


def held(kernel: DefaultKernelFacade, release: threading.Event) -> LocalEnvironment:
    """Return a submitted job that ends when it is released."""
    env = LocalEnvironment("held", kernel=kernel)
    env.from_source(lambda: StopSignal() if release.is_set() else None).sink(lambda _: None)
    env.submit()
    return env


def test_two_threads_may_wait_for_one_job(kernel: DefaultKernelFacade) -> None:
    """What works on threads must work in their simulation."""
    release = threading.Event()
    env = held(kernel, release)

    with in_thread(env.wait) as first, in_thread(env.wait) as second:
        release.set()

    assert first.result["state"] is second.result["state"] is JobState.FINISHED


def test_who_looks_on_keeps_its_time_out(kernel: DefaultKernelFacade) -> None:
    """A time-out must not wait for somebody else's wait to end."""
    release = threading.Event()
    env = held(kernel, release)

    with in_thread(env.wait) as waiting:
        with pytest.raises(WaitTimeoutError):
            env.wait(timeout_s=0.02)
        release.set()

    assert waiting.result["state"] is JobState.FINISHED


class Hangs(SinkFunction[int]):
    def __init__(self, inside: threading.Event, release: threading.Event) -> None:
        super().__init__()
        self.inside = inside
        self.release = release

    def execute(self, data: int) -> None:
        self.inside.set()
        self.release.wait()


def test_a_job_is_cancelled_although_another_thread_hangs_in_it(
    kernel: DefaultKernelFacade,
) -> None:
    """Cancelling takes a bounded time, and names who does not return."""
    inside, release = threading.Event(), threading.Event()
    env = LocalEnvironment("hangs", kernel=kernel)
    env.from_collection([1]).sink(Hangs, inside, release, name="stuck")
    env.submit()

    with in_thread(lambda: kernel.clock.advance(0.001)):
        inside.wait()
        try:
            with pytest.raises(LeakedTaskError, match="stuck"):
                env.cancel()
        finally:
            release.set()

    assert env.status()["state"] is JobState.CANCELLED


def test_other_jobs_go_on_while_a_function_hangs(kernel: DefaultKernelFacade) -> None:
    """One function that waits for the test must not make the test wait for it."""
    inside, release = threading.Event(), threading.Event()
    hanging = LocalEnvironment("hangs", kernel=kernel)
    hanging.from_collection([1]).sink(Hangs, inside, release)
    hanging.submit()

    with in_thread(hanging.wait) as waiting:
        inside.wait()
        found: list[int] = []
        env = LocalEnvironment("other", kernel=kernel)
        env.from_collection([1, 2]).sink(found.append)
        env.submit()
        env.wait()
        release.set()

    assert found == [1, 2]
    assert waiting.result["state"] is JobState.FINISHED
