"""Write the one loop that carries a record through a tree of fused steps.

Layer: engine. Pure: from steps to source text and the objects that its names stand for.

A record passes a step for the price of the call. Nothing is looked up per record, nothing
is logged, and failures are found afterwards: the traceback's line tells the step, the
frame's variables tell the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sage_kernel_default.engine.loop_body import Blame, LoopBody
from sage_kernel_default.engine.loop_draft import LoopDraft
from sage_kernel_default.engine.segments import Buffer, Segment
from sage_kernel_default.plan import Edge

__all__ = ["LoopSource", "write_loop"]


@dataclass(slots=True, eq=False)
class LoopSource:
    """The text of one loop and what is needed to run and explain it."""

    text: str
    names: dict[str, Any]
    lines: dict[int, Blame]
    """For a line: the step that works there, and the variables of its record and key."""


def write_loop(segment: Segment, draft: LoopDraft) -> LoopSource:
    """Write the loop of *segment* and connect the counters with its tally."""
    count = draft.count("len(values)")
    if segment.is_input:
        draft.counters_of(segment.edges[0]).consumed.append((draft.tally, 0))
    body = LoopBody(draft, "t" if segment.is_timed else "None", _late_lists(segment, draft))
    key = "k" if segment.is_keyed else "None"
    for edge in segment.edges:
        if (buffer := None if segment.is_input else draft.buffer_of(edge)) is not None:
            _pass_on(draft, edge, buffer, count, segment)
        else:
            body.step(edge, "v", key, count, indent=2, from_buffer=segment.is_input)
    return _assemble(draft, body, segment)


def _pass_on(draft: LoopDraft, edge: Edge, buffer: Buffer, count: str, segment: Segment) -> None:
    """Hand the records of the whole run to another buffer at once."""
    draft.at_end(f"{draft.bind('into', buffer.values.extend)}(values)")
    if buffer.is_keyed:
        keys = "keys" if segment.is_keyed else f"[None] * {count}"
        draft.at_end(f"{draft.bind('keys_into', buffer.keys.extend)}({keys})")
    if buffer.is_timed:
        times = "times" if segment.is_timed else f"[None] * {count}"
        draft.at_end(f"{draft.bind('times_into', buffer.times.extend)}({times})")
    draft.count_produced(edge, count)


def _late_lists(segment: Segment, draft: LoopDraft) -> list[list[Any]]:
    """Return the lists of sinks that may get the results of a run together, at its end.

    No list at all if some code of the loop could look at them; and never one that two sinks share,
    whose records take turns there.
    """
    lists: list[list[Any]] = []
    inside = [e for e in segment.edges if segment.is_input or draft.buffer_of(e) is None]
    while inside:
        operator = draft.operator_of(inside.pop().downstream)
        if (found := operator.results) is not None:
            lists.append(found)
        elif not operator.sees_arguments_only:
            return []
        inside += [e for e in draft.outputs_of(operator.step.id) if draft.buffer_of(e) is None]
    return [one for one in lists if sum(one is other for other in lists) == 1]


def _assemble(draft: LoopDraft, body: LoopBody, segment: Segment) -> LoopSource:
    parameters = "".join(f", {name}={name}" for name in draft.names)
    head = [f"def run(values, keys, times{parameters}):"]
    head += [f"    {line}" for line in draft.prologue]
    deeper = "    " if draft.always else ""
    head += ["    try:"] if draft.always else []
    if body.lines:
        head.append(f"{deeper}    for {_columns(segment)}:")
    tail = ["    finally:", *(f"        {line}" for line in draft.always)] if draft.always else []
    tail += [f"    {line}" for line in draft.epilogue]
    draft.names["tally"] = draft.tally
    tail += [f"    tally[{index}] += int({name})" for index, name in enumerate(draft.counts)]
    lines = [*head, *(deeper + text for text, _ in body.lines), *tail]
    steps = {
        len(head) + offset: step
        for offset, (_, step) in enumerate(body.lines, start=1)
        if step is not None
    }
    return LoopSource("\n".join(lines) + "\n", draft.names, steps)


def _columns(segment: Segment) -> str:
    columns = [("v", "values")]
    columns += [("k", "keys")] if segment.is_keyed else []
    columns += [("t", "times")] if segment.is_timed else []
    if len(columns) == 1:
        return "v in values"
    names, lists = zip(*columns, strict=True)
    return f"{', '.join(names)} in zip({', '.join(lists)})"
