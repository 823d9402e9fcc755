"""What a pipeline needs of its kernel, read off its graph, and the refusal where it is lacking.

Layer: lifecycle. Pure. Kernels call `check_needs` at ``submit_job``, after the door check.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from sage_kernel_api.errors import CapabilityError
from sage_kernel_api.lifecycle.pipeline_config import (
    InputConfig,
    PipelineConfig,
    TransformationConfig,
)
from sage_kernel_api.lifecycle.service_placement import service_placement
from sage_kernel_api.values import Capability

__all__ = ["check_needs", "pipeline_needs"]


def check_needs(config: PipelineConfig, kernel: str, offered: Set[Capability]) -> None:
    """Refuse a pipeline that *kernel* cannot run.

    Args:
        config: As returned by `check_pipeline_config`.
        kernel: The kernel's name, for the message.
        offered: Its `capabilities`.

    Raises:
        CapabilityError: Something is lacking; `problems` has one line per step (or service)
            and capability.
    """
    problems = [
        f"{who} needs {need}" for who, need in pipeline_needs(config) if need not in offered
    ]
    if problems:
        raise CapabilityError.listing(
            f"Kernel {kernel!r} cannot run the pipeline {config['name']!r}. Choose a kernel that "
            "can (`sage-kernel list` shows what each one offers), or leave this out:",
            problems,
        )


def pipeline_needs(config: PipelineConfig) -> list[tuple[str, str]]:
    """Return who needs what, as pairs such as ``("step 'count'", "keyed-routing")``.

    What the graph shows comes together with what the steps themselves require. The second
    items are values of `Capability`, or words of a newer contract that a step named. In the
    order of the steps, without repetition.
    """
    found: dict[tuple[str, str], None] = {}
    for step in config["transformations"]:
        for need in _step_needs(step):
            found[f"step {step['id']!r}", need] = None
    if "checkpointing" in config:
        found["the job", Capability.CHECKPOINTS] = None
    if "restore_from" in config:
        found["the job", Capability.SAVEPOINTS] = None
    for service in config["services"]:
        who = f"service {service['name']!r}"
        found[who, Capability.SERVICES] = None
        if service_placement(service["factory"], service.get("placement")) == "process":
            found[who, Capability.PROCESS_LANES] = None
    return list(found)


def _step_needs(step: TransformationConfig) -> Iterator[str]:
    if step["parallelism"] > 1:
        yield Capability.PARALLELISM
    if step.get("placement") == "process":
        yield Capability.PROCESS_LANES
    policies = step.get("policies", {})
    if policies.get("on_error", "fail") != "fail":
        yield Capability.ERROR_POLICIES
    for edge in step["inputs"]:
        yield from _edge_needs(edge, step["parallelism"])
    yield from step.get("requires", [])


def _edge_needs(edge: InputConfig, parallelism: int) -> Iterator[str]:
    # With one receiver every way of spreading records is the same, so nothing is needed.
    if parallelism > 1 and edge["partitioning"] == "hash":
        yield Capability.KEYED_ROUTING
    if parallelism > 1 and edge["partitioning"] == "broadcast":
        yield Capability.BROADCAST
    if parallelism > 1 and edge["partitioning"] == "custom":
        yield Capability.CUSTOM_ROUTING
    if edge.get("is_feedback"):
        yield Capability.FEEDBACK
    if edge.get("output") is not None:
        yield Capability.SIDE_OUTPUTS
