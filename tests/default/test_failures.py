"""An exception of the user's code fails the job and comes back as it was; nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pytest

from sage_kernel_api import (
    BaseCoMapFunction,
    BaseJoinFunction,
    BatchFunction,
    FlatMapFunction,
    LocalEnvironment,
    MapFunction,
    ProcessFunction,
    ProcessOutput,
    SinkFunction,
    SourceFunction,
    retry,
)
from sage_kernel_api.errors import JobFailedError, LeakedTaskError, StepError
from sage_kernel_api.values import JobState
from sage_kernel_default import DefaultKernelFacade, DefaultOptions


class Boom(Exception):  # noqa: N818 - short, it is all over this file
    """What the functions of these tests raise."""


class Quit(BaseException):
    """Not even an Exception."""


def failure_of(env: LocalEnvironment) -> StepError:
    """Run, and return why it failed."""
    with pytest.raises(JobFailedError) as caught:
        env.submit(autostop=True)
    status = env.status()
    assert status["state"] is JobState.FAILED
    failure = status.get("exception")
    assert isinstance(failure, StepError)
    assert caught.value.__cause__ is failure.__cause__
    return failure


def boom(data: Any) -> Any:
    raise Boom(data)


def boom_at_7(data: int) -> int:
    if data == 7:
        raise Boom("seven")
    return data


class BoomCoMap(BaseCoMapFunction):
    def map0(self, data: int) -> int:
        return boom_at_7(data)

    def map1(self, data: int) -> int:
        return data


class BoomJoin(BaseJoinFunction[int, int, int, int]):
    def execute(self, payload: int, key: int, tag: int) -> list[int]:
        return [boom_at_7(payload)]


class BoomProcess(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        boom_at_7(value)


def build(env: LocalEnvironment, kind: str) -> None:
    numbers = env.from_collection(range(20))
    shapes: dict[str, Any] = {
        "map": lambda: numbers.map(boom_at_7, name="bad").sink(lambda _: None),
        "filter": lambda: numbers.filter(boom_at_7, name="bad").sink(lambda _: None),
        "flatmap": lambda: numbers.flatmap(lambda x: [boom_at_7(x)], name="bad").sink(print),
        "generator": lambda: numbers.flatmap(boom_generator, name="bad").sink(lambda _: None),
        "keyby": lambda: numbers.keyby(boom_at_7, name="bad").sink(lambda _: None),
        "reduce": lambda: (
            numbers.map(lambda x: x)
            .keyby(lambda _: 0)
            .reduce(lambda _, x: boom_at_7(x), name="bad")
            .sink(lambda _: None)
        ),
        "sink": lambda: numbers.sink(boom_at_7, name="bad"),
        "comap": lambda: (
            numbers.connect(env.from_collection([1]))
            .comap(BoomCoMap, name="bad")
            .sink(lambda _: None)
        ),
        "join": lambda: (
            numbers.keyby(lambda x: x)
            .connect(env.from_collection([1]).keyby(lambda x: x))
            .join(BoomJoin, name="bad")
            .sink(lambda _: None)
        ),
        "process": lambda: numbers.process(BoomProcess, name="bad").sink(lambda _: None),
        "parallel": lambda: (
            numbers.rebalance()
            .map(boom_at_7, name="bad", parallelism=3)
            .sink(lambda _: None, parallelism=3)
        ),
    }
    shapes[kind]()


def boom_generator(data: int) -> Iterator[int]:
    yield data
    boom_at_7(data)


@pytest.mark.parametrize(
    "kind",
    [
        "map",
        "filter",
        "flatmap",
        "generator",
        "keyby",
        "reduce",
        "sink",
        "comap",
        "join",
        "process",
        "parallel",
    ],
)
def test_an_exception_in_a_function_names_step_record_file_and_line(
    env: LocalEnvironment, kind: str
) -> None:
    """Whoever reads the message must find the place without a debugger."""
    build(env, kind)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert failure.step == "bad"
    assert failure.record is not None
    assert "7" in failure.record
    assert failure.where is not None
    assert failure.where.startswith(__file__ + ":")
    assert failure.where in str(failure)
    assert "Boom: seven" in str(failure)


class BadConstructor(MapFunction[int, int]):
    def __init__(self) -> None:
        raise Boom("made")

    def execute(self, data: int) -> int:
        return data


class BadOpen(MapFunction[int, int]):
    closed: ClassVar[list[str]] = []

    def open(self) -> None:
        raise Boom("opened")

    def execute(self, data: int) -> int:
        return data

    def close(self) -> None:
        self.closed.append("closed")


class BadClose(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        return data

    def close(self) -> None:
        raise Boom("closed")


@pytest.mark.parametrize("function", [BadConstructor, BadOpen, BadClose])
def test_an_exception_in_the_life_cycle_fails_the_job(
    env: LocalEnvironment, function: type[MapFunction[int, int]]
) -> None:
    """A half-opened or half-closed function must not count as a success."""
    env.from_collection(range(3)).map(function, name="bad").sink(lambda _: None)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert failure.step == "bad"


def test_close_is_called_after_a_failed_open(env: LocalEnvironment) -> None:
    """What open() took before it failed must be let go."""
    BadOpen.closed.clear()
    env.from_collection(range(3)).map(BadOpen).sink(lambda _: None)

    failure_of(env)

    assert BadOpen.closed == ["closed"]


def test_a_failing_close_does_not_hide_the_first_failure(env: LocalEnvironment) -> None:
    """The cause is the first failure; the other one is a note."""
    env.from_collection(range(3)).map(BadClose).sink(boom, name="bad")

    failure = failure_of(env)

    assert failure.step == "bad"
    assert any("closed" in note for note in failure.__notes__)


class BadSource(SourceFunction[int]):
    def execute(self) -> int:
        raise Boom("source")


class BadBatch(BatchFunction[int]):
    def execute(self) -> int:
        raise Boom("batch")


@pytest.mark.parametrize("source", [BadSource, BadBatch])
def test_an_exception_in_a_source_fails_the_job(env: LocalEnvironment, source: type[Any]) -> None:
    """A dead source must not look like one that has ended."""
    env.from_source(source, name="bad").sink(lambda _: None)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert failure.step == "bad"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Quit, GeneratorExit])
def test_even_a_base_exception_only_fails_the_job(
    env: LocalEnvironment, error: type[BaseException]
) -> None:
    """sys.exit() in a function must neither end the process nor hang the job."""

    def leave(_: int) -> None:
        raise error("leaving")

    env.from_collection(range(3)).sink(leave, name="bad")

    failure = failure_of(env)

    assert type(failure.__cause__) is error


def test_failures_of_two_tasks_at_once_are_both_told(env: LocalEnvironment) -> None:
    """The second failure may be the one that explains the first."""
    both = threading.Barrier(2)

    def fail_together(data: int) -> None:
        both.wait(10)
        raise Boom(f"instance {data}")

    env.from_collection([0, 1]).rebalance().sink(fail_together, parallelism=2, name="bad")

    failure = failure_of(env)

    assert len(failure.__notes__) == 1


class Catcher(ProcessFunction[int, int]):
    def process(self, value: int, out: ProcessOutput[int]) -> None:
        for n in range(1000):
            with suppress(Exception):
                out.collect(n)


def test_a_failure_downstream_cannot_be_swallowed_by_the_sender(env: LocalEnvironment) -> None:
    """A function that catches everything around its output must not make a job succeed."""
    env.from_collection([1]).process(Catcher).sink(boom, name="bad")

    assert failure_of(env).step == "bad"


class BadService:
    def setup(self) -> None:
        raise Boom("setup")

    def get(self) -> int:
        return 1


class RaisingService:
    def get(self) -> int:
        raise Boom("get")


def test_a_service_that_does_not_start_fails_the_job(env: LocalEnvironment) -> None:
    """Nothing may run without its services."""
    env.register_service("bad", BadService)
    env.from_collection([1]).sink(lambda _: None)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert "'bad'" in str(failure)


class Caller(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        return int(self.ctx.call_service("raising", "get"))


def test_an_exception_of_a_service_reaches_the_caller_unchanged(env: LocalEnvironment) -> None:
    """Callers catch the service's own types."""
    env.register_service("raising", RaisingService)
    env.from_collection([1]).map(Caller, name="bad").sink(lambda _: None)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert failure.step == "bad"


