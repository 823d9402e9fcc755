"""What a kernel would make of a pipeline, as data, and as text, mermaid, dot or JSON.

Layer: core. Asks the kernel through the contract; runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from sage_kernel_api.core.environment.running import check_runnable
from sage_kernel_api.core.explain import GraphFormat
from sage_kernel_api.core.graph_text import dot_text, mermaid_text
from sage_kernel_api.errors import CapabilityError, ConfigurationError
from sage_kernel_api.kernel_facade import KernelFacade, SupportsExplain
from sage_kernel_api.values import Capability, PhysicalChain, PhysicalDescription, PhysicalEdge

if TYPE_CHECKING:
    from sage_kernel_api.core.environment import BaseEnvironment

__all__ = ["describe_physical", "render_physical"]


def describe_physical(
    env: BaseEnvironment[Any], kernel: KernelFacade | None = None
) -> PhysicalDescription:
    """Ask a kernel how it would run the pipeline of an environment.

    Args:
        env: Whose pipeline.
        kernel: The kernel to ask; None for the environment's own.

    Raises:
        PipelineError: The pipeline is not valid; all problems are listed.
        CapabilityError: The kernel cannot tell (it has no `SupportsExplain`), or lacks what the
            pipeline needs.

    Example:
        >>> from sage_kernel_api import LocalEnvironment
        >>> with LocalEnvironment("squares", kernel="default") as env:
        ...     stream = env.from_collection([1, 2]).map(lambda x: x * x, parallelism=2)
        ...     stream = stream.sink(print, parallelism=2)
        ...     print(render_physical(describe_physical(env)))
        pipeline squares on kernel default: 2 chains, 3 tasks
        chain source      x1  thread
        chain map..print  x2  thread
        source -> map (round_robin), 2 channels: parallelism changes from 1 to 2
        map -> print (forward), in one chain
    """
    asked = env.kernel if kernel is None else kernel
    if Capability.EXPLAIN not in asked.capabilities:
        raise CapabilityError(
            f"Kernel {asked.name!r} cannot tell how it would run a job: it does not offer "
            f"{Capability.EXPLAIN}. Ask another one, such as 'default', or look at the plain "
            "graph."
        )
    # Checked against the contract when the kernel was resolved.
    return cast("SupportsExplain", asked).explain_job(check_runnable(env, asked))


def render_physical(description: PhysicalDescription, form: GraphFormat = "text") -> str:
    """Return a description as text for people, mermaid, Graphviz dot, or JSON.

    Raises:
        ConfigurationError: *form* is unknown.
    """
    if form not in tuple(_RENDERERS):
        raise ConfigurationError(
            f"Graph format {form!r} is unknown; it is one of {', '.join(_RENDERERS)}."
        )
    return "\n".join(_RENDERERS[form](description))


def _text(description: PhysicalDescription) -> Iterator[str]:
    chains = description.chains
    tasks = sum(len(chain.lanes) for chain in chains)
    yield (
        f"pipeline {description.name} on kernel {description.kernel}: "
        f"{_count(len(chains), 'chain')}, {_count(tasks, 'task')}"
    )
    width = max((len(chain.name) for chain in chains), default=0)
    for chain in chains:
        # A chain of two is named by its ends; a longer one hides what is between them.
        inside = f"  {', '.join(chain.steps)}" if len(chain.steps) > 2 else ""
        loop = "" if chain.loop is None else f"  in loop {chain.loop}"
        yield f"chain {chain.name:<{width}}  x{len(chain.lanes)}  {_lanes(chain)}{loop}{inside}"
    for edge in description.edges:
        output = "" if edge.output is None else f"[{edge.output}]"
        yield f"{edge.upstream}{output} -> {edge.downstream} ({_routing(edge)}), {_way(edge)}"


def _mermaid(description: PhysicalDescription) -> Iterator[str]:
    ids = _ids(description)
    yield "flowchart LR"
    for number, chain in enumerate(description.chains):
        yield f'    subgraph c{number}["{mermaid_text(_title(chain))}"]'
        yield from (f'        {ids[step]}["{mermaid_text(step)}"]' for step in chain.steps)
        yield "    end"
    for edge in description.edges:
        arrow = "-.->" if edge.is_feedback else "-->" if edge.break_reason is None else "==>"
        label = mermaid_text(_label(edge))
        yield f'    {ids[edge.upstream]} {arrow}|"{label}"| {ids[edge.downstream]}'


def _dot(description: PhysicalDescription) -> Iterator[str]:
    ids = _ids(description)
    yield f"digraph {dot_text(description.name)} {{"
    yield "    rankdir=LR;"
    yield "    node [shape=box];"
    for number, chain in enumerate(description.chains):
        yield f"    subgraph cluster_{number} {{"
        yield f"        label={dot_text(_title(chain))};"
        yield from (f"        {ids[step]} [label={dot_text(step)}];" for step in chain.steps)
        yield "    }"
    for edge in description.edges:
        style = "dashed" if edge.is_feedback else "solid" if edge.break_reason is None else "bold"
        yield (
            f"    {ids[edge.upstream]} -> {ids[edge.downstream]} "
            f"[label={dot_text(_label(edge))}, style={style}];"
        )
    yield "}"


def _json(description: PhysicalDescription) -> Iterator[str]:
    yield json.dumps(asdict(description), indent=2, ensure_ascii=False)


def _ids(description: PhysicalDescription) -> Mapping[str, str]:
    steps = (step for chain in description.chains for step in chain.steps)
    return {step: f"s{number}" for number, step in enumerate(steps)}


def _title(chain: PhysicalChain) -> str:
    return f"{chain.name} x{len(chain.lanes)}: {_lanes(chain)}"


def _lanes(chain: PhysicalChain) -> str:
    """Return the lanes of all instances; once where all run on the same sort."""
    first = chain.lanes[0]
    if all(lane == first for lane in chain.lanes):
        return first
    return ", ".join(chain.lanes)


def _label(edge: PhysicalEdge) -> str:
    output = [] if edge.output is None else [f"output {edge.output}"]
    reason = [] if edge.break_reason is None else [edge.break_reason]
    return "; ".join([_routing(edge), *output, *reason])


def _routing(edge: PhysicalEdge) -> str:
    parts: list[str] = [edge.partitioning]
    if edge.input_index:
        parts.append(f"input {edge.input_index}")
    if edge.is_feedback:
        parts.append("feedback")
    return ", ".join(parts)


def _way(edge: PhysicalEdge) -> str:
    if edge.break_reason is None:
        return "in one chain"
    return f"{_count(edge.channels, 'channel')}: {edge.break_reason}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_RENDERERS: dict[str, Callable[[PhysicalDescription], Iterator[str]]] = {
    "text": _text,
    "mermaid": _mermaid,
    "dot": _dot,
    "json": _json,
}
