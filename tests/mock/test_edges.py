"""What happens rarely: failures while closing, jobs seen from other threads, offered services."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, MapFunction, SinkFunction
from sage_kernel_api.errors import (
    JobFailedError,
    LeakedTaskError,
    ServiceNotFoundError,
    ServiceStateError,
    WaitTimeoutError,
)
from sage_kernel_api.values import JobId, JobState
from sage_kernel_mock import MockKernelFacade, MockServiceContext, StepHarness
from tests.helpers import in_thread


class Greeter:
    """A service with a context."""

    def __init__(self, word: str) -> None:
        self.word = word

    def set_context(self, context: MockServiceContext) -> None:
        self.context = context

    def greet(self, name: str) -> str:
        assert not self.context.should_stop()
        return f"{self.word} {name} from {self.context.service_name} of {self.context.env_name}"


class Greet(MapFunction[str, str]):
    def execute(self, data: str) -> str:
        greeting: str = self.call_service("greeter", "greet", data)
        return greeting


def test_a_service_that_is_offered_serves_each_job_unless_it_has_its_own(
    kernel: MockKernelFacade,
) -> None:
    """Platforms offer services; a job that brings its own means that one."""
    manager = kernel.job_manager
    manager.register_service_factory(
        "greeter", {"name": "greeter", "factory": Greeter, "args": ("hello",)}
    )
    with pytest.raises(ServiceStateError, match="registered already"):
        manager.register_service_factory("greeter", {"name": "greeter", "factory": Greeter})

    first = LocalEnvironment("first", kernel=kernel)
    own = LocalEnvironment("own", kernel=kernel)
    own.register_service("greeter", Greeter, "ciao")
    greetings = [
        env.from_collection(["ann"]).map(Greet).execute_and_collect() for env in (first, own)
    ]

    assert greetings == [
        ["hello ann from greeter of first"],
        ["ciao ann from greeter of own"],
    ]
    with pytest.raises(ServiceNotFoundError, match=r"No service is named 'x'"):
        kernel.service_manager.stop_service("x")


def test_methods_of_scripted_and_real_services_are_known(kernel: MockKernelFacade) -> None:
    """The three forms of a call are told apart by what a service can do."""
    kernel.service_manager.register_service("greeter", Greeter, "hello")
    kernel.services.answer("greeter.wave", None)

    assert kernel.create_runtime_context({}).services.methods("greeter") == {"greet", "wave"}


def test_ended_jobs_are_forgotten_on_request(kernel: MockKernelFacade) -> None:
    """A kernel that lives long must not keep every job."""
    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).sink(lambda x: None)
    job_id = env.submit()

    assert kernel.job_manager.wait_job(job_id)["state"] is JobState.FINISHED
    assert kernel.job_manager.delete_job(job_id) is True
    assert kernel.job_manager.list_jobs() == []


def test_a_function_that_does_not_return_is_reported(
    kernel: MockKernelFacade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: cancelling has a limit, and so has waiting."""
    monkeypatch.setattr("sage_kernel_mock.jobs._CANCEL_S", 0.0)
    began, may_end = threading.Event(), threading.Event()

    class Stuck(SinkFunction[int]):
        def execute(self, data: int) -> None:
            began.set()
            assert may_end.wait(30)

    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).sink(Stuck)

    with in_thread(env.submit):
        assert began.wait(30)
        with pytest.raises(WaitTimeoutError):
            kernel.job_manager.wait_job(JobId("job-1"), 0)
        with pytest.raises(LeakedTaskError, match="did not return"):
            kernel.job_manager.cancel_job(JobId("job-1"))
        may_end.set()

    assert kernel.job_manager.wait_job(JobId("job-1"))["state"] is JobState.CANCELLED