def test_an_unkeyable_key_is_refused_by_name(env: LocalEnvironment) -> None:
    """A key without a stable encoding would meet its state only by chance."""
    env.from_collection([1]).keyby(lambda x: [x], name="bad").sink(lambda _: None, parallelism=2)

    failure = failure_of(env)

    assert failure.step == "bad"
    assert "no stable encoding" in str(failure)


# --- policies --------------------------------------------------------------------------------


def test_skip_drops_the_record_and_counts_it(env: LocalEnvironment) -> None:
    """A skipped record is counted, or it would be lost."""
    out: list[int] = []
    env.from_collection(range(10)).map(boom_at_7, name="bad").set_policies(on_error="skip").sink(
        out.append
    )

    env.submit(autostop=True)

    status = env.status()
    assert out == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert status["steps"]["bad"]["skipped"] == 1
    assert [(e["produced"], e["consumed"], e["dropped"]) for e in status["edges"]] == [
        (10, 9, 1),
        (9, 9, 0),
    ]


def test_dead_letters_can_be_sunk(env: LocalEnvironment) -> None:
    """The record, the exception and the step travel with the letter."""
    out: list[int] = []
    letters: list[Any] = []
    stream = env.from_collection(range(10)).map(boom_at_7, name="bad")
    stream.set_policies(on_error="dead_letter").sink(out.append)
    stream.dead_letters().sink(letters.append)

    env.submit(autostop=True)

    assert len(out) == 9
    assert [(letter.value, letter.step) for letter in letters] == [(7, "bad")]
    assert isinstance(letters[0].error, Boom)


