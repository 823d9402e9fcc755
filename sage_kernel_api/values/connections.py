"""How the output of one task reaches the input of another.

Layer: values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

__all__ = ["PARTITION_STRATEGIES", "ConnectionInfo", "PartitionStrategy"]

PartitionStrategy: TypeAlias = Literal["forward", "hash", "round_robin", "broadcast"]
"""How records spread over the instances of the next step.

``forward``: instance *i* to instance *i* (needs equal parallelism); ``hash``: by key group;
``round_robin``: one after the other; ``broadcast``: all to all.
"""

PARTITION_STRATEGIES: Final[frozenset[str]] = frozenset(get_args(PartitionStrategy))


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """One downstream edge of a task, with all instances that it leads to.

    Attributes:
        targets: Names of the receiving tasks (or queues), in the order of their parallel index.
        input_index: Which input of the receiving step the records arrive at, from 0.
        partition_strategy: How records spread over *targets*.
        output: Name of the side output that feeds this edge; None for the main one.
    """

    targets: tuple[str, ...]
    input_index: int = 0
    partition_strategy: PartitionStrategy = "forward"
    output: str | None = None
