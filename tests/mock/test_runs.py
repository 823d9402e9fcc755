"""Whole pipelines, inline."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_kernel_api import LocalEnvironment, SinkFunction, SourceFunction, StopSignal
from sage_kernel_api.core.policies import retry
from sage_kernel_api.errors import (
    CapabilityError,
    JobFailedError,
    JobNotFoundError,
    JobStateError,
    PipelineError,
    StepError,
)
from sage_kernel_api.values import DeadLetter, JobId, JobState, JobStatus
from sage_kernel_mock import MockKernelFacade, MockOptions
from tests.helpers import in_thread


def run(build: Callable[[LocalEnvironment], object], kernel: MockKernelFacade) -> JobStatus:
    env = LocalEnvironment("job", kernel=kernel)
    build(env)
    return kernel.job_manager.get_job_status(env.submit())


def assert_balanced(status: JobStatus) -> None:
    for edge in status["edges"]:
        settled = edge["consumed"] + edge["dropped"] + edge["dead_lettered"]
        assert edge["produced"] == settled + edge["in_flight"], edge


def test_a_record_leaves_the_job_before_the_next_one_enters(kernel: MockKernelFacade) -> None:
    """The order of effects is the one that a reader of the pipeline expects."""
    seen: list[tuple[str, int]] = []

    def build(env: LocalEnvironment) -> None:
        numbers = env.from_collection([1, 2])
        numbers.sink(lambda x: seen.append(("left", x)))
        numbers.map(lambda x: x * 10).sink(lambda x: seen.append(("right", x)))

    run(build, kernel)

    assert sorted(seen[:2]) == [("left", 1), ("right", 10)]
    assert sorted(seen[2:]) == [("left", 2), ("right", 20)]


@pytest.mark.parametrize("parallelism", [1, 2, 4])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_keyed_records_keep_their_order_at_any_parallelism(
    parallelism: int, seed: int | None
) -> None:
    """A running count per key is wrong as soon as two records of a key swap."""
    kernel = MockKernelFacade(MockOptions(seed=seed))
    seen: defaultdict[int, list[int]] = defaultdict(list)

    def build(env: LocalEnvironment) -> None:
        env.from_collection(range(200)).keyby(lambda x: x % 7).map(
            lambda x: x, parallelism=parallelism
        ).sink(lambda x: seen[x % 7].append(x), parallelism=parallelism)

    status = run(build, kernel)

    assert {key: sorted(values) for key, values in seen.items()} == dict(seen)
    assert sum(map(len, seen.values())) == 200
    assert_balanced(status)


def test_one_seed_gives_one_order_and_others_give_others() -> None:
    """A failing interleaving must come back when it is asked for."""

    def order(seed: int) -> list[int]:
        seen: list[int] = []

        def build(env: LocalEnvironment) -> None:
            env.from_collection([0]).flatmap(lambda _: range(50)).map(
                lambda x: x, parallelism=4
            ).sink(seen.append)

        run(build, MockKernelFacade(MockOptions(seed=seed)))
        return seen

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(5)}) > 1


def test_a_loop_of_many_rounds_ends_when_it_is_dry(kernel: MockKernelFacade) -> None:
    """A loop that grew the stack would die at its thousandth round."""
    ended: list[int] = []

    def build(env: LocalEnvironment) -> None:
        again: Any = env.from_future("again")
        less = env.from_collection([20_000, 3]).union(again).map(lambda x: x - 1)
        less.filter(lambda x: x > 0).fill_future(again)
        less.filter(lambda x: x == 0).sink(ended.append)

    status = run(build, kernel)

    assert ended == [0, 0]
    assert_balanced(status)


def test_a_chain_deeper_than_the_recursion_limit_runs(kernel: MockKernelFacade) -> None:
    """Generated pipelines may have thousands of steps."""
    ended: list[int] = []

    def build(env: LocalEnvironment) -> None:
        stream = env.from_collection([0])
        for _ in range(2_000):
            stream = stream.map(lambda x: x + 1)
        stream.sink(ended.append)

    run(build, kernel)

    assert ended == [2_000]


def test_a_failure_names_step_record_and_line(kernel: MockKernelFacade) -> None:
    """Whoever debugs a pipeline looks at the message first."""
    passed: list[float] = []

    def build(env: LocalEnvironment) -> None:
        env.from_collection([1, 0, 2]).map(lambda x: 1 / x, name="divide").sink(passed.append)

    status = run(build, kernel)

    failure = status.get("exception")
    assert status["state"] is JobState.FAILED
    assert isinstance(failure, StepError)
    assert isinstance(failure.__cause__, ZeroDivisionError)
    assert (failure.step, failure.record) == ("divide", "0")
    assert failure.where is not None
    assert failure.where.split(":")[0] == __file__
    assert passed == [1.0]
    assert_balanced(status)
    assert [edge["in_flight"] for edge in status["edges"]] == [1, 0]


def test_policies_are_counted_and_nothing_is_lost(kernel: MockKernelFacade) -> None:
    """R5: every record is delivered, skipped by policy, or a dead letter."""
    letters: list[DeadLetter] = []
    good: list[float] = []

    def build(env: LocalEnvironment) -> None:
        numbers = env.from_collection([1, 0, 2])
        numbers.map(lambda x: 1 / x, on_error="skip", name="skips").sink(good.append)
        divided = numbers.map(
            lambda x: 1 / x, on_error=retry(2, delay_s=1, then="dead_letter"), name="letters"
        )
        divided.dead_letters().sink(letters.append)

    status = run(build, kernel)

    assert good == [1.0, 0.5]
    assert [(letter.value, letter.step, letter.attempts) for letter in letters] == [
        (0, "letters", 3)
    ]
    assert status["steps"]["skips"]["skipped"] == 1
    assert status["steps"]["letters"]["dead_lettered"] == 1
    assert status["steps"]["letters"]["retries"] == 2
    assert kernel.clock.now_s == 3
    assert_balanced(status)


class Idle(SourceFunction[int]):
    def __init__(self, quiet: int) -> None:
        super().__init__()
        self.quiet = quiet

    def execute(self) -> int | StopSignal | None:
        self.quiet -= 1
        return StopSignal("done") if self.quiet < 0 else None


def test_an_idle_source_takes_time_of_the_manual_clock_only(kernel: MockKernelFacade) -> None:
    """Tests of polling sources must not sleep."""
    status = run(lambda env: env.from_source(Idle, 50).sink(print), kernel)

    assert status["state"] is JobState.FINISHED
    assert kernel.clock.now_s > 0


def test_a_source_that_is_idle_for_ever_fails_the_job() -> None:
    """A hanging test tells nothing."""
    kernel = MockKernelFacade(MockOptions(idle_limit=20))

    status = run(lambda env: env.from_source(Idle, 10**9).sink(print), kernel)

    assert isinstance(status.get("exception"), CapabilityError)
    assert "unbounded-sources" in str(status.get("exception"))


def test_a_function_may_cancel_its_own_job(kernel: MockKernelFacade) -> None:
    """Cancelling ends a job between two records, and closes everything."""
    seen: list[int] = []

    def build(env: LocalEnvironment) -> None:
        def look(x: int) -> None:
            seen.append(x)
            if x == 3:
                assert kernel.job_manager.cancel_job(JobId("job-1")) is True
                with pytest.raises(JobStateError, match="wait for itself"):
                    kernel.job_manager.wait_job(JobId("job-1"))
                with pytest.raises(JobStateError, match="cancel it before"):
                    kernel.job_manager.delete_job(JobId("job-1"))

        env.from_collection(range(100)).sink(look)

    status = run(build, kernel)

    assert (seen, status["state"]) == ([0, 1, 2, 3], JobState.CANCELLED)
    assert kernel.job_manager.cancel_job(JobId("job-1")) is False
    assert_balanced(status)


def test_another_thread_can_cancel_a_running_job(kernel: MockKernelFacade) -> None:
    """The contract lets any thread use the job manager."""
    began = threading.Event()

    class UntilStopped(SinkFunction[int]):
        def execute(self, data: int) -> None:
            began.set()
            while not self.ctx.should_stop():
                pass

    def cancel() -> bool:
        assert began.wait(30)
        return kernel.job_manager.cancel_job(JobId("job-1"))

    with in_thread(cancel) as canceller:
        status = run(lambda env: env.from_collection(range(10)).sink(UntilStopped), kernel)

    assert (canceller.result, status["state"]) == (True, JobState.CANCELLED)


def test_ctrl_c_ends_the_job_and_reaches_the_program(kernel: MockKernelFacade) -> None:
    """The person at the keyboard wants the program to end, not one record to fail."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lambda env: env.from_collection([1]).sink(interrupt), kernel)

    assert [job["state"] for job in kernel.job_manager.list_jobs()] == [JobState.CANCELLED]


