"""How far event time is where inputs meet: as far as the slowest of those that count.

Layer: testing. Promises of `WatermarkRunnable` and `TimedRunnable`, on steps written by hand.
"""

from __future__ import annotations

from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal
from sage_kernel_api.testing.plain_pipelines import edge
from sage_kernel_api.testing.promises.watermarks import run
from sage_kernel_api.testing.timed_steps import (
    Log,
    assigning,
    source_until,
    watching,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability


@promise(Capability.EVENT_TIME)
def the_slowest_input_decides(bench: Workbench) -> None:
    """The watermark of two inputs is the less of both, as long as both may still give records."""
    log = Log()

    def both_came() -> bool:
        return len(log.all("record")) == 2

    run(
        bench,
        source_until("fast source", [500], log, both_came),
        source_until("slow source", [300], log, lambda: log.has("watermark", 300)),
        assigning("fast", "fast source", log),
        assigning("slow", "slow source", log),
        watching("watch", log, edge("fast"), edge("slow")),
    )

    # Time may run ahead of 300 only once the slow source has ended.
    before_end = log.entries[: log.entries.index(("ended", "slow source"))]
    ahead = [value for what, value in before_end if what == "watermark" and value > 300]
    expect_equal(ahead, [], "watermarks that ran ahead of the slow input")
    expect(log.has("watermark", 300), f"the watermarks were {log.watermarks}")


@promise(Capability.EVENT_TIME)
def an_ended_input_is_not_waited_for(bench: Workbench) -> None:
    """What has ended cannot give a record any more: the other inputs decide."""
    log = Log()
    run(
        bench,
        source_until("long source", [500], log, lambda: log.has("watermark", 500)),
        source_until("short source", [300], log),
        assigning("long", "long source", log),
        assigning("short", "short source", log),
        watching("watch", log, edge("long"), edge("short")),
    )

    expect(log.has("watermark", 500), f"the watermarks were {log.watermarks}")
    reached = log.entries.index(("watermark", 500))
    expect(reached < log.entries.index(("ended", "long source")), "time waited for the end")


@promise(Capability.EVENT_TIME)
def an_idle_input_is_not_waited_for(bench: Workbench) -> None:
    """After `idle_after_s` without a record, others need not wait; until then they do."""
    log = Log()

    def is_over() -> bool:
        return log.has("watermark", 500)

    run(
        bench,
        source_until("busy source", [500], log, is_over),
        source_until("idle source", [300], log, is_over),
        assigning("busy", "busy source", log),
        assigning("idle", "idle source", log, idle_after_s=0.02),
        watching("watch", log, edge("busy"), edge("idle")),
    )

    expect(log.has("watermark", 500), f"the watermarks were {log.watermarks}")
    reached = log.entries.index(("watermark", 500))
    expect(reached < log.entries.index(("ended", "idle source")), "time waited for the end")


@promise(Capability.EVENT_TIME)
def two_streams_into_two_inputs_go_by_the_slower(bench: Workbench) -> None:
    """Inputs of different numbers are merged as those of one number are."""
    log = Log()

    def both_came() -> bool:
        return len(log.all("record")) == 2

    run(
        bench,
        source_until("left source", [7], log, both_came),
        source_until("right source", [4], log, lambda: log.has("watermark", 4)),
        assigning("left", "left source", log),
        assigning("right", "right source", log),
        watching("watch", log, edge("left", 0), edge("right", 1)),
    )

    expect_equal(log.watermarks[:1], [4], "the first watermark")


@promise(Capability.EVENT_TIME, Capability.PARALLELISM)
def all_instances_before_a_step_decide(bench: Workbench) -> None:
    """Behind parallel instances, time is where the slowest of them is: nothing comes too late."""
    log = Log()
    records = [*range(1, 400)]
    run(
        bench,
        source_until("source", records, log),
        assigning("time", "source", log, parallelism=3),
        watching("watch", log, edge("time", 0, "round_robin")),
    )

    expect_equal(sorted(one for one, _ in log.all("record")), records, "the records")
    seen = log.watermarks
    expect(seen == sorted(set(seen)), f"the watermarks do not grow: {seen}")
    pairs = zip(log.all("record"), log.all("context"), strict=True)
    late = [record for (record, _), watermark in pairs if record <= watermark]
    expect_equal(late, [], "records of which time said that they cannot come")
