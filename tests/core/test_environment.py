"""The life of an environment's job, and what is refused before there is one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from sage_kernel_api import (
    BaseCoMapFunction,
    CapabilityError,
    JobFailedError,
    JobManager,
    LocalEnvironment,
    MapFunction,
    PipelineError,
    Policies,
    retry,
)
from sage_kernel_api.errors import (
    ConfigurationError,
    InterfaceError,
    JobStateError,
    ServiceStateError,
    StepError,
)
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.values import Capability, JobState

NewEnvironment = Callable[..., LocalEnvironment]
NewKernel = Callable[..., KernelFacade]


class Add(MapFunction[int, int]):
    def __init__(self, by: int) -> None:
        self.by = by

    def execute(self, data: int) -> int:
        return data + self.by


class Opened(MapFunction[int, int]):
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def open(self) -> None:
        self.calls.append("open")

    def execute(self, data: int) -> int:
        if data < 0:
            raise ValueError("negative")
        return data

    def close(self) -> None:
        self.calls.append("close")


def problems_of(env: LocalEnvironment) -> tuple[str, ...]:
    with pytest.raises(PipelineError) as caught:
        env.submit()
    return caught.value.problems


def test_describing_runs_nothing_and_asks_for_no_kernel() -> None:
    """A program that only explains its pipeline must not start one, nor need its kernel."""
    env = LocalEnvironment(kernel="no-such-kernel")

    env.from_collection([1]).map(lambda x: x // 0).print()

    assert [step.basename for step in env.pipeline] == ["source", "map", "PrintSink"]


def test_all_problems_are_told_at_once(env: LocalEnvironment) -> None:
    """Mending a pipeline one error per run is misery."""
    stream = env.from_collection(iter([1]), parallelism=2, name="twice", uid="u")
    stream.map(str, name="twice", uid="u", parallelism=0)
    env.from_future("loop")
    untyped: Any = stream  # Type checkers refuse the next two lines, too.
    untyped.map(lambda: 1)
    untyped.map(Add)

    problems = "\n".join(problems_of(env))

    for words in (
        "the name 'twice' is used by more than one step",
        "the uid 'u' is used by more than one step",
        "one-shot iterator cannot be split over 2",
        "parallelism is a whole number from 1, not 0",
        "'loop': the future stream is not filled",
        "must be callable with 1 argument",
        "Add cannot be made with these arguments: missing a required argument: 'by'",
    ):
        assert words in problems


def test_what_the_kernel_lacks_is_told_beside_what_is_wrong(new_env: NewEnvironment) -> None:
    """The second error would come only after the first was mended."""
    env = new_env(Capability.ERROR_POLICIES)
    env.from_collection([1], uid="u").map(Add, 1, uid="u", on_error="skip")

    assert problems_of(env) == (
        "the uid 'u' is used by more than one step",
        "step 'Add' (map) needs 'error-policies', which the kernel 'sequential' lacks",
    )


def test_an_instance_in_place_of_a_class_is_explained(env: LocalEnvironment) -> None:
    """The most likely slip of a newcomer."""
    instance: Any = Add(1)
    env.from_collection([1]).map(instance)

    assert "give the class and its arguments: map(Add, ...)" in problems_of(env)[0]


def test_an_empty_pipeline_is_refused(env: LocalEnvironment) -> None:
    """A job without steps would "succeed" for ever."""
    assert problems_of(env) == ("it has no steps; begin with from_collection() or another source",)


def test_a_missing_capability_names_operator_and_kernel(new_env: NewEnvironment) -> None:
    """The user has to know which step to change, or which kernel to take."""
    env = new_env(Capability.ERROR_POLICIES, Capability.SERVICES)
    env.from_collection([1]).map(Add, 1, on_error=retry(1))
    env.register_service("cache", dict)

    with pytest.raises(CapabilityError) as caught:
        env.submit()

    assert caught.value.problems == (
        "step 'Add' (map) needs 'error-policies', which the kernel 'sequential' lacks",
        "service 'cache' needs 'services', which the kernel 'sequential' lacks",
    )


def test_comap_asks_for_one_function_per_input_when_it_is_built(env: LocalEnvironment) -> None:
    """Records of a forgotten input would fail the job hours later."""

    class OnlyFirst(BaseCoMapFunction):
        def map0(self, data: int) -> int:
            return data

    connected: Any = env.from_collection([1]).connect(env.from_collection([2]))

    with pytest.raises(TypeError, match="OnlyFirst lacks map1"):
        connected.comap(OnlyFirst)
    with pytest.raises(InterfaceError, match="2 callables"):
        connected.comap(str)
    assert len(env.pipeline) == 2


def test_streams_of_two_environments_do_not_mix(new_env: NewEnvironment) -> None:
    """One half of the pipeline would silently never run."""
    ours, theirs = new_env().from_collection([1]), new_env().from_collection([2])

    for mix in (ours.union, ours.connect):
        with pytest.raises(PipelineError, match="belongs to"):
            mix(theirs)


@pytest.mark.parametrize("values", [[1], [-1]])
def test_open_and_close_are_always_called(env: LocalEnvironment, values: list[int]) -> None:
    """SAGE never called close(): connections stayed open."""
    calls: list[str] = []
    env.from_collection(values).map(Opened, calls)

    with suppress(JobFailedError):
        env.submit(autostop=True)

    assert calls == ["open", "close"]


def test_a_failed_job_raises_the_users_exception_as_cause(env: LocalEnvironment) -> None:
    """SAGE swallowed exceptions and reported success."""
    env.from_collection([1]).map(lambda x: x // 0)

    with pytest.raises(JobFailedError, match="division") as caught:
        env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert env.status()["state"] is JobState.FAILED
    assert isinstance(env.status().get("exception"), StepError)
    assert caught.value.job_id == env.uuid


def test_wait_raises_each_time_and_status_stays_readable(env: LocalEnvironment) -> None:
    """A second look at a failed job must not say that all is well."""
    env.from_collection([1]).map(lambda x: x // 0)
    env.submit()
    with pytest.raises(JobFailedError):
        env.wait()
    env.close()

    for _ in range(2):
        with pytest.raises(JobFailedError):
            env.wait()
    assert not env.is_running


def test_a_kernel_that_was_passed_in_is_not_shut_down(new_kernel: NewKernel) -> None:
    """It may run the jobs of others."""
    kernel: Any = new_kernel()
    with LocalEnvironment(kernel=kernel) as env:
        env.from_collection([1]).map(Add, 1)
        env.submit(autostop=True)
    assert not kernel.is_shut_down


def test_a_kernel_that_the_environment_made_is_shut_down(
    new_kernel: NewKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of a forgotten kernel would outlive the job (R10)."""
    made: list[Any] = []

    def resolve(choice: object, *, config: object) -> KernelFacade:
        made.append(new_kernel())
        return made[-1]  # type: ignore[no-any-return]

    monkeypatch.setattr("sage_kernel_api.plugins.resolve_kernel", resolve)
    env = LocalEnvironment(kernel="sequential")
    stream = env.from_collection([1]).map(Add, 1)

    first, second = stream.execute_and_collect(), stream.execute_and_collect()

    assert (first, second) == ([2], [2])
    assert [kernel.is_shut_down for kernel in made] == [True, True]
    assert env.status()["state"] is JobState.FINISHED


