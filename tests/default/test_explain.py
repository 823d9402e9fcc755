"""What the kernel tells of a job before it runs is what runs then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sage_kernel_api import LocalEnvironment, describe_physical, render_physical
from sage_kernel_api.core.explain import GraphFormat
from sage_kernel_api.errors import CapabilityError, ConfigurationError, PipelineError
from sage_kernel_api.values import PhysicalDescription
from sage_kernel_default import DefaultKernelFacade, DefaultOptions


def _describe_all(env: LocalEnvironment) -> None:
    """Put one edge of every sort on *env*."""
    numbers = env.from_collection(range(6), name="numbers")
    again = env.from_future("again", int)
    halves = numbers.union(again).map(lambda n: n // 2, name="halve")
    halves.filter(lambda n: n > 1, name="large").fill_future(again)
    halves.keyby(lambda n: n % 2, name="parity").map(lambda n: n, name="count", parallelism=2).sink(
        lambda _: None, name="end", parallelism=2
    )
    halves.map(str, name="text").set_placement("process").sink(print, name="show")


@pytest.fixture
def description(env: LocalEnvironment) -> PhysicalDescription:
    _describe_all(env)
    return describe_physical(env)


def test_every_step_is_in_one_chain_and_every_edge_is_told_once(
    env: LocalEnvironment, description: PhysicalDescription
) -> None:
    """A step that is missing in the picture would be sought in vain."""
    steps = [step for chain in description.chains for step in chain.steps]

    assert sorted(steps) == sorted(step.basename for step in env.pipeline)
    assert len({(e.upstream, e.downstream, e.is_feedback) for e in description.edges}) == sum(
        len(step.edges) for step in env.pipeline
    )


def test_keys_are_found_where_the_records_are_made(env: LocalEnvironment) -> None:
    """Else each record would go to the kernel's process only to be looked at, and on to a lane."""
    numbers = env.from_collection(range(6), name="numbers")
    halves = numbers.map(lambda n: n // 2, name="halve", parallelism=2).set_placement("process")
    keyed = halves.assign_timestamps(float).keyby(lambda n: n % 2, name="parity")
    keyed.map(str, name="text", parallelism=2).set_placement("process").sink(print, name="show")
    halves.keyby(str, name="here").set_placement("kernel").sink(print, name="other")

    description = describe_physical(env)

    chain_of = {step: chain.name for chain in description.chains for step in chain.steps}
    assert chain_of["halve"] == chain_of["parity"] != chain_of["text"]
    assert chain_of["here"] != chain_of["halve"], "what the user says comes first"


def test_an_edge_has_channels_and_a_reason_exactly_if_it_leaves_its_chain(
    description: PhysicalDescription,
) -> None:
    """The reason is what one can change."""
    chain_of = {step: chain.name for chain in description.chains for step in chain.steps}
    for edge in description.edges:
        is_inside = chain_of[edge.upstream] == chain_of[edge.downstream] and not edge.is_feedback
        assert (edge.break_reason is None) == (edge.channels == 0) == is_inside
    reasons = {e.downstream: e.break_reason for e in description.edges}
    assert reasons["count"] == "parallelism changes from 1 to 2"
    assert reasons["text"] == "one of them runs in the kernel's process, the other one in a lane's"
    assert reasons["end"] is None
    feedback = [edge for edge in description.edges if edge.is_feedback]
    assert [edge.break_reason for edge in feedback] == ["it closes a loop"]


def test_the_lanes_are_those_of_the_running_job(kernel: DefaultKernelFacade) -> None:
    """A description of something else than what runs would mislead."""
    env = LocalEnvironment("lanes", kernel=kernel)
    stream = env.from_collection(range(4)).map(str, parallelism=3).set_placement("process")
    stream.sink(lambda _: None)

    told = describe_physical(env)
    job_id = env.submit()
    env.wait(30)

    tasks = kernel.task_manager.list_tasks(job_id)
    assert [task["lane"] for task in tasks] == [lane for c in told.chains for lane in c.lanes]


@pytest.mark.parametrize("form", ["text", "mermaid", "dot"])
def test_every_picture_shows_all_steps_and_reasons(
    description: PhysicalDescription, form: GraphFormat
) -> None:
    """A picture that leaves out why a chain broke would be the plain graph again."""
    picture = render_physical(description, form)

    for step in ("numbers", "halve", "count", "show", "parallelism changes from 1 to 2"):
        assert step in picture


def test_json_has_the_whole_description(description: PhysicalDescription) -> None:
    """Tools draw their own pictures."""
    told = json.loads(render_physical(description, "json"))

    assert len(told["chains"]) == len(description.chains)
    assert told["edges"][0]["break_reason"] == description.edges[0].break_reason
    wrong: Any = "svg"
    with pytest.raises(ConfigurationError, match="'svg' is unknown"):
        render_physical(description, wrong)


def test_names_cannot_break_a_picture(kernel: DefaultKernelFacade) -> None:
    """Step names are free text."""
    env = LocalEnvironment('a"b', kernel=kernel)
    env.from_collection([1], name='x"] --> y').sink(print, name="<b>\n", parallelism=2)

    description = describe_physical(env)

    assert '"x#quot;] --#gt; y"' in render_physical(description, "mermaid")
    assert r'"x\"] --> y"' in render_physical(description, "dot")


def test_nothing_of_the_user_runs(kernel: DefaultKernelFacade) -> None:
    """One looks before one lets a job loose."""

    class Touchy:
        def __init__(self) -> None:
            raise AssertionError("made")

    env = LocalEnvironment("touchy", kernel=kernel)
    env.register_service("touchy", Touchy)
    env.from_collection([1]).sink(lambda _: pytest.fail("ran"))

    assert describe_physical(env).kernel == "default"
    assert kernel.job_manager.list_jobs() == []


def test_what_cannot_run_cannot_be_explained(kernel: DefaultKernelFacade) -> None:
    """The answer must be the one that `submit` gives."""
    env = LocalEnvironment("wrong", kernel=kernel)
    env.from_collection([1]).sink(print, name="end")
    config = env.build_pipeline_config()
    config["transformations"][1]["requires"] = ["distributed"]

    with pytest.raises(CapabilityError, match="'end' needs 'distributed'"):
        kernel.explain_job(config)
    with pytest.raises(PipelineError):
        kernel.explain_job({})


def test_options_of_the_kernel_show_in_the_lanes() -> None:
    """`lanes=process` is the first thing that one tries."""
    kernel = DefaultKernelFacade(DefaultOptions(lanes="process", processes=2))
    env = LocalEnvironment("spread", kernel=kernel)
    env.from_collection([1]).map(str, parallelism=3).sink(print)

    chains = describe_physical(env).chains

    assert chains[1].lanes == ("process 1", "process 2", "process 1")
    kernel.shutdown()