class FailsTwice(FlatMapFunction[int, int]):
    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    def execute(self, data: int) -> list[int]:
        self.collect(data)
        if data == 3 and self.tries < 2:
            self.tries += 1
            raise Boom("not yet")
        return [data]


def test_retry_emits_nothing_of_the_failed_tries(env: LocalEnvironment) -> None:
    """A retried record must not show up twice."""
    out: list[int] = []
    env.from_collection(range(5)).flatmap(FailsTwice, name="bad").set_policies(
        on_error=retry(2, delay_s=0.0)
    ).sink(out.append)

    env.submit(autostop=True)

    assert out == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert env.status()["steps"]["bad"]["retries"] == 2


def test_a_used_up_retry_fails_the_job(env: LocalEnvironment) -> None:
    """The last exception is the cause."""
    env.from_collection(range(10)).map(boom_at_7, name="bad").set_policies(
        on_error=retry(2, delay_s=0.0)
    ).sink(lambda _: None)

    failure = failure_of(env)

    assert isinstance(failure.__cause__, Boom)
    assert failure.record == "7"


# --- ending ------------------------------------------------------------------------------------


class Endless(SourceFunction[int]):
    def execute(self) -> int:
        return 1


class Noted(SinkFunction[int]):
    started = threading.Event()
    closed = threading.Event()

    def execute(self, data: int) -> None:
        self.started.set()

    def close(self) -> None:
        self.closed.set()


def test_cancel_ends_an_endless_job_and_closes_its_functions(env: LocalEnvironment) -> None:
    """Files and connections must be let go on cancellation too."""
    Noted.started.clear()
    Noted.closed.clear()
    env.from_source(Endless).sink(Noted)
    env.submit()
    Noted.started.wait(10)

    assert env.cancel()

    assert Noted.closed.is_set()
    assert env.status()["state"] is JobState.CANCELLED


def test_a_function_that_never_returns_is_abandoned_and_named() -> None:
    """Cancelling must not hang, and must say which step hangs."""
    kernel = DefaultKernelFacade(DefaultOptions(stop_timeout=0.1))
    env = LocalEnvironment("test", kernel=kernel)
    entered, release = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        entered.set()
        release.wait(60)

    env.from_collection([1]).sink(hang, name="stuck")
    job_id = env.submit()
    entered.wait(10)

    with pytest.raises(LeakedTaskError, match="stuck"):
        kernel.job_manager.cancel_job(job_id)

    assert kernel.job_manager.get_job_status(job_id)["state"] is JobState.CANCELLED
    release.set()
    kernel.shutdown()


def test_a_paused_job_takes_no_record_and_goes_on_later(
    env: LocalEnvironment, kernel: DefaultKernelFacade
) -> None:
    """Pausing loses nothing."""
    out: list[int] = []
    reached, go_on = threading.Event(), threading.Event()

    def note(data: int) -> None:
        out.append(data)
        if data == 0:
            reached.set()
            go_on.wait(10)

    env.from_collection(range(1000)).sink(note)
    job_id = env.submit()
    reached.wait(10)
    assert kernel.job_manager.pause_job(job_id)
    go_on.set()
    assert kernel.job_manager.get_job_status(job_id)["state"] is JobState.PAUSED
    assert len(out) < 1000

    assert kernel.job_manager.resume_job(job_id)
    kernel.job_manager.wait_job(job_id)

    assert out == list(range(1000))
