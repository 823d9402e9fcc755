"""``default?driver=sim&seed=N``: the real engine on one thread, in a seeded order."""

from __future__ import annotations

from collections import Counter

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction, SourceFunction, StopSignal, retry
from sage_kernel_api.errors import (
    CapabilityError,
    ConfigurationError,
    JobCancelledError,
    JobFailedError,
    JobStateError,
    WaitTimeoutError,
)
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.values import Capability, JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions, SimulatedDriver
from tests.default_simulated.conftest import MakeKernel
from tests.helpers import printed_under_two_hash_seeds


def world(kernel: DefaultKernelFacade) -> SimulatedDriver:
    """Return the simulation of *kernel*."""
    assert kernel.simulation is not None
    return kernel.simulation


def run_spread(kernel: DefaultKernelFacade) -> list[int]:
    """Run a job with several tasks, full channels and a keyed exchange."""
    found: list[int] = []
    env = LocalEnvironment("spread", kernel=kernel)
    numbers = env.from_collection(range(200)).map(lambda n: n + 1, parallelism=3)
    keyed = numbers.keyby(lambda n: n % 5).map(lambda n: n, parallelism=2)
    keyed.sink(found.append)
    env.submit()
    env.wait()
    return found


def test_r13_one_seed_has_one_history(make_kernel: MakeKernel) -> None:
    """A failure that cannot be run again cannot be understood."""
    first, second = make_kernel(42), make_kernel(42)

    results = run_spread(first), run_spread(second)

    assert results[0] == results[1]
    assert world(first).trace_hash == world(second).trace_hash
    assert list(world(first).trace) == list(world(second).trace)


def test_r13_seeds_differ_in_order_and_not_in_results(make_kernel: MakeKernel) -> None:
    """A simulation that knows one order only would find nothing."""
    kernels = [make_kernel(seed) for seed in range(10)]

    orders = [run_spread(kernel) for kernel in kernels]

    assert len({world(kernel).trace_hash for kernel in kernels}) == 10
    assert len({tuple(order) for order in orders}) > 1
    assert all(Counter(order) == Counter(range(1, 201)) for order in orders)


def test_r13_the_history_does_not_depend_on_the_process() -> None:
    """A seed from the nightly run must fail at the developer's desk too."""
    program = (
        "from sage_kernel_default import DefaultKernelFacade as K, DefaultOptions as O\n"
        "from tests.default_simulated.test_simulation import run_spread\n"
        "k = K(O(driver='sim', seed=7, channel_capacity=8)); run_spread(k)\n"
        "print(k.simulation.trace_hash)"
    )

    hashes = printed_under_two_hash_seeds(program)

    assert len(hashes) == 1
    assert len(hashes.pop()) == 64


def test_submit_returns_at_once_and_waiting_runs_the_world(kernel: DefaultKernelFacade) -> None:
    """Between the two a test may look, pause, or add another job."""
    found: list[int] = []
    env = LocalEnvironment("slow", kernel=kernel)
    env.from_collection(range(3)).sink(found.append)

    env.submit()
    before = list(found)
    status = env.wait()

    assert before == []
    assert found == [0, 1, 2]
    assert status["state"] is JobState.FINISHED
    assert [task["lane"] for task in kernel.task_manager.list_tasks(status["job_id"])] == [
        "simulated"
    ]


class Hourly(SourceFunction[int]):
    closed = 0

    def execute(self) -> int:
        return 1

    def close(self) -> None:
        type(self).closed += 1


def test_an_idle_hour_takes_no_time(kernel: DefaultKernelFacade) -> None:
    """Timers are tested without waiting for them."""
    found: list[int] = []
    env = LocalEnvironment("hourly", kernel=kernel)
    env.from_source(Hourly, delay=3600.0).sink(found.append)
    env.submit()

    with pytest.raises(WaitTimeoutError):
        env.wait(timeout_s=10 * 3600.0 - 1)

    assert len(found) == 10
    assert world(kernel).clock.now_s() == 10 * 3600.0 - 1


def test_cancelling_runs_the_world_until_all_is_closed(kernel: DefaultKernelFacade) -> None:
    """Nothing moves by itself, so the cancelling thread must see to it."""
    Hourly.closed = 0
    env = LocalEnvironment("endless", kernel=kernel)
    env.from_source(Hourly).rebalance().map(lambda n: n, parallelism=2).sink(lambda _: None)
    env.submit()
    with pytest.raises(WaitTimeoutError):
        env.wait(timeout_s=0.001)

    assert env.cancel()

    assert Hourly.closed == 1
    with pytest.raises(JobCancelledError):
        env.wait()


