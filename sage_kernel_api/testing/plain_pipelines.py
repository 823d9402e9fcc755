"""Pipelines and steps written by hand, below the core: what a kernel is given, and nothing else.

Layer: testing. Knows the pipeline's description and the `Runnable` Protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sage_kernel_api.context import ExecutionContext
from sage_kernel_api.lifecycle import (
    PIPELINE_VERSION,
    InputConfig,
    PipelineConfig,
    ServiceConfig,
    TransformationConfig,
)
from sage_kernel_api.runnable import SOURCE_ENDED, Runnable, SourcePoll
from sage_kernel_api.values import Payload

__all__ = ["PlainSource", "PlainStep", "edge", "pipeline", "step"]


class PlainStep:
    """A step that does nothing; tests override what they look at."""

    kind = "process"

    def __init__(self, context: ExecutionContext) -> None:
        self.context = context

    def open(self) -> None:
        """Get ready."""

    def process(self, data: Payload, input_index: int = 0) -> None:
        """Take one record."""

    def finish(self) -> None:
        """Emit what was held back."""

    def close(self) -> None:
        """Let go."""


class PlainSource(PlainStep):
    """A source of given records, one at each look."""

    kind = "source"
    records: ClassVar[Sequence[Payload]] = ()

    def __init__(self, context: ExecutionContext, records: Iterable[Payload] | None = None) -> None:
        super().__init__(context)
        self.left: list[Payload] = list(self.records if records is None else records)

    def poll(self, limit: int) -> SourcePoll:
        """Return the next record."""
        return SourcePoll([self.left.pop(0)]) if self.left else SOURCE_ENDED


def edge(
    upstream: str, index: int = 0, partitioning: str = "forward", **more: Payload
) -> InputConfig:
    """Return an edge into a step."""
    described: Any = {"upstream": upstream, "index": index, "partitioning": partitioning, **more}
    return described  # type: ignore[no-any-return]  # tests also describe wrong ones


def step(
    step_id: str,
    operator: Callable[[ExecutionContext], Runnable],
    *inputs: InputConfig,
    kind: str | None = None,
    **more: Payload,
) -> TransformationConfig:
    """Return a step; its kind is that of the class *operator*, if nothing else is said."""
    described: Any = {
        "id": step_id,
        "kind": kind or getattr(operator, "kind", "process"),
        "operator": operator,
        "function_class": "",
        "function_module": "",
        "operator_class": getattr(operator, "__qualname__", ""),
        "operator_module": getattr(operator, "__module__", ""),
        "args": (),
        "kwargs": {},
        "parallelism": 1,
        "inputs": list(inputs),
        **more,
    }
    return described  # type: ignore[no-any-return]  # tests also describe wrong ones


def pipeline(
    *steps: TransformationConfig,
    services: Sequence[ServiceConfig] = (),
    config: Mapping[str, Any] | None = None,
    name: str = "plain",
) -> PipelineConfig:
    """Return a pipeline of these steps; upstreams and downstreams are read off the edges."""
    for one in steps:
        one["upstreams"] = list(dict.fromkeys(edge["upstream"] for edge in one["inputs"]))
        one["downstreams"] = [
            other["id"]
            for other in steps
            if any(edge["upstream"] == one["id"] for edge in other["inputs"])
        ]
    return {
        "version": PIPELINE_VERSION,
        "name": name,
        "config": config or {},
        "transformations": list(steps),
        "services": list(services),
    }
