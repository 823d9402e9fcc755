"""What brings records in, and how it ends.

Layer: testing. Promises of the sources of the core on a kernel's `SourceRunnable` loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sage_kernel_api.core.functions import BatchFunction, SourceFunction
from sage_kernel_api.errors import StepError
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal, expect_same, expect_type
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobState, StopSignal

COLLECTIONS: dict[str, tuple[Callable[[], Iterable[Any]], list[Any]]] = {
    "a list": (lambda: [1, 2, 3], [1, 2, 3]),
    "a tuple": (lambda: (1, None, 3), [1, None, 3]),
    "a range": (lambda: range(5), [0, 1, 2, 3, 4]),
    "a text": (lambda: "abc", ["a", "b", "c"]),
    "bytes": (lambda: b"ab", [97, 98]),
    "a generator": (lambda: (n * n for n in range(4)), [0, 1, 4, 9]),
    "a dictionary": (lambda: {"a": 1, "b": 2}, ["a", "b"]),
    "an iterator": (lambda: iter([1, None]), [1, None]),
    "nothing": (list, []),
    "an empty generator": (lambda: iter(()), []),
}


@promise(Profile.DELIVERY, variants=COLLECTIONS)
def a_collection_is_read_in_its_order(
    bench: Workbench, case: tuple[Callable[[], Iterable[Any]], list[Any]]
) -> None:
    """Anything that can be iterated over is a source, None among its items included."""
    make, expected = case
    env = bench.environment()

    expect_equal(bench.collect(env.from_collection(make())), expected, "the records")


class _Until(BatchFunction[int]):
    """1, 2, ... and then *end*."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.answers: Iterator[Any] = iter([1, 0, 2, end])

    def execute(self) -> Any:
        return next(self.answers)


@promise(Profile.DELIVERY, variants={"None": None, "a stop signal": StopSignal("end")})
def a_batch_ends_when_it_says_so(bench: Workbench, end: Any) -> None:
    """A batch function ends at None or a `StopSignal`, and is not called again."""
    env = bench.environment()

    expect_equal(bench.collect(env.from_batch(_Until, end)), [1, 0, 2], "the records")


@promise(Profile.DELIVERY)
def none_of_a_source_means_nothing_now(bench: Workbench) -> None:
    """A source function that returns None is asked again; only a `StopSignal` ends it."""
    answers = iter([1, None, None, 0, None, 2, StopSignal()])
    env = bench.environment()

    got = bench.collect(env.from_source(lambda: next(answers)))

    expect_equal(got, [1, 0, 2], "the records")


@promise(Profile.DELIVERY)
def a_source_function_is_opened_and_closed(bench: Workbench) -> None:
    """A source function lives like every other one."""
    calls: list[str] = []

    class Once(SourceFunction[int]):
        def open(self) -> None:
            calls.append("open")

        def execute(self) -> StopSignal:
            calls.append("execute")
            return StopSignal()

        def close(self) -> None:
            calls.append("close")

    env = bench.environment()
    env.from_source(Once).sink(lambda record: None)
    bench.finish(env)

    expect_equal(calls, ["open", "execute", "close"], "the calls")


@promise(Profile.DELIVERY)
def records_before_a_failing_look_are_delivered(bench: Workbench) -> None:
    """A source that raises fails the job; the records of earlier looks stay delivered."""
    cause = ValueError("the file is gone")
    got: list[int] = []

    def answers() -> Iterator[int]:
        yield from (1, 2, 3)
        raise cause

    running = answers()
    env = bench.environment()
    env.from_source(lambda: next(running), name="reads").sink(got.append)

    error = expect_type(bench.fail(env), StepError, "the job's exception")

    expect_same(error.__cause__, cause, "the cause")
    expect_equal((error.step, got), ("reads", [1, 2, 3]), "the step, and the records")


@promise(Profile.DELIVERY)
def a_source_may_be_skipped_over_its_failures(bench: Workbench) -> None:
    """With `source_error="skip"` a raising source is asked again."""
    answers: Iterator[Any] = iter([1, ValueError("once"), 2, StopSignal()])

    def ask() -> Any:
        answer = next(answers)
        if isinstance(answer, ValueError):
            raise answer
        return answer

    env = bench.environment()
    stream = env.from_source(ask, source_error="skip")

    expect_equal(bench.collect(stream), [1, 2], "the records")


@promise(Profile.DELIVERY)
def a_source_may_end_at_its_failure(bench: Workbench) -> None:
    """With `source_error="end"` a raising source has ended, and the job finishes."""
    answers: Iterator[Any] = iter([1, 2])
    env = bench.environment()
    stream = env.from_source(lambda: next(answers), source_error="end")

    expect_equal(bench.collect(stream), [1, 2], "the records")


@promise(Profile.DELIVERY)
def a_delayed_source_gives_all_its_records(bench: Workbench) -> None:
    """A delay between two records changes when they come, not which."""
    answers: Iterator[Any] = iter([1, 2, 3, StopSignal()])
    env = bench.environment()

    got = bench.collect(env.from_source(lambda: next(answers), delay=0.001))

    expect_equal(got, [1, 2, 3], "the records")


@promise(Profile.DELIVERY)
def sources_of_one_job_all_give_their_records(bench: Workbench) -> None:
    """Every source is read to its end, also one that ends later than the others."""
    env = bench.environment()
    streams = [env.from_collection(range(size)) for size in (0, 3, 500)]
    got: list[list[int]] = [[], [], []]
    for stream, records in zip(streams, got, strict=True):
        stream.sink(records.append)

    bench.finish(env)

    expect_equal([len(records) for records in got], [0, 3, 500], "the number of records")


@promise(Profile.DELIVERY)
def a_job_without_records_finishes(bench: Workbench) -> None:
    """An empty source ends the job as any other."""
    env = bench.environment()
    env.from_collection([]).map(str).sink(lambda record: None)

    expect_equal(bench.run(env)["state"], JobState.FINISHED, "the state")