def test_nothing_submitted_means_no_job_to_wait_for(env: LocalEnvironment) -> None:
    """A forgotten submit() must not look like an endless or finished job."""
    for ask in (env.wait, env.status, partial(env.wait, 1.0)):
        with pytest.raises(JobStateError, match="call submit"):
            ask()
    assert env.cancel() is False
    assert env.uuid is None


def test_pausing_on_a_kernel_that_cannot_is_refused(new_env: NewEnvironment) -> None:
    """`pause()` that does nothing would be believed."""
    env = new_env()
    env.from_collection([1]).map(Add, 1)
    env.submit()

    with pytest.raises(CapabilityError, match="cannot pause"):
        env.pause()


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_console_log_level_reaches_the_kernel(new_kernel: NewKernel, level: str) -> None:
    """Set before or after the kernel exists, it counts."""
    kernel: Any = new_kernel()
    env = LocalEnvironment(kernel=kernel)

    env.set_console_log_level(level)
    _ = env.kernel

    assert kernel.levels == [level]
    with pytest.raises(ValueError, match="one of DEBUG"):
        env.set_console_log_level("LOUD")
    assert env.console_log_level == level


def test_a_service_name_is_taken_once(env: LocalEnvironment) -> None:
    """The second registration would replace the first without a word."""
    env.register_service("cache", dict)
    with pytest.raises(ServiceStateError, match="'cache' is registered already"):
        env.register_service_factory("cache", dict)


def test_parallelism_of_the_environment_is_the_default_of_steps(env: LocalEnvironment) -> None:
    """SAGE ignored parallelism."""
    env.set_parallelism(3)
    stream = env.from_collection([1], name="source").keyby(lambda x: x, name="key")
    stream.map(Add, 1, parallelism=2)
    env.pipeline[0].parallelism = 4

    assert [step.parallelism for step in env.pipeline] == [4, 4, 2]


@pytest.mark.parametrize(
    "wrong", [{"on_error": "ignore"}, {"none_result": "no"}, {"source_error": "x"}]
)
def test_an_unknown_policy_is_refused_at_once(wrong: dict[str, Any]) -> None:
    """A misspelt policy would mean the strict one, or worse the lax one."""
    with pytest.raises(ConfigurationError, match="it is one of"):
        Policies(**wrong)


def test_the_job_manager_speaks_the_names_that_programs_use(env: LocalEnvironment) -> None:
    """Operators of old programs look jobs up by these names."""
    env.from_collection([1]).map(Add, 1)
    job_id = env.submit()
    env.wait()
    jobs: JobManager = env.jobmanager

    assert jobs.get_job_status(job_id)["state"] is JobState.FINISHED
    assert [job["job_id"] for job in jobs.list_jobs()] == [job_id]
    assert jobs.cleanup_all_jobs() == 1
    assert jobs.list_jobs() == []


def test_ctrl_c_while_waiting_cancels_the_job(new_kernel: NewKernel) -> None:
    """R11: nothing may go on in the background after Ctrl-C."""
    kernel: Any = new_kernel()
    env = LocalEnvironment(kernel=kernel)
    env.from_collection([1]).map(Add, 1)
    env.submit()
    cancelled: list[str] = []
    kernel.jobs[env.uuid]["state"] = JobState.RUNNING
    env._running._last = None  # type: ignore[union-attr]  # the job "goes on"

    def cancel(job_id: str) -> bool:
        cancelled.append(job_id)
        return True

    def interrupt(job_id: str, timeout_s: float | None = None) -> None:
        raise KeyboardInterrupt

    kernel.cancel_job, kernel.wait_job = cancel, interrupt

    with pytest.raises(KeyboardInterrupt):
        env.wait()

    assert cancelled == [env.uuid]
