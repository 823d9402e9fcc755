"""The kernel `echo` through the doors that its users have."""

from __future__ import annotations

import ast
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, SinkFunction
from sage_kernel_api.errors import (
    CapabilityError,
    ConfigurationError,
    JobFailedError,
    JobNotFoundError,
    KernelClosedError,
    StepError,
)
from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import check_kernel
from sage_kernel_api.values import NONE_KEY, ConnectionInfo, JobId, JobState
from sage_kernel_echo.kernel import EchoKernel


@pytest.fixture
def kernel() -> Iterator[EchoKernel]:
    made = EchoKernel()
    yield made
    made.shutdown()


def test_it_fits_the_contract(kernel: EchoKernel) -> None:
    """Users choose it by a string: nothing else checks it for them."""
    as_the_contract_says: KernelFacade = kernel

    check_kernel(as_the_contract_says, name="echo")


def test_branches_unions_and_keys_work(kernel: EchoKernel) -> None:
    """What every kernel must do needs no capability."""
    sums: list[int] = []
    env = LocalEnvironment("job", kernel=kernel)
    numbers = env.from_collection([1, 2, 3])
    squares = numbers.map(lambda x: x * x)
    squares.union(numbers.filter(lambda x: x > 2)).keyby(lambda x: x % 2).reduce(
        lambda a, b: a + b
    ).sink(sums.append)

    env.submit(autostop=True)

    assert sums == [1, 4, 10, 13]


def test_it_echoes_each_record_that_a_sink_took(
    kernel: EchoKernel, caplog: pytest.LogCaptureFixture
) -> None:
    """That is its name."""
    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection(["a", "b"]).sink(lambda x: None, name="end")

    with caplog.at_level(logging.INFO, "sage_kernel.echo"):
        env.submit(autostop=True)

    assert [(r.name, r.getMessage()) for r in caplog.records if "echo" in r.name] == [
        ("sage_kernel.echo.end", "'a'"),
        ("sage_kernel.echo.end", "'b'"),
    ]


def test_a_long_chain_needs_no_deep_stack(kernel: EchoKernel) -> None:
    """A kernel that people copy must not teach recursion."""
    ends: list[int] = []
    env = LocalEnvironment("job", kernel=kernel)
    stream = env.from_collection([0])
    for _ in range(1_500):
        stream = stream.map(lambda x: x + 1)
    stream.sink(ends.append)

    env.submit(autostop=True)

    assert ends == [1_500]


@pytest.mark.parametrize(
    ("build", "need"),
    [
        (lambda env: env.from_collection([1]).map(str, parallelism=2), "parallelism"),
        (lambda env: env.from_collection([1]).map(str, on_error="skip"), "error-policies"),
        (lambda env: env.from_collection([1]).map(str).dead_letters().sink(print), "side-outputs"),
    ],
)
def test_what_it_lacks_is_refused_before_anything_runs(
    kernel: EchoKernel, build: Callable[[LocalEnvironment], object], need: str
) -> None:
    """Half a run would be worse than none."""
    env = LocalEnvironment("job", kernel=kernel)
    build(env)

    with pytest.raises(CapabilityError, match=need):
        env.submit()

    assert kernel.job_manager.list_jobs() == []


def test_a_failure_names_its_place_and_everything_is_closed(kernel: EchoKernel) -> None:
    """The promise of every kernel."""
    did: list[str] = []

    class Fails(SinkFunction[int]):
        def execute(self, data: int) -> None:
            raise ValueError(f"no {data}")

        def close(self) -> None:
            did.append("closed")

    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).sink(Fails)

    with pytest.raises(JobFailedError, match="no 1") as caught:
        env.submit(autostop=True)

    (job,) = kernel.job_manager.list_jobs()
    assert isinstance(caught.value.__cause__, ValueError)
    assert isinstance(job.get("exception"), StepError)
    assert (job["state"], did) == (JobState.FAILED, ["closed"])
    assert kernel.job_manager.cancel_job(job["job_id"]) is False
    assert kernel.job_manager.wait_job(job["job_id"], 1) == job
    assert kernel.job_manager.delete_job(job["job_id"]) is True
    with pytest.raises(JobNotFoundError):
        kernel.job_manager.get_job_status(JobId("x"))


@pytest.mark.parametrize("cause", [StopIteration(1), SystemExit(3), ValueError("no")])
def test_the_first_failure_is_the_cause_whatever_it_is(
    kernel: EchoKernel, cause: BaseException
) -> None:
    """A wrong cause sends its reader to the wrong line."""

    class Fails(SinkFunction[int]):
        def execute(self, data: int) -> None:
            raise cause

        def close(self) -> None:
            raise KeyError("later")

    env = LocalEnvironment("job", kernel=kernel)
    env.from_collection([1]).sink(Fails)
    env.submit()

    (job,) = kernel.job_manager.list_jobs()
    error = job.get("exception")
    assert isinstance(error, StepError)
    assert error.__cause__ is cause
    assert "later" in error.__notes__[0]


def test_a_wrong_name_is_refused_as_such(kernel: EchoKernel) -> None:
    """The check of the contract comes before the first use of what it checks."""
    wrong: Any = {"name": 7}
    with pytest.raises(ConfigurationError, match="name is a str"):
        kernel.create_execution_context(wrong)


def test_a_lone_context_sends_nowhere_and_refuses_the_rest(kernel: EchoKernel) -> None:
    """Unit tests of functions use contexts outside of jobs."""
    context = kernel.create_execution_context({"name": "f", "config": {"a": 1}, "key": "k"})

    assert context.send_data(1, partition_key=NONE_KEY) is False
    assert context.transport.broadcast(1) is False
    assert (context.get_config("a"), context.get_key(), context.is_source()) == (1, "k", False)
    for refused in (
        lambda: context.call_service("a", "b"),
        lambda: context.services.methods("a"),
        lambda: context.state_manager.load_state("a"),
        lambda: kernel.service_manager.start_service("a"),
        lambda: kernel.job_manager.register_service_factory("a", {"name": "a", "factory": int}),
    ):
        with pytest.raises(CapabilityError, match="'echo'"):
            refused()
    with pytest.raises(ValueError, match="Nothing is called 'q'"):
        context.transport.set_downstream_connections([ConnectionInfo(("q",))])


def test_after_shutdown_nothing_starts(kernel: EchoKernel) -> None:
    """A forgotten kernel must not look alive."""
    kernel.shutdown()

    with pytest.raises(KernelClosedError):
        kernel.create_runtime_context({})


def test_it_stays_small() -> None:
    """Fewer than 150 lines of code, or it is no longer the smallest honest kernel."""
    package = Path(__file__).parents[1] / "sage_kernel_echo"

    assert sum(_code_lines(file.read_text()) for file in package.glob("*.py")) < 150


def _code_lines(source: str) -> int:
    """Count lines that are neither blank nor comment nor docstring."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        line
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node)
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    return sum(
        bool(text.strip()) and not text.strip().startswith("#") and number not in docs
        for number, text in enumerate(source.splitlines(), 1)
    )
