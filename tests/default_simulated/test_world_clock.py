"""Moving the time of a simulation, and the world with it."""

from __future__ import annotations

from itertools import count

import pytest

from sage_kernel_api import LocalEnvironment, SinkFunction
from sage_kernel_api.errors import ConfigurationError, ServiceTimeoutError
from sage_kernel_api.testing import HasManualTime
from sage_kernel_api.testing.script import PAUSE, scripted_source
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade


def test_only_a_simulation_has_a_clock_to_move(kernel: DefaultKernelFacade) -> None:
    """The kit, which moves such clocks, would wait for a time that is the machine's."""
    assert isinstance(kernel, HasManualTime)
    assert not isinstance(DefaultKernelFacade(), HasManualTime)


def test_what_is_due_happens_as_time_passes(kernel: DefaultKernelFacade) -> None:
    """A test of a slow pipeline looks at it between its records."""
    found: list[int] = []
    env = LocalEnvironment("hourly", kernel=kernel)
    scripted_source(env, 1, PAUSE(3600), 2, PAUSE(3600), 3).sink(found.append)
    env.submit()

    seen = [kernel.clock.advance(seconds) and list(found) for seconds in (1.0, 3599.0, 3600.0)]

    assert seen == [[1], [1, 2], [1, 2, 3]]
    assert kernel.clock.now_s == 7200.0
    assert env.status()["state"] is JobState.FINISHED


def test_time_passes_although_a_job_never_idles(kernel: DefaultKernelFacade) -> None:
    """A test that moves the clock must come back, at the moment that it asked for."""
    numbers = count()
    env = LocalEnvironment("busy", kernel=kernel)
    env.from_source(lambda: next(numbers)).sink(lambda _: None)
    env.submit()

    assert kernel.clock.advance(0.0005) == 0.0005
    assert kernel.clock.advance(0.0005) == 0.001
    assert next(numbers) > 0
    env.cancel()


def test_long_waits_pass_although_a_job_is_paused(kernel: DefaultKernelFacade) -> None:
    """Nothing moves, which is no reason to refuse."""
    env = LocalEnvironment("paused", kernel=kernel)
    env.from_source(lambda: None).sink(lambda _: None)
    env.submit()
    env.jobmanager.pause_job(env.uuid or "")

    assert kernel.clock.advance(86_400.0) == 86_400.0
    assert env.status()["state"] is JobState.PAUSED
    env.cancel()


class Slow(SinkFunction[int]):
    kernel: DefaultKernelFacade

    def execute(self, data: int) -> None:
        self.kernel.clock.advance(10.0)


def test_a_function_may_take_virtual_time(kernel: DefaultKernelFacade) -> None:
    """Slow steps are part of what simulations are for."""
    Slow.kernel = kernel
    env = LocalEnvironment("slow", kernel=kernel)
    env.from_collection([1, 2, 3]).sink(Slow)
    env.submit()
    env.wait()

    assert kernel.clock.now_s == 30.0


def test_a_service_that_takes_too_long_misses_its_deadline(kernel: DefaultKernelFacade) -> None:
    """What times out in production must time out in its simulation."""

    class Service:
        def answer(self, seconds: float) -> str:
            kernel.clock.advance(seconds)
            return "here"

    kernel.service_manager.register_service("slow", Service)
    services = kernel.create_runtime_context({}).services

    in_time = services.call("slow", "answer", (1.0,), timeout_s=1.0)
    late = services.call("slow", "answer", (1.1,), timeout_s=1.0)

    assert in_time.result(0) == "here"
    with pytest.raises(ServiceTimeoutError, match=r"slow\.answer\(\) did not answer within 1 s"):
        late.result(0)


def test_some_records_of_an_endless_stream_can_be_taken(kernel: DefaultKernelFacade) -> None:
    """`take` would wait for ever: a simulated job moves only while somebody waits for it."""
    numbers = count()
    env = LocalEnvironment("endless", kernel=kernel)

    assert env.from_source(lambda: next(numbers)).take(5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_time_does_not_go_back(kernel: DefaultKernelFacade, seconds: float) -> None:
    """A test that computes a wrong time must learn it."""
    with pytest.raises(ConfigurationError, match="go back"):
        kernel.clock.advance(seconds)

    assert kernel.clock.now_s == 0.0