def test_what_the_mock_lacks_is_refused_before_anything_runs(kernel: MockKernelFacade) -> None:
    """A job that needs more than the mock has must not half run."""
    config: Any = {"version": 1, "name": "x", "config": {}, "services": [], "transformations": [1]}

    with pytest.raises(PipelineError):
        kernel.job_manager.submit_job(config)

    assert kernel.job_manager.list_jobs() == []
    with pytest.raises(JobNotFoundError, match="no job 'x'"):
        kernel.job_manager.get_job_status(JobId("x"))


def test_every_opened_step_is_closed_also_when_open_fails() -> None:
    """R10: what open() took, close() gives back."""
    did: list[str] = []

    class Fails(SinkFunction[int]):
        def open(self) -> None:
            did.append("open")
            raise OSError("disk")

        def execute(self, data: int) -> None: ...

        def close(self) -> None:
            did.append("close")

    env = LocalEnvironment("x", kernel="mock")
    env.from_collection([1]).sink(Fails)

    with pytest.raises(JobFailedError, match="in open"):
        env.submit(autostop=True)

    assert did == ["open", "close"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_graphs_deliver_exactly_what_a_sequential_reference_does(
    data: st.DataObject,
) -> None:
    """Fan-out, fan-in, keys, parallelism and any order: no record lost, none twice."""
    kernel = MockKernelFacade(MockOptions(seed=data.draw(st.none() | st.integers(0, 99))))
    items = data.draw(st.lists(st.integers(0, 20), max_size=12))
    env = LocalEnvironment("random", kernel=kernel)
    streams: list[Any] = [env.from_collection(items)]
    expected: list[Counter[int]] = [Counter(items)]
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(streams) - 1))
        parallelism = data.draw(st.integers(1, 3))
        match data.draw(st.sampled_from(["map", "filter", "keyed", "union"])):
            case "map":
                streams.append(streams[at].map(lambda x: x + 1, parallelism=parallelism))
                expected.append(Counter({x + 1: n for x, n in expected[at].items()}))
            case "filter":
                streams.append(streams[at].filter(lambda x: x % 2 == 0, parallelism=parallelism))
                expected.append(Counter({x: n for x, n in expected[at].items() if x % 2 == 0}))
            case "keyed":
                keyed = streams[at].keyby(lambda x: x % 3)
                streams.append(keyed.map(lambda x: x, parallelism=parallelism))
                expected.append(Counter(expected[at]))
            case _:
                other = data.draw(st.integers(0, len(streams) - 1))
                if other != at:
                    streams.append(streams[at].union(streams[other]))
                    expected.append(expected[at] + expected[other])
    results: list[list[int]] = [[] for _ in streams]
    for stream, result in zip(streams, results, strict=True):
        stream.sink(result.append)

    env.submit(autostop=True)

    assert [Counter(result) for result in results] == expected
    assert_balanced(kernel.job_manager.list_jobs()[0])
