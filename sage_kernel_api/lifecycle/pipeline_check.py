"""The door check of a pipeline description: all problems at once, or a config to rely on.

Layer: lifecycle. Pure; knows shapes and graphs, nothing of users' classes or of any kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sage_kernel_api.communication import KEY_GROUPS
from sage_kernel_api.errors import PipelineError
from sage_kernel_api.lifecycle.durability_check import durability_problems
from sage_kernel_api.lifecycle.pipeline_config import PIPELINE_VERSION, PipelineConfig
from sage_kernel_api.runnable import KIND_SOURCE
from sage_kernel_api.values import PARTITION_STRATEGIES

__all__ = ["check_pipeline_config"]

_ABSENT = object()
_PLACEMENTS = [None, "process", "kernel"]  # a list: anything can be sought in it
_ON_ERROR = ("fail", "skip", "dead_letter", "retry")


def check_pipeline_config(config: Mapping[str, Any]) -> PipelineConfig:
    """Check the description of a job, as every kernel must before it starts one.

    Args:
        config: A `PipelineConfig`, or any mapping that claims to be one. Not changed.

    Returns:
        The same mapping, now known to be of that shape; every edge leads to a known step, every
        loop is closed by a feedback edge, and ``forward`` edges join equal parallelism.

    Raises:
        PipelineError: It is not; `problems` holds one line for each thing that is wrong.
    """
    problems = list(_shape_problems(config))
    if not problems:
        problems = list(_graph_problems(config["transformations"]))
    if problems:
        raise PipelineError.listing("The pipeline is not valid:", problems)
    return cast("PipelineConfig", config)


# --- shape -----------------------------------------------------------------------------------


def _shape_problems(config: Any) -> Iterator[str]:
    if not isinstance(config, Mapping):
        yield f"a pipeline is a mapping, not {type(config).__name__}"
        return
    version = config.get("version", _ABSENT)
    if version != PIPELINE_VERSION or isinstance(version, bool):
        shown = "missing" if version is _ABSENT else repr(version)
        yield f"version is {shown}; this release reads version {PIPELINE_VERSION}"
    yield from _field(config, "pipeline", "name", str)
    yield from _field(config, "pipeline", "config", Mapping)
    yield from _field(config, "pipeline", "transformations", list)
    yield from _field(config, "pipeline", "services", list)
    for position, step in enumerate(_items(config, "transformations")):
        yield from _step_problems(step, position)
    yield from _service_problems(_items(config, "services"))
    yield from durability_problems(config)


def _step_problems(step: Any, position: int) -> Iterator[str]:
    if not isinstance(step, Mapping):
        yield f"transformations[{position}] is a mapping, not {type(step).__name__}"
        return
    where = f"step {step.get('id', position)!r}"
    for key in (
        "id",
        "kind",
        "function_class",
        "function_module",
        "operator_class",
        "operator_module",
    ):
        yield from _field(step, where, key, str)
    yield from _field(step, where, "args", tuple)
    yield from _field(step, where, "kwargs", Mapping)
    for key in ("upstreams", "downstreams", "inputs"):
        yield from _field(step, where, key, list)
    for key in ("upstreams", "downstreams", "requires"):
        if not all(isinstance(item, str) for item in _items(step, key)):
            yield f"{where}: {key} is a list of str, not {step[key]!r}"
    yield from _optional(step, where, "uid", str)
    if "requires" in step:
        yield from _field(step, where, "requires", list)
    if not callable(step.get("operator")):
        yield f"{where}: operator is a callable that makes the step, not {step.get('operator')!r}"
    yield from _count(step, where, "parallelism", 1, KEY_GROUPS)
    if step.get("placement") not in _PLACEMENTS:
        yield f"{where}: placement is {step['placement']!r}; known: process, kernel"
    for edge in _items(step, "inputs"):
        yield from _edge_shape_problems(edge, where)
    yield from _policy_problems(step.get("policies", {}), where)


def _edge_shape_problems(edge: Any, where: str) -> Iterator[str]:
    if not isinstance(edge, Mapping):
        yield f"{where}: an input is a mapping, not {type(edge).__name__}"
        return
    yield from _field(edge, f"{where}, input", "upstream", str)
    yield from _count(edge, f"{where}, input", "index", 0, 10_000)
    yield from _optional(edge, f"{where}, input", "output", str)
    if "is_feedback" in edge:
        yield from _field(edge, f"{where}, input", "is_feedback", bool)
    # Sought in a list, because an unhashable value cannot be sought in a set.
    if edge.get("partitioning") not in sorted(PARTITION_STRATEGIES):
        yield (
            f"{where}: partitioning is {edge.get('partitioning')!r}; "
            f"known: {', '.join(sorted(PARTITION_STRATEGIES))}"
        )
    elif edge["partitioning"] == "custom" and not callable(edge.get("partitioner")):
        yield f"{where}: a custom edge has a partitioner (record, instances) -> instance"


def _policy_problems(policies: Any, where: str) -> Iterator[str]:
    if not isinstance(policies, Mapping):
        yield f"{where}: policies are a mapping, not {type(policies).__name__}"
        return
    if (on_error := policies.get("on_error", "fail")) not in _ON_ERROR:
        yield f"{where}: on_error is {on_error!r}; known: {', '.join(_ON_ERROR)}"
    if (after := policies.get("after_retries", "fail")) not in _ON_ERROR[:3]:
        yield f"{where}: after_retries is {after!r}; known: {', '.join(_ON_ERROR[:3])}"
    if "retries" in policies:
        yield from _count(policies, where, "retries", 0, 1_000_000)
    delay = policies.get("retry_delay_s", 0.0)
    if isinstance(delay, bool) or not isinstance(delay, (int, float)) or not 0 <= delay < 1e9:
        yield f"{where}: retry_delay_s is a number of seconds from 0, not {delay!r}"


def _service_problems(services: Sequence[Any]) -> Iterator[str]:
    seen: set[str] = set()
    for position, service in enumerate(services):
        if not isinstance(service, Mapping) or not isinstance(service.get("name"), str):
            yield f"services[{position}] is a mapping with a name, not {service!r}"
            continue
        if service["name"] in seen:
            yield f"service {service['name']!r} is described twice"
        seen.add(service["name"])
        if not callable(service.get("factory")):
            yield f"service {service['name']!r}: factory is a class or callable"
        workers = service.get("workers", 1)
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
            yield f"service {service['name']!r}: workers is a whole number from 1, not {workers!r}"
        if service.get("placement") not in _PLACEMENTS:
            placement = service["placement"]
            yield f"service {service['name']!r}: placement is {placement!r}; known: process, kernel"


def _field(mapping: Mapping[str, Any], where: str, key: str, kind: type) -> Iterator[str]:
    value = mapping.get(key, _ABSENT)
    if value is _ABSENT:
        yield f"{where}: {key} is missing"
    elif not isinstance(value, kind):
        yield f"{where}: {key} is a {kind.__name__.lower()}, not {type(value).__name__}"


def _optional(mapping: Mapping[str, Any], where: str, key: str, kind: type) -> Iterator[str]:
    if mapping.get(key) is not None:
        yield from _field(mapping, where, key, kind)


def _count(
    mapping: Mapping[str, Any], where: str, key: str, least: int, most: int
) -> Iterator[str]:
    value = mapping.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        yield f"{where}: {key} is a whole number from {least} to {most}, not {value!r}"


def _items(mapping: Mapping[str, Any], key: str) -> list[Any]:
    value = mapping.get(key)
    return value if isinstance(value, list) else []


# --- graph -----------------------------------------------------------------------------------


def _graph_problems(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    by_id: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        if step["id"] in by_id:
            yield f"step {step['id']!r} is described twice"
        by_id[step["id"]] = step
    feeds: dict[str, set[str]] = {step_id: set() for step_id in by_id}
    for step in steps:
        for edge in step["inputs"]:
            feeds.setdefault(edge["upstream"], set()).add(step["id"])
    for step in steps:
        yield from _edge_problems(step, by_id)
        yield from _neighbour_problems(step, feeds[step["id"]])
    yield from _repeated_uids(steps)
    yield from _cycle_problems(steps)


def _edge_problems(
    step: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    where = f"step {step['id']!r}"
    is_source = step["kind"] == KIND_SOURCE
    if is_source and step["inputs"]:
        yield f"{where}: a source has no inputs"
    if not is_source and not step["inputs"]:
        yield f"{where}: has no inputs and is no source"
    for edge in step["inputs"]:
        upstream = by_id.get(edge["upstream"])
        if upstream is None:
            yield f"{where}: its upstream {edge['upstream']!r} is not in the pipeline"
        elif edge["partitioning"] == "forward" and upstream["parallelism"] != step["parallelism"]:
            yield (
                f"{where}: a forward edge joins equal parallelism, but {edge['upstream']!r} has "
                f"{upstream['parallelism']} and it has {step['parallelism']}"
            )


def _neighbour_problems(step: Mapping[str, Any], feeds: set[str]) -> Iterator[str]:
    where = f"step {step['id']!r}"
    fed_by = {edge["upstream"] for edge in step["inputs"]}
    if set(step["upstreams"]) != fed_by:
        yield f"{where}: upstreams {step['upstreams']!r}, but its inputs are {sorted(fed_by)!r}"
    if set(step["downstreams"]) != feeds:
        yield f"{where}: downstreams {step['downstreams']!r}, but it feeds {sorted(feeds)!r}"
    indexes = {edge["index"] for edge in step["inputs"]}
    if indexes != set(range(len(indexes))):
        yield f"{where}: input indexes are {sorted(indexes)!r}; they count from 0 without gaps"


def _repeated_uids(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for step in steps:
        uid = step.get("uid")
        if uid is not None and uid in owners:
            yield f"steps {owners[uid]!r} and {step['id']!r} share the uid {uid!r}"
        elif uid is not None:
            owners[uid] = step["id"]


def _cycle_problems(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Peel off steps whose inputs are all peeled (Kahn 1962); what stays waits for a cycle."""
    waiting = {
        step["id"]: {edge["upstream"] for edge in step["inputs"] if not edge.get("is_feedback")}
        for step in steps
    }
    downstreams: dict[str, list[str]] = {step_id: [] for step_id in waiting}
    for step_id, upstreams in waiting.items():
        for upstream in upstreams & downstreams.keys():
            downstreams[upstream].append(step_id)
    free = [step_id for step_id, upstreams in waiting.items() if not upstreams & waiting.keys()]
    left = {step_id: len(upstreams & waiting.keys()) for step_id, upstreams in waiting.items()}
    while free:
        step_id = free.pop()
        del left[step_id]
        for follower in downstreams[step_id]:
            left[follower] -= 1
            if not left[follower]:
                free.append(follower)
    if left:
        yield (
            f"steps {', '.join(map(repr, sorted(left)))} wait for each other in a circle; "
            "close a loop with from_future() and fill_future()"
        )
