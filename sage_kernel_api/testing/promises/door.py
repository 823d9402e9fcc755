"""The door: what `submit_job` refuses before anything runs.

Layer: testing. Promises of `JobManager.submit_job` and `check_pipeline_config`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from sage_kernel_api.errors import CapabilityError, PipelineError
from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_api.runnable import SourcePoll
from sage_kernel_api.testing.contract_test import promise
from sage_kernel_api.testing.expectations import expect, expect_equal, expect_error
from sage_kernel_api.testing.plain_pipelines import PlainSource, PlainStep, edge, pipeline, step
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.workbench import Workbench
from sage_kernel_api.values import JobState

Spoil = Callable[[Any], object]


def _chain(**more: Any) -> PipelineConfig:
    """Return a pipeline that runs, with *more* said about its second step."""
    return pipeline(step("a", PlainSource), step("b", PlainStep, edge("a"), **more))


SPOILT: dict[str, Spoil] = {
    "no version": lambda config: config.pop("version"),
    "a newer version": lambda config: config.update(version=99),
    "a version that is no number": lambda config: config.update(version="1"),
    "no name": lambda config: config.pop("name"),
    "a name that is no text": lambda config: config.update(name=7),
    "steps that are no list": lambda config: config.update(transformations={}),
    "no services": lambda config: config.pop("services"),
    "settings that are no mapping": lambda config: config.update(config=[]),
    "a step that is no mapping": lambda config: config["transformations"].append("c"),
    "two steps of one id": lambda config: config["transformations"][1].update(id="a"),
    "an unknown upstream": lambda config: config["transformations"][1]["inputs"].append(
        edge("nobody", 1)
    ),
    "a step without inputs": lambda config: config["transformations"][1].update(
        inputs=[], upstreams=[]
    ),
    "a source with an input": lambda config: config["transformations"][0].update(
        inputs=[edge("b")], upstreams=["b"]
    ),
    "a parallelism of 0": lambda config: config["transformations"][0].update(parallelism=0),
    "a parallelism that is no number": lambda config: config["transformations"][0].update(
        parallelism="2"
    ),
    "an unknown partitioning": lambda config: config["transformations"][1]["inputs"][0].update(
        partitioning="random"
    ),
    "a custom edge without a partitioner": lambda config: config["transformations"][1]["inputs"][
        0
    ].update(partitioning="custom"),
    "an operator that cannot be called": lambda config: config["transformations"][1].update(
        operator="b"
    ),
    "an unknown policy": lambda config: config["transformations"][1].update(
        policies={"on_error": "ignore"}
    ),
    "negative retries": lambda config: config["transformations"][1].update(
        policies={"on_error": "retry", "retries": -1}
    ),
    "an unknown placement": lambda config: config["transformations"][1].update(placement="moon"),
    "forward between unequal steps": lambda config: config["transformations"][1].update(
        parallelism=2
    ),
    "a gap in the inputs": lambda config: config["transformations"][1]["inputs"][0].update(index=1),
    "wrong downstreams": lambda config: config["transformations"][0].update(downstreams=[]),
    "a service twice": lambda config: config["services"].extend(
        [{"name": "s", "factory": dict}, {"name": "s", "factory": dict}]
    ),
    "a service without a factory": lambda config: config["services"].append({"name": "s"}),
    "two steps of one uid": lambda config: [
        one.update(uid="same") for one in config["transformations"]
    ],
}


@promise(Profile.CORE, variants=SPOILT)
def a_wrong_pipeline_is_refused(bench: Workbench, spoil: Spoil) -> None:
    """A pipeline that is not valid raises `PipelineError`; nothing was started."""
    config = _chain()
    spoil(config)

    error = expect_error(PipelineError, bench.jobs.submit_job, config)

    expect(error.problems, "the error lists no problem")
    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


@promise(Profile.CORE)
def a_circle_without_a_feedback_edge_is_refused(bench: Workbench) -> None:
    """Steps that wait for each other raise `PipelineError`."""
    config = pipeline(
        step("a", PlainSource),
        step("b", PlainStep, edge("a"), edge("c", 1)),
        step("c", PlainStep, edge("b")),
    )

    expect_error(PipelineError, bench.jobs.submit_job, config)


@promise(Profile.CORE)
def all_problems_are_listed_at_once(bench: Workbench) -> None:
    """One error names everything that is wrong."""
    config = _chain(parallelism=0, placement="moon")
    config["name"] = 3  # type: ignore[typeddict-item]  # wrong on purpose

    error = expect_error(PipelineError, bench.jobs.submit_job, config)

    expect(len(error.problems) >= 3, f"problems are only {error.problems!r}")


@promise(Profile.CORE)
def the_pipeline_is_read_and_not_changed(bench: Workbench) -> None:
    """The description is as it was after the job."""
    config = _chain()
    before = _plain(config)

    bench.wait(bench.jobs.submit_job(config))

    expect_equal(_plain(config), before, "the description after the job")


@promise(Profile.CORE)
def one_description_serves_many_jobs(bench: Workbench) -> None:
    """It is not kept or used up: it can be submitted again."""
    config = _chain()

    states = [bench.wait(bench.jobs.submit_job(config))["state"] for _ in range(3)]

    expect_equal(states, [JobState.FINISHED] * 3, "the states of three jobs")


@promise(Profile.CORE)
def a_description_may_be_any_mapping(bench: Workbench) -> None:
    """Settings may be any mapping, and optional entries may be missing or None."""
    config = _chain(uid=None, placement=None, policies={})
    config["config"] = MappingProxyType({"size": 3})
    seen: list[object] = []

    class Looks(PlainSource):
        def poll(self, limit: int) -> SourcePoll:
            seen.append(self.context.get_config("size"))
            return super().poll(limit)

    config["transformations"][0]["operator"] = Looks
    bench.wait(bench.jobs.submit_job(config))

    expect_equal(seen[:1], [3], "get_config('size')")


@promise(Profile.CORE)
def a_need_of_a_newer_contract_is_refused(bench: Workbench) -> None:
    """A step that requires what no kernel of today has raises `CapabilityError`."""
    config = _chain(requires=["telepathy"])

    error = expect_error(CapabilityError, bench.jobs.submit_job, config)

    expect("telepathy" in str(error) and "'b'" in str(error), f"the message is {str(error)!r}")
    expect_equal(bench.jobs.list_jobs(), [], "list_jobs() after the refusal")


@promise(Profile.CORE)
def a_step_id_may_be_any_text(bench: Workbench) -> None:
    """Ids are keys, never paths."""
    ids = ["../x", "a\x00b", " ", "ü" * 300, "[0]"]
    config = pipeline(
        step("", PlainSource), *(step(one, PlainStep, edge("")) for one in ids), name="../job\x00"
    )

    status = bench.wait(bench.jobs.submit_job(config))

    expect_equal(status["state"], JobState.FINISHED, "the state")
    expect_equal(status["name"], "../job\x00", "the name")


def _plain(config: PipelineConfig) -> object:
    return copy.deepcopy({**config, "config": dict(config["config"])})
