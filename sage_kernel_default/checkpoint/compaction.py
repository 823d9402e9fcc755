"""Which changes lie on top of each other long enough to be merged.

Layer: checkpoint. Pure.

Each epoch adds a run of changes on top of a table. Runs are merged when there are many and the
younger ones have grown to the size of the next older one, so that a key is rewritten a logarithmic
number of times; or all of them, when they take a small multiple of the oldest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from sage_kernel_default.checkpoint.manifest import SegmentRef

__all__ = ["MAX_RUNS", "runs_to_merge"]

MAX_RUNS: Final = 32
"""Fewer runs than this are left alone: a task with many changes sends a new base before."""
_FEW_RUNS: Final = 8
_MOST_ON_TOP: Final = 2
"""Where no new base comes, changes take at most so many times the space of what is below them."""


def runs_to_merge(segments: Sequence[SegmentRef]) -> int:
    """Return how many of the last segments to merge; 0 for none.

    Args:
        segments: Of one table and instance, in order.

    Source:
        O'Neil et al. 1996, "The Log-Structured Merge-Tree"; the tiers are those of size-tiered
        compaction as in Bigtable (Chang et al. 2006, section 5.4).
    """
    runs = [list(run) for _, run in groupby(segments, key=lambda segment: segment.run)]
    if len(runs) < _FEW_RUNS:
        return 0
    sizes = [sum(segment.total_bytes for segment in run) for run in runs]
    first = len(runs) - 1
    while first > 0 and sizes[first - 1] <= sum(sizes[first:]):
        first -= 1
    # A long row of runs, each much larger than the next, cannot be: this bounds the number.
    is_large = first == 0 and sum(sizes[1:]) > _MOST_ON_TOP * sizes[0]
    is_due = is_large or len(runs) - first >= MAX_RUNS
    return sum(map(len, runs[first:])) if is_due else 0
