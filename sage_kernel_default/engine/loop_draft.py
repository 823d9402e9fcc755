"""What is written down of a loop while its lines are put together: names, counters, both ends.

Layer: engine. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

from sage_kernel_default.engine.operators import Operator
from sage_kernel_default.engine.segments import Buffer
from sage_kernel_default.engine.successors import USUAL_COUNT, successors
from sage_kernel_default.engine.tally import EdgeCounters
from sage_kernel_default.plan import Edge

__all__ = ["LoopDraft"]


@dataclass(slots=True, eq=False)
class LoopDraft:
    """The beginnings of one loop; used once.

    Attributes:
        operator_of: The running steps of the task.
        outputs_of: Edges by step and output.
        buffer_of: Where an edge's records are put, if they leave this loop; None to inline.
        counters_of: The ledger of an edge.
        breathe: Called now and then by loops that can go on for long within one record.
        tally: The numbers that the loop adds its counters to.
        names: What the names of the loop stand for.
        counts: Its counters, by their place in the tally.
        prologue: Lines before the loop.
        always: Lines after it that run also if a step fails.
        epilogue: Lines after those, if none fails.
    """

    operator_of: Callable[[str], Operator]
    outputs_of: Callable[[str], list[Edge]]
    buffer_of: Callable[[Edge], Buffer | None]
    counters_of: Callable[[Edge], EdgeCounters]
    breathe: Callable[[], None]
    tally: list[int]
    names: dict[str, Any] = field(default_factory=dict)
    counts: list[str] = field(default_factory=list)
    prologue: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)
    epilogue: list[str] = field(default_factory=list)
    _fresh: int = 0
    _following: str = ""

    def bind(self, stem: str, thing: object) -> str:
        """Return a new name of the loop that stands for *thing*."""
        self._fresh += 1
        name = f"{stem}_{self._fresh}"
        self.names[name] = thing
        return name

    def variable(self, stem: str) -> str:
        """Return a new name for a variable of the loop."""
        self._fresh += 1
        return f"{stem}_{self._fresh}"

    def count(self, start: str = "0") -> str:
        """Return a new counter that begins anew in each run."""
        name = f"n_{len(self.counts)}"
        self.counts.append(name)
        self.prologue.append(f"{name} = {start}")
        self.tally.append(0)
        return name

    def following(self) -> str:
        """Return the list that counts a run's records, each once at most: ``n = following[n]``."""
        if not self._following:
            self._following = self.bind("following", successors(USUAL_COUNT))
            longer = self.bind("longer", successors)
            first = self.counts[0]
            self.prologue.append(
                f"if {first} > {USUAL_COUNT}: {self._following} = {longer}({first})"
            )
        return self._following

    def called(self, stem: str, call: Callable[..., Any]) -> str:
        """Return the beginning of a call: all but the arguments and the closing bracket.

        A method is called as the function that it is, with its object: so the interpreter need
        not take a bound method apart each time.
        """
        if isinstance(call, MethodType) and isinstance(call.__func__, FunctionType):
            return f"{self.bind(stem, call.__func__)}({self.bind('self', call.__self__)}, "
        return f"{self.bind(stem, call)}("

    def place(self, count: str) -> tuple[list[int], int]:
        """Return where a counter is added up."""
        return self.tally, self.counts.index(count)

    def count_produced(self, edge: Edge, count: str) -> None:
        """Let *count* be what *edge* was given; channels count for themselves."""
        ledger = self.counters_of(edge)
        if not ledger.channels:
            ledger.produced.append(self.place(count))

    def at_start(self, line: str) -> None:
        """Add a line that runs before the loop."""
        self.prologue.append(line)

    def always_at_end(self, line: str) -> None:
        """Add a line that runs after the loop, also after a failure."""
        self.always.append(line)

    def at_end(self, line: str) -> None:
        """Add a line that runs after the loop, if nothing failed."""
        self.epilogue.append(line)
