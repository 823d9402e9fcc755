"""The life of a step: made, opened, fed, finished, closed.

Layer: testing. Promises of `Runnable` and `SourceRunnable`, looked at below the core.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.errors import StepError
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.runnable import Runnable, SourcePoll
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_same, expect_type
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobState, JobStatus, Payload

Make = Callable[[ExecutionContext], Runnable]
Note = Callable[[str], object]


@promise(Profile.DELIVERY)
def a_step_lives_in_order(bench: Workbench) -> None:
    """Made, open, process for each record, finish, close: each once, in this order."""
    calls: list[str] = []

    _finish(bench, _source(1, 2), _noted("b", calls.append))

    expect_equal(
        calls,
        ["b made", "b open", "b process 1", "b process 2", "b finish", "b close"],
        "the calls of the step",
    )


@promise(Profile.DELIVERY)
def a_source_lives_in_order(bench: Workbench) -> None:
    """A source is opened, polled, finished and closed; it is never given a record."""
    calls: list[str] = []

    class Source(PlainSource):
        records = (1,)

        def open(self) -> None:
            calls.append("open")

        def poll(self, limit: int) -> SourcePoll:
            calls.append("poll")
            return super().poll(limit)

        def process(self, data: Payload, input_index: int = 0) -> None:
            calls.append("process")

        def finish(self) -> None:
            calls.append("finish")

        def close(self) -> None:
            calls.append("close")

    _finish(bench, Source)

    expect_equal(calls, ["open", "poll", "poll", "finish", "close"], "the calls of the source")


@promise(Profile.DELIVERY)
def a_source_that_ended_is_not_asked_again(bench: Workbench) -> None:
    """After `ended` a source is not polled, and the records of that look are delivered."""
    calls: list[int] = []
    got: list[object] = []

    class Source(PlainSource):
        def poll(self, limit: int) -> SourcePoll:
            calls.append(limit)
            return SourcePoll(["last"], "ended")

    _finish(bench, Source, _taking(got.append))

    expect_equal((len(calls), got), (1, ["last"]), "looks at the source, and records")


@promise(Profile.DELIVERY)
def a_source_may_give_at_least_one_record(bench: Workbench) -> None:
    """A kernel asks for at least 1 record."""
    limits: list[int] = []

    class Source(PlainSource):
        records = (1, 2, 3)

        def poll(self, limit: int) -> SourcePoll:
            limits.append(limit)
            return super().poll(limit)

    _finish(bench, Source)

    expect(all(limit >= 1 for limit in limits), f"the limits were {limits!r}")


@promise(Profile.DELIVERY)
def an_idle_source_is_asked_again(bench: Workbench) -> None:
    """`idle` means "nothing now": the source is asked again, and its records arrive."""
    got: list[object] = []

    class Source(PlainSource):
        def __init__(self, context: ExecutionContext) -> None:
            super().__init__(context)
            self.answers = [
                SourcePoll((), "idle", 0.001),
                SourcePoll([1], "idle", 0.0),
                SourcePoll([], "idle"),
                SourcePoll([2], "ended"),
            ]

        def poll(self, limit: int) -> SourcePoll:
            return self.answers.pop(0)

    _finish(bench, Source, _taking(got.append))

    expect_equal(got, [1, 2], "the records")


@promise(Profile.DELIVERY)
def no_record_comes_before_its_step_is_open(bench: Workbench) -> None:
    """Every step is open before the first record: whoever sends finds somebody."""
    calls: list[str] = []

    _finish(bench, _source(1), _sending("b", calls.append), _sending("c", calls.append))

    opens = [calls.index(f"{name} open") for name in ("b", "c")]
    expect(max(opens) < calls.index("b process 1"), f"the calls were {calls!r}")


@promise(Profile.DELIVERY)
def what_is_held_back_passes_the_steps_behind(bench: Workbench) -> None:
    """A record sent in `finish` is processed by the next step before that one finishes."""
    calls: list[str] = []

    class Last(PlainStep):
        def finish(self) -> None:
            self.context.send_data("held")

    _finish(bench, _source(1), Last, _noted("c", calls.append))

    expect_equal(calls[-3:], ["c process 'held'", "c finish", "c close"], "the calls behind")


@promise(Profile.DELIVERY)
def calls_of_one_instance_come_one_after_another(bench: Workbench) -> None:
    """All calls of an instance come from one thread, none within another one."""
    threads: set[int] = set()
    depth: list[int] = []
    deepest: list[int] = []

    class Watched(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            depth.append(1)
            deepest.append(len(depth))
            threads.add(threading.get_ident())
            self.context.send_data(data)
            depth.pop()

        open = finish = close = lambda self: threads.add(threading.get_ident())

    _finish(bench, _source(*range(50)), Watched, _taking(lambda record: None))

    expect_equal((len(threads), max(deepest)), (1, 1), "threads, and calls within calls")


@promise(Profile.DELIVERY)
def an_unknown_kind_is_run_through_process(bench: Workbench) -> None:
    """A kernel calls `process` for every kind that it does not know."""
    got: list[object] = []

    class Odd(PlainStep):
        kind = "a kind of tomorrow"

        def process(self, data: Payload, input_index: int = 0) -> None:
            self.context.send_data((data, input_index))

    _finish(bench, _source(1, 2), Odd, _taking(got.append))

    expect_equal(got, [(1, 0), (2, 0)], "the records")


@promise(Profile.DELIVERY)
def a_step_is_told_the_input_of_a_record(bench: Workbench) -> None:
    """`process` gets the number of the input at which the record arrived."""
    got: list[object] = []

    class Meets(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            got.append((input_index, data))

    config = pipeline(
        step("x", _source("x")),
        step("y", _source("y")),
        step("z", _source("z")),
        step("meet", Meets, edge("x"), edge("y", 1), edge("z", 1)),
    )
    _ended(bench, bench.wait(bench.jobs.submit_job(config)))

    expect_equal(sorted(got, key=str), [(0, "x"), (1, "y"), (1, "z")], "inputs and records")


@promise(Profile.DELIVERY)
def a_running_context_has_its_signatures(bench: Workbench) -> None:
    """The context of a running step has the members of `ExecutionContext`."""
    found: list[list[str]] = []

    class Looks(PlainStep):
        def open(self) -> None:
            found.append(list(compare_members(self.context, ExecutionContext)))

    _finish(bench, _source(1), Looks)

    expect_equal(found, [[]], "what the context lacks")


@promise(Profile.DELIVERY)
def a_step_knows_its_surroundings(bench: Workbench) -> None:
    """Its context names step and environment, and tells settings, instance and whether it reads."""
    facts: list[Any] = []

    class Looks(PlainStep):
        def open(self) -> None:
            context = self.context
            place = context.get_parallel_index(), context.get_parallelism()
            facts.extend([context.name, context.env_name, context.get_config("size"), *place])
            facts.extend([context.is_source(), context.should_stop(), context.get_key()])

    config = pipeline(
        step("a", _source(1)), step("looks", Looks, edge("a")), name="shop", config={"size": 3}
    )
    _ended(bench, bench.wait(bench.jobs.submit_job(config)))

    expect_equal(facts, ["looks", "shop", 3, 0, 1, False, False, None], "what the context says")


@promise(Profile.DELIVERY)
def a_source_knows_that_it_is_one(bench: Workbench) -> None:
    """`is_source` is True for a step without inputs."""
    found: list[bool] = []

    class Looks(PlainSource):
        def open(self) -> None:
            found.append(self.context.is_source())

    _finish(bench, Looks)

    expect_equal(found, [True], "is_source()")


@promise(Profile.DELIVERY)
def sending_tells_whether_somebody_got_it(bench: Workbench) -> None:
    """`send_data` is True where a step is connected, False where none is."""
    told: list[bool] = []

    class Sends(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            told.append(self.context.send_data(data))
            told.append(self.context.send_data(data, "nobody listens"))

    _finish(bench, _source(1), Sends, Sends)

    expect_equal(sorted(told), [False, False, False, True], "what send_data returned")


@promise(Profile.DELIVERY)
def a_step_that_fails_to_open_is_closed(bench: Workbench) -> None:
    """`close` is called if `open` was, also when that raised; `finish` is not."""
    calls: list[str] = []

    class Fails(PlainStep):
        def open(self) -> None:
            calls.append("open")
            raise ValueError("no")

        def finish(self) -> None:
            calls.append("finish")

        def close(self) -> None:
            calls.append("close")

    status = _run(bench, _source(1), Fails)

    expect_equal((status["state"], calls), (JobState.FAILED, ["open", "close"]), "the failed step")


@promise(Profile.DELIVERY)
def everything_opened_is_closed_after_a_failure(bench: Workbench) -> None:
    """When one step fails, all that were opened are closed, once, and none is finished."""
    calls: list[str] = []

    class Fails(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            raise ValueError("no")

    status = _run(bench, _source(1), _sending("b", calls.append), Fails, _noted("d", calls.append))

    expect_equal(status["state"], JobState.FAILED, "the state")
    expect_equal(
        sorted(call for call in calls if "close" in call or "finish" in call),
        ["b close", "d close"],
        "finish and close of the other steps",
    )


@promise(Profile.DELIVERY)
def all_are_closed_although_one_close_fails(bench: Workbench) -> None:
    """A `close` that raises fails the job, and keeps nobody else from being closed."""
    calls: list[str] = []
    cause = ValueError("no")

    class Fails(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            self.context.send_data(data)

        def close(self) -> None:
            raise cause

    status = _run(bench, _source(1), _sending("b", calls.append), Fails, _noted("d", calls.append))

    error = expect_type(status.get("exception"), StepError, "the exception of the job")
    expect_same(error.__cause__, cause, "the cause")
    closed = [call for call in calls if "close" in call]
    expect_equal(sorted(closed), ["b close", "d close"], "what was closed")


@promise(Profile.DELIVERY)
def functions_are_closed_when_waiting_returns(bench: Workbench) -> None:
    """When `wait_job` returns, all functions of the job are closed."""
    calls: list[str] = []

    for _ in range(20):
        _finish(bench, _source(1), _noted("b", calls.append))
        expect_equal(calls[-1], "b close", "the last call when wait_job returned")


def _source(*records: Payload) -> Make:
    def make(context: ExecutionContext) -> Runnable:
        return PlainSource(context, records)

    make.kind = "source"  # type: ignore[attr-defined]  # as a class of steps has it
    return make


def _taking(take: Callable[[Payload], object]) -> Make:
    class Takes(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            take(data)

    return Takes


def _noted(name: str, note: Note) -> Make:
    """Return a step that notes its calls."""

    class Noted(PlainStep):
        def __init__(self, context: ExecutionContext) -> None:
            super().__init__(context)
            note(f"{name} made")

        def open(self) -> None:
            note(f"{name} open")

        def process(self, data: Payload, input_index: int = 0) -> None:
            note(f"{name} process {data!r}")

        def finish(self) -> None:
            note(f"{name} finish")

        def close(self) -> None:
            note(f"{name} close")

    return Noted


def _sending(name: str, note: Note) -> Make:
    """Return a step that notes its calls and hands its records on."""

    class Sending(PlainStep):
        def open(self) -> None:
            note(f"{name} open")

        def process(self, data: Payload, input_index: int = 0) -> None:
            note(f"{name} process {data!r}")
            self.context.send_data(data)

        def finish(self) -> None:
            note(f"{name} finish")

        def close(self) -> None:
            note(f"{name} close")

    return Sending


def _run(bench: Workbench, *makers: Make) -> JobStatus:
    """Run a chain of steps; the first one is a source."""
    steps = [
        step(str(number), make, *([edge(str(number - 1))] if number else []))
        for number, make in enumerate(makers)
    ]
    return bench.wait(bench.jobs.submit_job(pipeline(*steps)))


def _finish(bench: Workbench, *makers: Make) -> None:
    _ended(bench, _run(bench, *makers))


def _ended(bench: Workbench, status: JobStatus) -> None:
    if error := status.get("exception"):
        raise error
    expect_equal(status["state"], JobState.FINISHED, "the state")
