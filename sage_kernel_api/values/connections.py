"""How the output of one task reaches the input of another.

Layer: values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from sage_kernel_api.values.records import Payload

__all__ = ["PARTITION_STRATEGIES", "ConnectionInfo", "PartitionStrategy", "Partitioner"]

PartitionStrategy: TypeAlias = Literal["forward", "hash", "round_robin", "broadcast", "custom"]
"""How records spread over the instances of the next step.

``forward``: instance *i* to instance *i* (needs equal parallelism); ``hash``: by key group;
``round_robin``: one after the other; ``broadcast``: all to all; ``custom``: as a function says.
"""

Partitioner: TypeAlias = Callable[[Payload, int], int]
"""Chooses, for a record and a number of instances *n*, the receiving one, in ``range(n)``."""

PARTITION_STRATEGIES: Final[frozenset[str]] = frozenset(get_args(PartitionStrategy))


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One downstream edge of a task, with all instances that it leads to.

    Attributes:
        targets: Names of the receiving tasks (or queues), in the order of their parallel index.
        input_index: Which input of the receiving step the records arrive at, from 0.
        partition_strategy: How records spread over *targets*.
        output: Name of the side output that feeds this edge; None for the main one.
        partitioner: Chooses the receiver under the strategy ``custom``; else None.
    """

    targets: tuple[str, ...]
    input_index: int = 0
    partition_strategy: PartitionStrategy = "forward"
    output: str | None = None
    partitioner: Partitioner | None = None
