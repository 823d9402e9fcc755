"""The door of every kernel: all problems at once, or a config to rely on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_kernel_api.errors import CapabilityError, PipelineError
from sage_kernel_api.lifecycle import (
    PIPELINE_VERSION,
    check_needs,
    check_pipeline_config,
    pipeline_needs,
)
from sage_kernel_api.values import Capability


def step(step_id: str, *upstreams: str, **changes: Any) -> dict[str, Any]:
    """Return a valid step; the downstreams are filled in by `pipeline`."""
    return {
        "id": step_id,
        "kind": "map" if upstreams else "source",
        "operator": lambda context: None,
        "function_class": "F",
        "function_module": "m",
        "operator_class": "O",
        "operator_module": "m",
        "args": (),
        "kwargs": {},
        "parallelism": 1,
        "upstreams": list(dict.fromkeys(upstreams)),
        "downstreams": [],
        "inputs": [
            {"upstream": upstream, "index": index, "partitioning": "forward"}
            for index, upstream in enumerate(upstreams)
        ],
        **changes,
    }


def pipeline(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    for one in steps:
        fed = [other["id"] for other in steps if one["id"] in other["upstreams"]]
        one["downstreams"] = one["downstreams"] or fed
    return {
        "version": PIPELINE_VERSION,
        "name": "p",
        "config": {},
        "transformations": list(steps),
        "services": [],
        **changes,
    }


def valid() -> dict[str, Any]:
    return pipeline(step("a"), step("b", "a"), step("c", "a", "b"))


def test_a_valid_pipeline_comes_back_as_it_is() -> None:
    """The door must let the good ones through, unchanged."""
    config = valid()

    assert check_pipeline_config(config) is config


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        *parts, last = path.split(".")
        target: Any = config
        for part in parts:
            target = target[int(part) if part.isdigit() else part]
        target[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_set("version", 2), "version is 2"),
        (_set("version", True), "version is True"),
        (_set("name", 1), "name is a str, not int"),
        (_set("services", ()), "services is a list, not tuple"),
        (_set("services", [{"name": "s", "factory": 1}]), "factory is a class or callable"),
        (_set("services", [{"name": "s", "factory": int}] * 2), "'s' is described twice"),
        (_set("services", [3]), "services[0] is a mapping with a name"),
        (_set("transformations.1", 7), "transformations[1] is a mapping, not int"),
        (_set("transformations.1.operator", None), "operator is a callable"),
        (_set("transformations.1.parallelism", 0), "parallelism is a whole number from 1 to 1024"),
        (_set("transformations.1.parallelism", 2), "a forward edge joins equal parallelism"),
        (_set("transformations.1.id", "a"), "'a' is described twice"),
        (_set("transformations.1.kind", "source"), "a source has no inputs"),
        (_set("transformations.0.kind", "map"), "has no inputs and is no source"),
        (_set("transformations.1.inputs.0.upstream", "x"), "upstream 'x' is not in the pipeline"),
        (_set("transformations.1.inputs.0.partitioning", "x"), "partitioning is 'x'; known"),
        (_set("transformations.1.inputs.0.index", 3), "count from 0 without gaps"),
        (_set("transformations.1.inputs.0", 3), "an input is a mapping, not int"),
        (_set("transformations.1.upstreams", []), "upstreams [], but its inputs are ['a']"),
        (_set("transformations.0.downstreams", []), "downstreams [], but it feeds ['b', 'c']"),
        (_set("transformations.1.policies", {"on_error": "x"}), "on_error is 'x'; known"),
        (
            _set("transformations.1.policies", {"after_retries": "retry"}),
            "after_retries is 'retry'",
        ),
        (_set("transformations.1.policies", {"retries": -1}), "retries is a whole number from 0"),
        (_set("transformations.1.policies", {"retry_delay_s": -1}), "retry_delay_s is a number"),
        (_set("transformations.1.policies", 3), "policies are a mapping, not int"),
    ],
)
def test_a_wrong_pipeline_is_refused_by_name(
    change: Callable[[dict[str, Any]], None], problem: str
) -> None:
    """Whoever wrote the pipeline must learn which step and why."""
    config = valid()
    change(config)

    with pytest.raises(PipelineError) as caught:
        check_pipeline_config(config)

    assert any(problem in line for line in caught.value.problems), caught.value.problems


def test_a_circle_without_a_feedback_edge_is_refused_and_with_one_is_not() -> None:
    """A circle would wait for itself for ever."""
    steps = [step("a"), step("b", "a", "c"), step("c", "b")]
    config = pipeline(*steps)

    with pytest.raises(PipelineError, match="'b', 'c' wait for each other in a circle"):
        check_pipeline_config(config)

    steps[1]["inputs"][1]["is_feedback"] = True
    assert check_pipeline_config(config) is config


def test_all_problems_come_in_one_error() -> None:
    """Nobody wants to submit ten times to see ten mistakes."""
    config = valid()
    for path, value in (("version", 9), ("name", 1), ("transformations.0.parallelism", 0)):
        _set(path, value)(config)
    del config["transformations"][1]["args"]

    with pytest.raises(PipelineError) as caught:
        check_pipeline_config(config)

    assert len(caught.value.problems) == 4


_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(int),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
    ),
)
_places = st.sampled_from(
    [
        *("version", "name", "config", "transformations", "services"),
        *(
            f"transformations.1{name}"
            for name in (
                *("", ".id", ".uid", ".kind", ".operator", ".args", ".kwargs", ".parallelism"),
                *(".upstreams", ".downstreams", ".inputs", ".inputs.0", ".inputs.0.upstream"),
                *(".inputs.0.index", ".inputs.0.partitioning", ".inputs.0.output", ".policies"),
                *(".inputs.0.is_feedback", ".requires"),
            )
        ),
    ]
)


@given(_anything)
def test_r20_anything_is_refused_by_our_error(config: Any) -> None:
    """A plain dictionary may come from anywhere."""
    with pytest.raises(PipelineError):
        check_pipeline_config(config)


@given(_places, _anything)
def test_r20_a_pipeline_with_one_wild_field_gives_a_result_or_our_error(
    place: str, value: Any
) -> None:
    """No field may make the door crash with another exception."""
    config = valid()
    _set(place, value)(config)

    with contextlib.suppress(PipelineError):
        pipeline_needs(check_pipeline_config(config))


def test_what_a_graph_needs_is_read_off_it() -> None:
    """A kernel must refuse what it cannot do before anything runs."""
    steps = [
        step("a"),
        step("b", "a", parallelism=2),
        step("c", "a", parallelism=2, policies={"on_error": "skip"}, requires=["timers", "new"]),
        step("d", "a", parallelism=1),
    ]
    steps[1]["inputs"][0]["partitioning"] = "hash"
    steps[2]["inputs"][0] |= {"partitioning": "broadcast", "output": "late", "is_feedback": True}
    steps[3]["inputs"][0]["partitioning"] = "hash"
    config = pipeline(*steps, services=[{"name": "s", "factory": int}])

    checked = check_pipeline_config(config)

    assert pipeline_needs(checked) == [
        ("step 'b'", Capability.PARALLELISM),
        ("step 'b'", Capability.KEYED_ROUTING),
        ("step 'c'", Capability.PARALLELISM),
        ("step 'c'", Capability.ERROR_POLICIES),
        ("step 'c'", Capability.BROADCAST),
        ("step 'c'", Capability.FEEDBACK),
        ("step 'c'", Capability.SIDE_OUTPUTS),
        ("step 'c'", "timers"),
        ("step 'c'", "new"),
        ("service 's'", Capability.SERVICES),
    ]
    check_needs(checked, "all", frozenset(Capability) | {"new"})  # type: ignore[arg-type]
    with pytest.raises(CapabilityError, match="Kernel 'some' cannot run") as caught:
        check_needs(checked, "some", frozenset(Capability))
    assert caught.value.problems == ("step 'c' needs new",)
