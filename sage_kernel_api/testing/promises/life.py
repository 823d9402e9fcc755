"""The life of a step: made, opened, fed, finished, closed.

Layer: testing. Promises of `Runnable` and `SourceRunnable`, looked at below the core.
"""

from __future__ import annotations

import threading

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.runnable import SourcePoll
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.promises.plain_runs import (
    ended,
    finish,
    giving,
    noted,
    sending,
    taking,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Payload


@promise(Profile.DELIVERY)
def a_step_lives_in_order(bench: Workbench) -> None:
    """Made, open, process for each record, finish, close: each once, in this order."""
    calls: list[str] = []

    finish(bench, giving(1, 2), noted("b", calls.append))

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

    finish(bench, Source)

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

    finish(bench, Source, taking(got.append))

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

    finish(bench, Source)

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

    finish(bench, Source, taking(got.append))

    expect_equal(got, [1, 2], "the records")


@promise(Profile.DELIVERY)
def no_record_comes_before_its_step_is_open(bench: Workbench) -> None:
    """Every step is open before the first record: whoever sends finds somebody."""
    calls: list[str] = []

    finish(bench, giving(1), sending("b", calls.append), sending("c", calls.append))

    opens = [calls.index(f"{name} open") for name in ("b", "c")]
    expect(max(opens) < calls.index("b process 1"), f"the calls were {calls!r}")


@promise(Profile.DELIVERY)
def what_is_held_back_passes_the_steps_behind(bench: Workbench) -> None:
    """A record sent in `finish` is processed by the next step before that one finishes."""
    calls: list[str] = []

    class Last(PlainStep):
        def finish(self) -> None:
            self.context.send_data("held")

    finish(bench, giving(1), Last, noted("c", calls.append))

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

    finish(bench, giving(*range(50)), Watched, taking(lambda record: None))

    expect_equal((len(threads), max(deepest)), (1, 1), "threads, and calls within calls")


@promise(Profile.DELIVERY)
def an_unknown_kind_is_run_through_process(bench: Workbench) -> None:
    """A kernel calls `process` for every kind that it does not know."""
    got: list[object] = []

    class Odd(PlainStep):
        kind = "a kind of tomorrow"

        def process(self, data: Payload, input_index: int = 0) -> None:
            self.context.send_data((data, input_index))

    finish(bench, giving(1, 2), Odd, taking(got.append))

    expect_equal(got, [(1, 0), (2, 0)], "the records")


@promise(Profile.DELIVERY)
def a_step_is_told_the_input_of_a_record(bench: Workbench) -> None:
    """`process` gets the number of the input at which the record arrived."""
    got: list[object] = []

    class Meets(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            got.append((input_index, data))

    config = pipeline(
        step("x", giving("x")),
        step("y", giving("y")),
        step("z", giving("z")),
        step("meet", Meets, edge("x"), edge("y", 1), edge("z", 1)),
    )
    ended(bench, bench.wait(bench.jobs.submit_job(config)))

    expect_equal(sorted(got, key=str), [(0, "x"), (1, "y"), (1, "z")], "inputs and records")
