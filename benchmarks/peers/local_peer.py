"""Our own local sides in a process of their own, so that their memory is measured alike."""

from __future__ import annotations

import os

from benchmarks.peers.peer import Peer, Run
from benchmarks.values import KERNEL_VARIABLE
from benchmarks.workloads import WORKLOADS

__all__ = ["PEER"]

_cases = [
    case
    for cases_of in WORKLOADS.values()
    for case in cases_of(os.environ.get(KERNEL_VARIABLE, "default"))
]

PEER = Peer(
    distribution="sage-kernel",
    runs={
        case.key: [Run(side.variant, side.function, side.name) for side in case.sides]
        for case in _cases
    },
    absent={},
)
