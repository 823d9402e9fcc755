"""A segment: one compiled loop and the buffer that feeds it.

Layer: engine.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias, cast

from sage_kernel_api.values import Payload
from sage_kernel_default.plan import Edge

__all__ = ["Buffer", "LoopFunction", "Records", "Router", "Segment", "Share", "Time", "clearable"]

Time: TypeAlias = int | None
"""An event time in microseconds; None for a record that has none."""


class Records(Protocol):
    """Records that a loop reads; emptying them ends the loop after the record at hand."""

    def __iter__(self) -> Iterator[Payload]: ...

    def __len__(self) -> int: ...

    def clear(self) -> None:
        """Let go of all records."""


LoopFunction: TypeAlias = Callable[[Records, list[Payload], list[Time]], None]


def clearable(records: Sequence[Payload]) -> Records:
    """Return the records of a source as what a loop can read: as they are, or copied."""
    return cast("Records", records) if hasattr(records, "clear") else list(records)


Share: TypeAlias = tuple[list[Payload], list[Payload]]
"""The records for one receiver, and their keys."""


class Router(Protocol):
    """The receivers of the records of an edge that is spread by key."""

    routes: dict[Payload, Share]
    """Of the keys that were seen lately."""

    @abstractmethod
    def find(self, key: Payload, value: Payload) -> Share:
        """Return where to put a record whose key is not in `routes`, and remember it.

        Raises:
            KeyEncodingError: The key of the record *value* has no stable encoding.
        """


class Buffer(Protocol):
    """Where a compiled loop puts records that leave it; the lists stay the same objects."""

    values: list[Payload]
    keys: list[Payload]
    times: list[Time]
    is_keyed: bool
    is_timed: bool

    @property
    @abstractmethod
    def router(self) -> Router | None:
        """Return what spares the two lists: records are then put where their key belongs."""


class Segment:
    """The steps that one compiled loop runs for each record of its buffer.

    Begins either at an output of a step (``edges``: all that it feeds) or at one input edge.
    Compiled when first run: most outputs of fused steps are never sent to by hand.

    Attributes:
        edges: What each record is handed to.
        order: Position among the segments of the task, upstream first.
        tally: The numbers that the loop adds to after each run; see `engine.tally`.
        current: The records of the running loop. Clearing it ends the loop after the record
            at hand: so a job can be cancelled within a frame, and the loop need not look.
    """

    __slots__ = (
        "_compile",
        "_function",
        "current",
        "edges",
        "is_input",
        "is_keyed",
        "is_running",
        "is_timed",
        "keys",
        "order",
        "tally",
        "times",
        "values",
    )

    def __init__(
        self,
        edges: list[Edge],
        order: tuple[int, int],
        compile_loop: Callable[[Segment], LoopFunction],
        *,
        is_input: bool,
        is_keyed: bool,
        is_timed: bool,
    ) -> None:
        self.edges = edges
        self.order = order
        self.is_input = is_input
        self.is_keyed = is_keyed
        self.is_timed = is_timed
        self.values: list[Payload] = []
        self.keys: list[Payload] = []
        self.times: list[Time] = []
        self.tally: list[int] = []
        self.current: Records = []
        self.is_running = False
        self._compile = compile_loop
        self._function: LoopFunction | None = None

    @property
    def router(self) -> None:
        """None: a loop in the same task takes all keys."""

    def run_buffer(self) -> None:
        """Run the loop over what was collected; further records may be collected meanwhile."""
        # Copied, not exchanged: running loops hold on to these lists.
        values, keys, times = self.values[:], self.keys[:], self.times[:]
        self.values.clear()
        self.keys.clear()
        self.times.clear()
        self.run(values, keys, times)

    def run(self, values: Records, keys: list[Payload], times: list[Time]) -> None:
        """Run the loop over *values*, which nobody else will change.

        Args:
            values: The records.
            keys: Their keys; empty if the segment is not keyed.
            times: Their event times; empty if the segment is not timed.
        """
        function = self._function
        if function is None:
            function = self._function = self._compile(self)
        self.current = values
        self.is_running = True
        function(values, keys, times)
        self.is_running = False
