"""From described steps to the `PipelineConfig` that travels to a kernel.

Layer: core. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sage_kernel_api.core.functions import declared_states
from sage_kernel_api.core.operators import has_timers
from sage_kernel_api.core.transformation import BaseTransformation, Edge, function_name
from sage_kernel_api.lifecycle import (
    PIPELINE_VERSION,
    InputConfig,
    PipelineConfig,
    ServiceConfig,
    TransformationConfig,
)
from sage_kernel_api.values import Capability, PartitionStrategy

__all__ = ["build_pipeline_config", "edge_partitioning", "needed_capabilities"]

_BY_PARTITIONING: dict[str, Capability] = {
    "hash": Capability.KEYED_ROUTING,
    "broadcast": Capability.BROADCAST,
    "custom": Capability.CUSTOM_ROUTING,
    "round_robin": Capability.PARALLELISM,
}


def build_pipeline_config(
    name: str,
    config: Mapping[str, Any],
    steps: Sequence[BaseTransformation],
    services: Iterable[ServiceConfig],
) -> PipelineConfig:
    """Return the description of a job; steps in an order where upstreams come first.

    That is the order of description: a step is described after what feeds it, but for future
    streams, whose edges are feedback.
    """
    downstreams: dict[str, list[str]] = {step.basename: [] for step in steps}
    for step in steps:
        for upstream in step.upstreams:
            downstreams.setdefault(upstream.basename, []).append(step.basename)
    return {
        "version": PIPELINE_VERSION,
        "name": name,
        "config": dict(config),
        "transformations": [_step_config(step, downstreams[step.basename]) for step in steps],
        "services": list(services),
    }


def edge_partitioning(edge: Edge, step: BaseTransformation) -> PartitionStrategy:
    """Tell how records spread over an edge.

    As asked for by a keyby, ``rebalance`` or ``broadcast``; else straight on where both steps have
    equally many instances, else one after the other. Between single instances all are the same.
    """
    upstream = edge.outlet.transformation
    if upstream.parallelism == step.parallelism == 1:
        return "forward"
    is_level = upstream.parallelism == step.parallelism
    asked = edge.outlet.partitioning
    if asked == "hash" and is_level and upstream.operator_class.keeps_keys:
        return "forward"  # the records are where their keys belong already
    if asked is not None:
        return asked
    return "forward" if is_level else "round_robin"


def needed_capabilities(step: BaseTransformation) -> list[Capability]:
    """Return what a kernel must be able to do for this step, in a fixed order."""
    needed = {
        _BY_PARTITIONING[partitioning]
        for edge in step.edges
        if (partitioning := edge_partitioning(edge, step)) != "forward"
    }
    parallelism: object = step.parallelism  # Not checked yet: it may be anything.
    if isinstance(parallelism, int) and parallelism > 1:
        needed.add(Capability.PARALLELISM)
    if any(edge.is_feedback for edge in step.edges):
        needed.add(Capability.FEEDBACK)
    if any(edge.outlet.output is not None for edge in step.edges):
        needed.add(Capability.SIDE_OUTPUTS)
    needed.update(step.settings.get("needs", step.operator_class.needs))
    if declared_states(step.function_class) or step.operator_class.keeps_keyed_state:
        needed.add(Capability.KEYED_STATE)
    if has_timers(step.function_class):
        needed.update({Capability.TIMERS, Capability.KEYED_STATE})
    if step.effective_policies.step_policies:
        needed.add(Capability.ERROR_POLICIES)
    if step.placement == "process":
        needed.add(Capability.PROCESS_LANES)
    return sorted(needed)


def _step_config(step: BaseTransformation, downstreams: list[str]) -> TransformationConfig:
    function, operator = step.function_class, step.effective_operator_class
    return {
        "id": step.basename,
        "uid": step.uid,
        "kind": step.kind,
        "operator": step.operator_factory,
        "function_class": function_name(function),
        "function_module": getattr(function, "__module__", None) or "",
        "operator_class": operator.__qualname__,
        "operator_module": operator.__module__,
        "args": step.function_args,
        "kwargs": step.function_kwargs,
        "parallelism": step.parallelism,
        "upstreams": [upstream.basename for upstream in step.upstreams],
        "downstreams": downstreams,
        "inputs": [_input_config(edge, step) for edge in step.edges],
        "policies": step.effective_policies.step_policies,
        "placement": step.placement,
        "requires": [capability.value for capability in needed_capabilities(step)],
    }


def _input_config(edge: Edge, step: BaseTransformation) -> InputConfig:
    described: InputConfig = {
        "upstream": edge.outlet.transformation.basename,
        "index": edge.index,
        "partitioning": edge_partitioning(edge, step),
    }
    if described["partitioning"] == "custom" and edge.outlet.partitioner is not None:
        described["partitioner"] = edge.outlet.partitioner
    if edge.outlet.output is not None:
        described["output"] = edge.outlet.output
    if edge.is_feedback:
        described["is_feedback"] = True
    return described
