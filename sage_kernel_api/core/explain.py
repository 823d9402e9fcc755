"""The described graph as data, and as text, mermaid, dot or JSON.

Layer: core. Runs nothing and needs no kernel.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sage_kernel_api.core.graph_text import dot_text, mermaid_text
from sage_kernel_api.core.pipeline_builder import edge_partitioning, needed_capabilities
from sage_kernel_api.core.transformation import BaseTransformation, Edge, function_name
from sage_kernel_api.errors import ConfigurationError

if TYPE_CHECKING:
    from sage_kernel_api.core.environment import BaseEnvironment

__all__ = ["DescribedEdge", "DescribedGraph", "DescribedStep", "GraphFormat", "describe", "render"]

GraphFormat: TypeAlias = Literal["text", "mermaid", "dot", "json"]


@dataclass(frozen=True, slots=True)
class DescribedStep:
    """One step of a graph."""

    name: str
    kind: str
    function: str
    parallelism: int
    uid: str | None
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DescribedEdge:
    """One edge of a graph; *output* names a side output."""

    upstream: str
    downstream: str
    input_index: int
    partitioning: str
    output: str | None
    is_feedback: bool


@dataclass(frozen=True, slots=True)
class DescribedGraph:
    """A described pipeline: steps in the order of description, edges by their downstream step."""

    name: str
    steps: tuple[DescribedStep, ...]
    edges: tuple[DescribedEdge, ...]
    services: tuple[str, ...]


def describe(env: BaseEnvironment[Any]) -> DescribedGraph:
    """Return the graph that an environment describes. Also for pipelines that are not valid.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> env = LocalEnvironment("squares")
        >>> stream = env.from_collection([1, 2]).map(lambda x: x * x).sink(print)
        >>> print(render(describe(env), "text"))
        pipeline squares
        source   source x1
        map      map x1 <- source (forward)
        print    sink x1 <- map (forward)
    """
    return DescribedGraph(
        env.name,
        tuple(_describe_step(step) for step in env.pipeline),
        tuple(_describe_edge(edge, step) for step in env.pipeline for edge in step.edges),
        tuple(env.service_factories),
    )


def render(graph: DescribedGraph, form: GraphFormat = "text") -> str:
    """Return a graph as text for people, mermaid, Graphviz dot, or JSON.

    Raises:
        ConfigurationError: *form* is unknown.
    """
    # Sought in a tuple, because an unhashable value cannot be sought in a dictionary.
    if form not in tuple(_RENDERERS):
        raise ConfigurationError(
            f"Graph format {form!r} is unknown; it is one of {', '.join(_RENDERERS)}."
        )
    return _RENDERERS[form](graph)


def _describe_step(step: BaseTransformation) -> DescribedStep:
    return DescribedStep(
        step.basename,
        step.kind,
        function_name(step.function_class),
        step.parallelism,
        step.uid,
        tuple(capability.value for capability in needed_capabilities(step)),
    )


def _describe_edge(edge: Edge, step: BaseTransformation) -> DescribedEdge:
    return DescribedEdge(
        edge.outlet.transformation.basename,
        step.basename,
        edge.index,
        edge_partitioning(edge, step),
        edge.outlet.output,
        edge.is_feedback,
    )


def _text(graph: DescribedGraph) -> str:
    width = max((len(step.name) for step in graph.steps), default=0) + 2
    lines = [f"pipeline {graph.name}"]
    for step in graph.steps:
        feeds = [
            f"{edge.upstream} ({_edge_label(edge)})"
            for edge in graph.edges
            if edge.downstream == step.name
        ]
        tail = f" <- {', '.join(feeds)}" if feeds else ""
        lines.append(f"{step.name:<{width}} {step.kind} x{step.parallelism}{tail}")
    lines.extend(f"service {name}" for name in graph.services)
    return "\n".join(lines)


def _mermaid(graph: DescribedGraph) -> str:
    ids = {step.name: f"s{index}" for index, step in enumerate(graph.steps)}
    lines = ["flowchart LR"]
    for step in graph.steps:
        label = f"{mermaid_text(step.name)}<br/>{mermaid_text(step.kind)} x{step.parallelism}"
        lines.append(f'    {ids[step.name]}["{label}"]')
    for edge in graph.edges:
        arrow = "-.->" if edge.is_feedback else "-->"
        label = mermaid_text(_edge_label(edge))
        lines.append(f'    {ids[edge.upstream]} {arrow}|"{label}"| {ids[edge.downstream]}')
    return "\n".join(lines)


def _dot(graph: DescribedGraph) -> str:
    lines = [f"digraph {dot_text(graph.name)} {{", "    rankdir=LR;", "    node [shape=box];"]
    for step in graph.steps:
        label = dot_text(f"{step.name}\n{step.kind} x{step.parallelism}")
        lines.append(f"    {dot_text(step.name)} [label={label}];")
    for edge in graph.edges:
        style = ", style=dashed" if edge.is_feedback else ""
        lines.append(
            f"    {dot_text(edge.upstream)} -> {dot_text(edge.downstream)} "
            f"[label={dot_text(_edge_label(edge))}{style}];"
        )
    return "\n".join([*lines, "}"])


def _json(graph: DescribedGraph) -> str:
    return json.dumps(asdict(graph), indent=2, ensure_ascii=False)


def _edge_label(edge: DescribedEdge) -> str:
    parts = [edge.partitioning]
    if edge.input_index:
        parts.append(f"input {edge.input_index}")
    if edge.output is not None:
        parts.append(f"output {edge.output}")
    if edge.is_feedback:
        parts.append("feedback")
    return ", ".join(parts)


_RENDERERS: dict[str, Callable[[DescribedGraph], str]] = {
    "text": _text,
    "mermaid": _mermaid,
    "dot": _dot,
    "json": _json,
}
