"""Which steps share a task: as many as possible, and for every edge that could not, why.

Layer: plan. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sage_kernel_api.lifecycle import Placement
from sage_kernel_api.runnable import KIND_ASYNC_MAP
from sage_kernel_default.plan.logical import Edge, LogicalPlan

__all__ = ["Group", "Grouping", "group_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Steps that run in one task; `parallelism` tasks run the same group.

    Attributes:
        number: Position in topological order.
        steps: Ids, upstream first.
        parallelism: Of each of its steps.
        loop: Number of the loop it is part of; None for none.
        placement: Of each of its steps.
    """

    number: int
    steps: list[str]
    parallelism: int
    loop: int | None = None
    placement: Placement = "kernel"

    @property
    def name(self) -> str:
        """Return the name that errors and status show."""
        first, last = self.steps[0], self.steps[-1]
        return first if first == last else f"{first}..{last}"


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """All groups, and the edges between them.

    Attributes:
        groups: In topological order of their first steps.
        group_of: Number of the group by step id.
        breaks: For every edge that crosses tasks, the reason.
    """

    groups: list[Group]
    group_of: dict[str, int]
    breaks: dict[Edge, str] = field(default_factory=dict)


def group_steps(plan: LogicalPlan) -> Grouping:
    """Join every step to the task of its upstreams if all its inputs come from that one task.

    So a graph of parallelism 1 with one source becomes one task. A step with inputs from
    two sources gets a task of its own, lest one blocking source starve the other; a step
    that closes a loop too, since a source must not keep the loop waiting. An asynchronous
    step begins a task, which hands its results on whatever its upstreams do meanwhile.
    """
    members: list[list[str]] = []
    group_of: dict[str, int] = {}
    breaks: dict[Edge, str] = {}
    for step_id in plan.steps:
        inputs = plan.inputs[step_id]
        reasons = {edge: reason for edge in inputs if (reason := _obstacle(plan, edge))}
        homes = {group_of[edge.upstream] for edge in inputs if not edge.is_feedback}
        if len(homes) == 1 and not reasons:
            home = homes.pop()
        else:
            home = len(members)
            members.append([])
            breaks.update((edge, reasons.get(edge) or _shared_reason(reasons)) for edge in inputs)
        members[home].append(step_id)
        group_of[step_id] = home
    loops = _loops(len(members), group_of, breaks)
    groups = [
        Group(
            number,
            steps,
            plan.steps[steps[0]].parallelism,
            loops[number],
            plan.steps[steps[0]].placement,
        )
        for number, steps in enumerate(members)
    ]
    return Grouping(groups, group_of, breaks)


def _obstacle(plan: LogicalPlan, edge: Edge) -> str | None:
    """Say why the two ends of *edge* cannot share a task, whatever the other edges do."""
    if edge.is_feedback:
        return "it closes a loop"
    if plan.steps[edge.downstream].kind == KIND_ASYNC_MAP:
        return "an asynchronous step must not wait for the steps before it"
    here, there = plan.steps[edge.upstream].parallelism, plan.steps[edge.downstream].parallelism
    if here != there:
        return f"parallelism changes from {here} to {there}"
    if plan.steps[edge.upstream].placement != plan.steps[edge.downstream].placement:
        return "one of them runs in the kernel's process, the other one in a lane's"
    if here > 1 and edge.strategy != "forward":
        return f"records are spread by {edge.strategy}"
    return None


def _shared_reason(reasons: dict[Edge, str]) -> str:
    if not reasons:
        return "its inputs come from different tasks"
    return f"another input of the step keeps them apart ({next(iter(reasons.values()))})"


def _loops(count: int, group_of: dict[str, int], breaks: dict[Edge, str]) -> list[int | None]:
    """Number the strongly connected components that contain an edge (Tarjan 1972, iterative)."""
    followers: list[list[int]] = [[] for _ in range(count)]
    for edge in breaks:
        followers[group_of[edge.upstream]].append(group_of[edge.downstream])
    loops: list[int | None] = [None] * count
    for number, component in enumerate(_components(followers)):
        if len(component) > 1 or component[0] in followers[component[0]]:
            for group in component:
                loops[group] = number
    return loops


def _components(followers: list[list[int]]) -> list[list[int]]:
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(followers)):
        work = [] if root in index else [(root, iter(followers[root]))]
        if work:
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
        while work:
            node, rest = work[-1]
            for follower in rest:
                if follower not in index:
                    index[follower] = low[follower] = len(index)
                    stack.append(follower)
                    on_stack.add(follower)
                    work.append((follower, iter(followers[follower])))
                    break
                if follower in on_stack:
                    low[node] = min(low[node], index[follower])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    found.append(stack[cut:])
                    on_stack.difference_update(stack[cut:])
                    del stack[cut:]
    return found
