"""How far event time is, at each step: told behind the records, by the slowest input.

Layer: testing. Promises of `WatermarkRunnable`, `TimedRunnable` and `SupportsEventTime`, on steps
that are written by hand: no window and no timer stands between the kernel and the test.
"""

from __future__ import annotations

from typing import Any, cast

from sage_kernel_api.context import SupportsEventTime
from sage_kernel_api.lifecycle import TransformationConfig
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.runnable import MAX_WATERMARK_US, MIN_WATERMARK_US
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_type
from sage_kernel_api.testing.plain_pipelines import edge, pipeline
from sage_kernel_api.testing.timed_steps import (
    Log,
    Watch,
    assigning,
    source_until,
    watching,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability, JobState, JobStatus


def run(bench: Workbench, *steps: TransformationConfig) -> JobStatus:
    """Run steps written by hand to their end."""
    status = bench.wait(bench.jobs.submit_job(pipeline(*steps)))
    expect_equal(
        (status["state"], status.get("exception")), (JobState.FINISHED, None), "how the job ended"
    )
    return status


def _watched(bench: Workbench, records: list[int], bound_us: int = 0) -> Log:
    """Run records through a step that assigns their times, and one that watches."""
    log = Log()
    run(
        bench,
        source_until("source", records, log),
        assigning("time", "source", log, bound_us=bound_us),
        watching("watch", log, edge("time")),
    )
    return log


@promise(Capability.EVENT_TIME)
def contexts_know_event_time(bench: Workbench) -> None:
    """An `ExecutionContext` is a `SupportsEventTime`, with nothing known at first."""
    context = bench.kernel.create_execution_context({})

    expect_equal(list(compare_members(context, SupportsEventTime)), [], "SupportsEventTime")
    timed = cast("SupportsEventTime", context)
    expect_equal((timed.event_time_us, timed.watermark_us), (None, MIN_WATERMARK_US), "the time")
    now_us = expect_type(timed.processing_time_us(), int, "processing_time_us()")
    expect(timed.processing_time_us() >= now_us, "the present goes back")


TIMES = {
    "zero": 0,
    "before 1970": -1,
    "long ago": -(2**62),
    "far ahead": 2**62,
    "a microsecond": 1_700_000_000_000_001,
}


@promise(Capability.EVENT_TIME, variants=TIMES)
def any_time_reaches_the_next_step(bench: Workbench, time_us: int) -> None:
    """Event times are whole microseconds, exact from before to long after our time."""
    log = _watched(bench, [time_us])

    expect_equal(log.all("record"), [(time_us, time_us)], "the record and its time")


@promise(Capability.EVENT_TIME)
def times_stay_with_their_records(bench: Workbench) -> None:
    """Each of a thousand records has its own time, in whatever order the times are."""
    records = [number * 7_919 % 1_000 for number in range(1_000)]

    log = _watched(bench, records, bound_us=1_000)

    expect_equal(log.all("record"), [(one, one) for one in records], "records and times")


@promise(Capability.EVENT_TIME)
def watermarks_grow(bench: Workbench) -> None:
    """`on_watermark` is called only when the watermark has grown, with what was told."""
    log = _watched(bench, [5, 3, 9, 1, 9, 12])

    seen = log.watermarks
    expect(seen == sorted(set(seen)), f"the watermarks do not grow: {seen}")
    expect(set(seen) <= {5, 9, 12}, f"nobody told one of the watermarks {seen}")


@promise(Capability.EVENT_TIME)
def a_watermark_comes_behind_its_records(bench: Workbench) -> None:
    """When a watermark is told, all records have come that the sender knew of when it told it."""
    records = [*range(0, 500, 5)]

    log = _watched(bench, records)

    came: list[int] = []
    for what, value in log.entries:
        if what == "record":
            came.append(value[0])
        elif what == "watermark" and value != MAX_WATERMARK_US:
            expect(value in came, f"the watermark {value} overtook its record")


@promise(Capability.EVENT_TIME)
def no_record_is_late_that_came_in_order(bench: Workbench) -> None:
    """At a record, `watermark_us` of the context is less than what only later records allow."""
    records = [*range(0, 500, 5)]

    log = _watched(bench, records, bound_us=1)

    pairs = list(zip(log.all("record"), log.all("context"), strict=True))
    late = [record for (record, _), watermark in pairs if watermark >= record]
    expect_equal(late, [], "records that the context calls late")


@promise(Capability.EVENT_TIME)
def the_context_knows_what_was_told(bench: Workbench) -> None:
    """`watermark_us` is that of the last call of `on_watermark`, also for the record behind it."""
    log = _watched(bench, [*range(0, 500, 5)])

    told = MIN_WATERMARK_US
    for what, value in log.entries:
        if what == "watermark":
            told = value
        elif what == "context":
            expect_equal(value, told, "the watermark in the context")


@promise(Capability.EVENT_TIME, variants={"records": [3], "no record": []})
def in_the_end_time_is_over(bench: Workbench, records: list[int]) -> None:
    """When all inputs have ended, `MAX_WATERMARK_US` is told once, behind all, before `finish`."""
    log = _watched(bench, records)

    expect_equal(log.entries[-2:], [("watermark", MAX_WATERMARK_US), ("finish", None)], "the end")
    expect_equal(log.all("watermark").count(MAX_WATERMARK_US), 1, "how often it was told")


@promise(Capability.EVENT_TIME)
def without_times_nothing_is_over_before_the_end(bench: Workbench) -> None:
    """Where no step assigns times, records have none, and no watermark is told but the last."""
    log = Log()
    run(bench, source_until("source", [1, 2], log), watching("watch", log, edge("source")))

    expect_equal(log.all("record"), [(1, None), (2, None)], "records and times")
    expect_equal((log.watermarks, log.all("context")), ([], [MIN_WATERMARK_US] * 2), "watermarks")


class _Answers(Watch):
    """Sends a record for each watermark."""

    def process(self, data: Any, input_index: int = 0) -> None:
        pass

    def on_watermark(self, watermark_us: int) -> None:
        cast("SupportsEventTime", self.context).event_time_us = watermark_us
        self.context.send_data(watermark_us)
        cast("SupportsEventTime", self.context).event_time_us = None


@promise(Capability.EVENT_TIME)
def what_is_sent_for_a_watermark_goes_before_it(bench: Workbench) -> None:
    """The next step gets the record, under the time that was set, while that is not over yet."""
    log, ignored = Log(), Log()
    run(
        bench,
        source_until("source", [*range(0, 100, 5)], log),
        assigning("time", "source", log),
        watching("answers", ignored, edge("time"), kind=_Answers),
        watching("watch", log, edge("answers")),
    )

    told = [record for record, _ in log.all("record")]
    expect_equal(log.all("record"), [(one, one) for one in told], "records and times")
    expect_equal(told[-1:], [MAX_WATERMARK_US], "what was sent at the end of time")
    late = [one for one, seen in zip(told, log.all("context"), strict=True) if seen >= one]
    expect_equal(late, [], "records that came behind their watermark")


class _Raises(Watch):
    def on_watermark(self, watermark_us: int) -> None:
        raise ValueError("no time")


@promise(Capability.EVENT_TIME)
def what_a_watermark_raises_fails_the_job(bench: Workbench) -> None:
    """There is no record that a policy could give up: the job is FAILED, with the cause."""
    log = Log()
    steps = (
        source_until("source", [1], log),
        assigning("time", "source", log),
        watching("raises", log, edge("time"), kind=_Raises),
    )

    status = bench.wait(bench.jobs.submit_job(pipeline(*steps)))

    expect_equal(status["state"], JobState.FAILED, "the state")
    cause = getattr(status.get("exception"), "__cause__", None)
    expect_equal(repr(cause), "ValueError('no time')", "the cause")