def test_a_paused_job_stands_still_and_goes_on(kernel: DefaultKernelFacade) -> None:
    """Waiting for a job that nobody can resume would never return."""
    found: list[int] = []
    env = LocalEnvironment("paused", kernel=kernel)
    env.from_collection(range(5)).sink(found.append)
    env.submit()
    env.jobmanager.pause_job(env.uuid or "")

    with pytest.raises(WaitTimeoutError):
        env.wait(timeout_s=100.0)
    with pytest.raises(JobStateError, match="resumed"):
        env.wait()
    assert found == []
    env.jobmanager.resume_job(env.uuid or "")
    env.wait()

    assert found == [0, 1, 2, 3, 4]


def test_two_jobs_share_one_world(kernel: DefaultKernelFacade) -> None:
    """Waiting for one lets the other go on, as on threads."""
    found: list[str] = []
    jobs = []
    for name in "ab":
        env = LocalEnvironment(name, kernel=kernel)
        env.from_collection(range(50)).rebalance().map(lambda n: n, parallelism=2).sink(
            lambda _, name=name: found.append(name)  # type: ignore[misc]  # mypy: lambda default
        )
        env.submit()
        jobs.append(env)

    jobs[0].wait()
    jobs[1].wait()

    assert Counter(found) == {"a": 50, "b": 50}
    assert "ab" in "".join(found)
    assert "ba" in "".join(found)


def test_a_failing_record_fails_the_job_as_on_threads(kernel: DefaultKernelFacade) -> None:
    """The simulation is for finding faults, so it must show them."""
    env = LocalEnvironment("failing", kernel=kernel)
    env.from_collection([1, 0]).map(lambda n: 1 // n, name="invert").sink(lambda _: None)
    env.submit()

    with pytest.raises(JobFailedError, match="'invert'") as caught:
        env.wait()

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class Flaky(MapFunction[int, int]):
    left = 3

    def execute(self, data: int) -> int:
        self.left -= 1
        if self.left >= 0:
            raise OSError(data)
        return data


def test_retries_wait_in_virtual_time(kernel: DefaultKernelFacade) -> None:
    """Back-off of minutes must be testable."""
    found: list[int] = []
    env = LocalEnvironment("flaky", kernel=kernel)
    env.from_collection([5]).map(Flaky, on_error=retry(3, delay_s=60.0)).sink(found.append)
    env.submit()
    env.wait()

    assert found == [5]
    assert world(kernel).clock.now_s() == 60.0 + 120.0 + 240.0


class Curious(MapFunction[int, int]):
    env: LocalEnvironment
    error: Exception | None = None

    def execute(self, data: int) -> int:
        try:
            self.env.wait()
        except JobStateError as error:
            type(self).error = error
        return data


def test_waiting_inside_of_the_simulation_is_refused(kernel: DefaultKernelFacade) -> None:
    """The one thread would wait for itself."""
    env = Curious.env = LocalEnvironment("curious", kernel=kernel)
    env.from_collection([1]).map(Curious).sink(lambda _: None)
    env.submit()
    env.wait()

    assert "inside of the simulation" in str(Curious.error)


class Countdown(SourceFunction[int]):
    left = 3

    def execute(self) -> int | StopSignal | None:
        self.left -= 1
        return None if self.left > 0 else StopSignal("done")


def test_a_source_that_has_nothing_now_is_asked_again(kernel: DefaultKernelFacade) -> None:
    """Idle is not the end."""
    env = LocalEnvironment("countdown", kernel=kernel)
    env.from_source(Countdown).sink(lambda _: None)
    env.submit()

    assert env.wait()["state"] is JobState.FINISHED


def test_what_needs_a_loop_or_a_process_is_refused_before_anything_runs(
    kernel: DefaultKernelFacade,
) -> None:
    """A half simulated job would differ from run to run."""

    async def call(n: int) -> int:
        return n

    env = LocalEnvironment("async", kernel=kernel)
    env.from_collection([1]).map_async(call, name="ask").sink(print)
    away = LocalEnvironment("away", kernel=kernel)
    away.from_collection([1]).map(str, name="heavy").set_placement("process").sink(print)

    with pytest.raises(CapabilityError, match=r"'ask' needs 'async-map'"):
        env.submit()
    with pytest.raises(CapabilityError, match=r"heavy.*process-lanes"):
        away.submit()
    assert Capability.ASYNC_MAP not in kernel.capabilities
    assert kernel.job_manager.list_jobs() == []


def test_options_that_exclude_each_other_are_refused() -> None:
    """An option that is silently ignored would be believed."""
    with pytest.raises(ConfigurationError, match="exclude each other"):
        DefaultKernelFacade(DefaultOptions(driver="sim", lanes="process"))


def test_the_spec_string_selects_the_simulation() -> None:
    """So that a program need not change to be simulated."""
    kernel = resolve_kernel("default?driver=sim&seed=42")

    assert isinstance(kernel, DefaultKernelFacade)
    assert world(kernel).seed == 42
    assert DefaultKernelFacade().simulation is None