def test_failures_while_closing_are_told_with_the_first_one(kernel: MockKernelFacade) -> None:
    """R5: none of them may be swallowed."""

    class BadService:
        def start(self) -> None: ...

        def stop(self) -> None:
            raise OSError("port")

    kernel.faults.fail("close", "one")
    kernel.faults.fail("close", "two")
    env = LocalEnvironment("job", kernel=kernel)
    env.register_service("port", BadService)
    numbers = env.from_collection([1])
    numbers.map(lambda x: x, name="one").sink(lambda x: None, name="two")

    with pytest.raises(JobFailedError) as closing:
        env.submit(autostop=True)

    kernel.faults.fail("close", "one")
    failing = LocalEnvironment("failing", kernel=kernel)
    failing.from_collection([1]).map(lambda x: 1 // (x - 1), name="one").sink(print)
    status = kernel.job_manager.get_job_status(failing.submit())

    job = kernel.job_manager.list_jobs()[0].get("exception")
    assert "one" in str(closing.value)
    assert job is not None
    assert ["two" in job.__notes__[0], "service port" in job.__notes__[1]] == [True, True]
    failure = status.get("exception")
    assert failure is not None
    assert "on record 1" in str(failure)
    assert "in close" in failure.__notes__[0]


def test_a_service_whose_cleanup_fails_too_tells_both(kernel: MockKernelFacade) -> None:
    """The first failure is the cause; the second one matters as well."""

    class Bad:
        def start(self) -> None:
            raise OSError("port")

        def cleanup(self) -> None:
            raise ValueError("file")

    kernel.service_manager.register_service("bad", Bad)

    with pytest.raises(OSError, match="port") as caught:
        kernel.service_manager.start_service("bad")

    assert caught.value.__notes__ == ["its cleanup() then raised ValueError('file')"]


@pytest.mark.parametrize("where", ["open", "call"])
def test_ctrl_c_ends_the_job_wherever_it_comes(kernel: MockKernelFacade, where: str) -> None:
    """The person at the keyboard wants the program to end."""

    class Interrupted(SinkFunction[int]):
        def open(self) -> None:
            if where == "open":
                raise KeyboardInterrupt

        def execute(self, data: int) -> None:
            raise KeyboardInterrupt

    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).sink(Interrupted)

    with pytest.raises(KeyboardInterrupt):
        env.submit()
    with pytest.raises(KeyboardInterrupt):
        StepHarness(Interrupted).push(1)


def test_an_asynchronous_call_that_wants_to_exit_fails_the_job(kernel: MockKernelFacade) -> None:
    """No policy covers it, or a program could not end."""

    async def leave(x: int) -> int:
        raise SystemExit(3)

    env = LocalEnvironment("job", kernel=kernel)
    stream = env.from_collection([1]).map_async(leave, on_error="skip")

    with pytest.raises(JobFailedError) as caught:
        stream.execute_and_collect()

    assert isinstance(caught.value.__cause__, SystemExit)


def test_custom_and_broadcast_routing_reach_the_chosen_instances(
    kernel: MockKernelFacade,
) -> None:
    """Both ways beside keys in which users decide who gets a record."""
    env = LocalEnvironment("job", kernel=kernel)
    numbers = env.from_collection([0, 1, 2])
    where: list[tuple[str, int, int]] = []

    class Look(SinkFunction[int]):
        def __init__(self, how: str) -> None:
            self.how = how

        def execute(self, data: int) -> None:
            where.append((self.how, data, self.ctx.parallel_index))

    numbers.partition_custom(lambda x, n: x % n).sink(Look, "custom", parallelism=2, name="custom")
    numbers.broadcast().sink(Look, "all", parallelism=2, name="all")
    env.submit()

    assert sorted(where) == sorted(
        [
            *(("custom", x, x % 2) for x in range(3)),
            *(("all", x, index) for x in range(3) for index in range(2)),
        ]
    )


def test_a_step_without_state_of_its_own_has_an_empty_snapshot() -> None:
    """Most steps are callables."""
    with StepHarness[int, int].map(lambda x: x) as step:
        step.push(1)
        snapshot: Any = step.snapshot()

    assert (snapshot.keyed, snapshot.fields, snapshot.saved, snapshot.pending) == ({}, {}, {}, [])
