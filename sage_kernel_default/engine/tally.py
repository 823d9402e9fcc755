"""Counters of steps and the ledger of edges, kept so that the fused loop pays per frame only.

Layer: engine. Compiled loops add to plain lists of numbers (tallies); a counter is a set of
places in such lists, summed up when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from sage_kernel_api.values import EdgeStatus, StepStatus
from sage_kernel_default.engine.ports import Channel

__all__ = ["EdgeCounters", "Place", "StepCounters", "edge_status", "step_status", "total"]

Place: TypeAlias = tuple[list[int], int]
"""One number: a tally and an index into it."""


@dataclass(slots=True, eq=False)
class StepCounters:
    """What one instance of one step has seen."""

    ins: list[Place] = field(default_factory=list)
    outs: list[Place] = field(default_factory=list)
    skipped: int = 0
    dead_lettered: int = 0
    retries: int = 0
    polled: int = 0
    keeps_count: bool = False
    """One record out for each one in, but for the failed ones; nothing else is counted."""


@dataclass(slots=True, eq=False)
class EdgeCounters:
    """What one instance of one edge has carried; `channels` where it leaves the task."""

    produced: list[Place] = field(default_factory=list)
    consumed: list[Place] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    dropped: int = 0
    dead_lettered: int = 0
    by_hand: int = 0
    """Produced apart from compiled loops and channels."""
    refused: int = 0
    """Sent into a loop that had run dry; see `Outlet.flush`."""


def total(places: list[Place]) -> int:
    """Sum up a counter."""
    return sum(tally[index] for tally, index in places)


def step_status(counters: Iterable[StepCounters]) -> StepStatus:
    """Sum up the instances of one step."""
    status = StepStatus(records_in=0, records_out=0, skipped=0, dead_lettered=0, retries=0)
    for one in counters:
        taken = total(one.ins)
        status["records_in"] += taken
        status["records_out"] += total(one.outs) + one.polled
        if one.keeps_count:
            status["records_out"] += taken - one.skipped - one.dead_lettered
        status["skipped"] += one.skipped
        status["dead_lettered"] += one.dead_lettered
        status["retries"] += one.retries
    return status


def edge_status(upstream: str, downstream: str, counters: Iterable[EdgeCounters]) -> EdgeStatus:
    """Sum up the instances of one edge, on both sides of it.

    What was consumed is read before what was produced, so that a look at a running job never
    shows more records at the end of an edge than at its beginning.
    """
    parts = list(counters)
    taken = sum(total(part.consumed) for part in parts)
    failed = sum(part.dropped for part in parts)
    dead = sum(part.dead_lettered for part in parts)
    refused = sum(part.refused for part in parts)
    produced = refused + sum(
        total(part.produced) + part.by_hand + sum(channel.sent for channel in part.channels)
        for part in parts
    )
    return EdgeStatus(
        upstream=upstream,
        downstream=downstream,
        produced=produced,
        consumed=taken - failed - dead,
        dropped=failed + refused,
        dead_lettered=dead,
        in_flight=produced - taken - refused,
    )
