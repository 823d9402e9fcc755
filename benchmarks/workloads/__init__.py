"""The workloads by name; each gives its cases for a kernel spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from benchmarks.values import Case
from benchmarks.workloads import (
    async_calls,
    chain,
    checkpoints,
    cpu,
    exchange,
    facade,
    fanout,
    import_time,
    keyed,
    latency,
    planning,
    scaling,
    soak,
    start,
)

__all__ = ["WORKLOADS", "CasesOf"]

CasesOf: TypeAlias = Callable[[str], Sequence[Case]]
"""Makes the cases of a workload for a kernel spec."""

WORKLOADS: Mapping[str, CasesOf] = {
    "chain": chain.cases,
    "keyed": keyed.cases,
    "fanout": fanout.cases,
    "cpu": cpu.cases,
    "exchange": exchange.cases,
    "async": async_calls.cases,
    "latency": latency.cases,
    "start": start.cases,
    "scaling": scaling.cases,
    "plan": planning.cases,
    "soak": soak.cases,
    "checkpoints": checkpoints.cases,
    "facade": facade.cases,
    "import": import_time.cases,
}
