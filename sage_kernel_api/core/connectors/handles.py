"""Which handles of a checkpoint count.

Layer: core. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["latest_handles"]


def latest_handles(handles: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Return the last handle of each instance.

    A handle covers all that its instance pre-committed before and did not commit, so earlier ones
    of the same instance, of checkpoints that failed or whose commit was missed, say nothing more.

    Example:
        >>> latest_handles([{"index": 0, "number": 2}, {"index": 0, "number": 1}])
        {0: {'index': 0, 'number': 2}}
    """
    latest: dict[int, Mapping[str, Any]] = {}
    for handle in handles:
        known = latest.get(handle["index"])
        if known is None or known["number"] <= handle["number"]:
            latest[handle["index"]] = handle
    return latest
