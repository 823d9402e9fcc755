"""What a step that runs is told about itself and its surroundings.

Layer: testing. Promises of `ExecutionContext`, looked at below the core.
"""

from __future__ import annotations

from typing import Any

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.plugins.signatures import compare_members
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect_equal
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.promises.plain_runs import (
    ended,
    finish,
    giving,
)
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Payload


@promise(Profile.DELIVERY)
def a_running_context_has_its_signatures(bench: Workbench) -> None:
    """The context of a running step has the members of `ExecutionContext`."""
    found: list[list[str]] = []

    class Looks(PlainStep):
        def open(self) -> None:
            found.append(list(compare_members(self.context, ExecutionContext)))

    finish(bench, giving(1), Looks)

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
        step("a", giving(1)), step("looks", Looks, edge("a")), name="shop", config={"size": 3}
    )
    ended(bench, bench.wait(bench.jobs.submit_job(config)))

    expect_equal(facts, ["looks", "shop", 3, 0, 1, False, False, None], "what the context says")


@promise(Profile.DELIVERY)
def a_source_knows_that_it_is_one(bench: Workbench) -> None:
    """`is_source` is True for a step without inputs."""
    found: list[bool] = []

    class Looks(PlainSource):
        def open(self) -> None:
            found.append(self.context.is_source())

    finish(bench, Looks)

    expect_equal(found, [True], "is_source()")


@promise(Profile.DELIVERY)
def sending_tells_whether_somebody_got_it(bench: Workbench) -> None:
    """`send_data` is True where a step is connected, False where none is."""
    told: list[bool] = []

    class Sends(PlainStep):
        def process(self, data: Payload, input_index: int = 0) -> None:
            told.append(self.context.send_data(data))
            told.append(self.context.send_data(data, "nobody listens"))

    finish(bench, giving(1), Sends, Sends)

    expect_equal(sorted(told), [False, False, False, True], "what send_data returned")
