"""Run a pipeline under many seeds of a simulation and compare with its run without faults.

Layer: testing. The sinks themselves do not run: what would go to a file or a screen is kept, in
transactions, and compared. So what is judged is exactly-once, whatever the sinks promise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sage_kernel_api.core.environment import BaseEnvironment
from sage_kernel_api.core.environment.running import check_runnable
from sage_kernel_api.core.functions import TransactionalSinkFunction
from sage_kernel_api.core.operators import SinkOperator, TransactionalSinkOperator
from sage_kernel_api.core.transformation import BaseTransformation
from sage_kernel_api.errors import CapabilityError, PipelineError, StateError
from sage_kernel_api.kernel_facade import KernelFacade, SupportsSimulation
from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_api.testing.assertions import multiset_differences
from sage_kernel_api.values import Payload, SimulationReport

__all__ = ["Simulated"]


class Simulated:
    """One pipeline, simulated under one seed after the other.

    Attributes:
        reference: The run without faults.
        expected: What reaches each sink in it.
    """

    def __init__(self, kernel: KernelFacade, build: Callable[[], BaseEnvironment[Any]]) -> None:
        """Run the pipeline without faults.

        Args:
            kernel: Simulates.
            build: Makes the environment anew, for each start of the job.

        Raises:
            CapabilityError: The kernel cannot simulate, or not this pipeline.
            PipelineError: It is not valid, has no sink, or fails without any fault.
        """
        if not callable(getattr(kernel, "simulate_job", None)):
            raise CapabilityError(
                f"The kernel {kernel.name!r} cannot simulate. Take one that has simulate_job(), as "
                "'default'."
            )
        self._kernel = cast("SupportsSimulation", kernel)
        self._build = build
        kept = _Kept()
        self.reference: SimulationReport = self._simulate(kept, lambda _: (), 0, None)
        self.expected: Mapping[str, Sequence[Payload]] = kept.by_sink()
        if self.reference.problems:
            raise PipelineError(f"Without any fault: {self.reference.problems[0]}")

    @property
    def count(self) -> int:
        """Number of records over all sinks."""
        return sum(len(records) for records in self.expected.values())

    def run(self, seed: int) -> SimulationReport:
        """Run it under one seed."""
        kept = _Kept()

        def look(is_complete: bool) -> list[str]:
            return [
                f"sink {sink!r}: {line.strip()}"
                for sink, records in self.expected.items()
                for line in multiset_differences(kept.by_sink().get(sink, ()), records)
                if is_complete or not line.startswith("missing")
            ]

        return self._simulate(kept, look, seed, self.reference)

    def _simulate(
        self,
        kept: _Kept,
        look: Callable[[bool], Sequence[str]],
        seed: int,
        reference: SimulationReport | None,
    ) -> SimulationReport:
        return self._kernel.simulate_job(
            lambda: self._describe(kept), look, seed=seed, reference=reference
        )

    def _describe(self, kept: _Kept) -> PipelineConfig:
        environment = self._build()
        sinks = [step for step in environment.pipeline if _is_sink(step)]
        if not sinks:
            raise PipelineError("The pipeline has no sink, so there is nothing to compare.")
        for step in environment.pipeline:
            step.placement = "kernel"  # there is one process only
        for step in sinks:
            step.operator_class = TransactionalSinkOperator
            step.function_class = _KeepOnce
            step.function_args, step.function_kwargs = (kept, step.basename), {}
        return check_runnable(environment, None)


def _is_sink(step: BaseTransformation) -> bool:
    return issubclass(step.operator_class, SinkOperator)


class _Kept:
    """What the stand-ins of the sinks have written: it outlives every simulated process."""

    def __init__(self) -> None:
        self.pending: dict[str, list[Payload]] = {}
        self.committed: dict[str, tuple[str, list[Payload]]] = {}
        self._number = 0

    def prepare(self, records: list[Payload]) -> str:
        """Keep a transaction, not yet visible; return its handle."""
        self._number += 1
        self.pending[handle := str(self._number)] = records
        return handle

    def commit(self, sink: str, handle: str) -> None:
        """Make it visible; once more changes nothing."""
        if handle in self.committed:
            return
        if handle not in self.pending:
            raise StateError(f"Sink {sink!r} shall commit {handle!r}, which it never wrote.")
        self.committed[handle] = (sink, self.pending.pop(handle))

    def by_sink(self) -> dict[str, list[Payload]]:
        """Return all visible records."""
        found: dict[str, list[Payload]] = {}
        for sink, records in self.committed.values():
            found.setdefault(sink, []).extend(records)
        return found


class _KeepOnce(TransactionalSinkFunction[Any]):
    """Stands in for a sink."""

    def __init__(self, kept: _Kept, sink: str) -> None:
        super().__init__()
        self._kept = kept
        self._sink = sink
        self._records: list[Payload] = []

    def begin(self) -> None:
        self._records = []

    def execute(self, data: Any) -> None:
        self._records.append(data)

    def pre_commit(self, epoch: int) -> str | None:
        return self._kept.prepare(self._records) if self._records else None

    def commit(self, handle: str) -> None:
        self._kept.commit(self._sink, handle)

    def abort(self) -> None:
        self._records = []

    def recover(self, handles: Sequence[str]) -> None:
        for handle in handles:
            self.commit(handle)
