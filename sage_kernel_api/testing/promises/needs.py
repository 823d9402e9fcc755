"""What a kernel does not declare, it refuses before anything runs.

Layer: testing. Promises of `Capability` and `JobManager.submit_job`; a test of this module is run
on the kernels that lack the capability.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sage_kernel_api.errors import CapabilityError
from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import Capability

GRAPHS: dict[Capability, Callable[[], PipelineConfig]] = {
    Capability.PARALLELISM: lambda: pipeline(step("b", PlainSource, parallelism=2)),
    Capability.KEYED_ROUTING: lambda: _edge_to_two("hash"),
    Capability.BROADCAST: lambda: _edge_to_two("broadcast"),
    Capability.CUSTOM_ROUTING: lambda: _edge_to_two("custom", partitioner=lambda record, n: 0),
    Capability.FEEDBACK: lambda: pipeline(
        step("a", PlainSource),
        step("b", PlainStep, edge("a"), edge("c", 1, is_feedback=True)),
        step("c", PlainStep, edge("b")),
    ),
    Capability.SIDE_OUTPUTS: lambda: pipeline(
        step("a", PlainSource), step("b", PlainStep, edge("a", output="late"))
    ),
    Capability.ERROR_POLICIES: lambda: pipeline(
        step("a", PlainSource), step("b", PlainStep, edge("a"), policies={"on_error": "skip"})
    ),
    Capability.PROCESS_LANES: lambda: pipeline(
        step("a", PlainSource), step("b", PlainStep, edge("a"), placement="process")
    ),
    Capability.SERVICES: lambda: pipeline(
        step("a", PlainSource), services=[{"name": "b", "factory": dict}]
    ),
}


@promise(
    Profile.CORE, variants=[one.value for one in Capability], lacks=lambda name: Capability(name)
)
def an_asked_for_ability_that_is_lacking_is_refused(bench: Workbench, need: str) -> None:
    """A step that says it requires what the kernel lacks raises `CapabilityError`."""
    config = pipeline(step("a", PlainSource), step("b", PlainStep, edge("a"), requires=[need]))

    _expect_refusal(bench, config, need)


@promise(
    Profile.CORE,
    variants={one.value: graph for one, graph in GRAPHS.items()},
    lacks=lambda name: Capability(name),
)
def a_need_is_read_off_the_graph(bench: Workbench, graph: Callable[[], PipelineConfig]) -> None:
    """What the graph itself shows to be needed is refused although no step says so."""
    _expect_refusal(bench, graph(), "")


@promise(Profile.CORE, variants=[Capability.SERVICES.value], lacks=lambda name: Capability(name))
def services_that_are_lacking_refuse_every_call(bench: Workbench, _: str) -> None:
    """Without the capability, calls end with `CapabilityError`, also those of a future."""
    context = bench.kernel.create_execution_context({})

    expect_error(CapabilityError, context.call_service, "cache", "get")
    answer = context.call_service_async("cache", "get")
    expect_error(CapabilityError, answer.result, bench.wait_s)
    expect_error(CapabilityError, bench.kernel.service_manager.start_service, "cache")
    expect_error(
        CapabilityError, bench.jobs.register_service_factory, "c", {"name": "c", "factory": dict}
    )


@promise(Profile.CORE, variants=[Capability.STATE.value], lacks=lambda name: Capability(name))
def state_that_is_lacking_refuses_every_use(bench: Workbench, _: str) -> None:
    """Without the capability, nothing is kept and nothing pretends to be."""
    state = bench.kernel.create_execution_context({}).state_manager

    expect_error(CapabilityError, state.save_state, "k", 1)
    expect_error(CapabilityError, state.load_state, "k")
    expect_error(CapabilityError, state.create_checkpoint, "c")


def _expect_refusal(bench: Workbench, config: PipelineConfig, need: str) -> None:
    error = expect_error(CapabilityError, bench.jobs.submit_job, config)

    expect(error.problems, "the error lists no problem")
    expect(need in str(error), f"the message does not name {need!r}: {error}")
    expect("'b'" in str(error), f"the message does not name the step or service 'b': {error}")
    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


def _edge_to_two(partitioning: str, **more: Any) -> PipelineConfig:
    return pipeline(
        step("a", PlainSource),
        step("b", PlainStep, edge("a", 0, partitioning, **more), parallelism=2),
    )
