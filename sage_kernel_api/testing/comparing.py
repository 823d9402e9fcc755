"""Run one bounded pipeline on several kernels, and compare what reaches its sinks.

Layer: testing. The sinks themselves do not run: what would go to a file or a screen is kept and
compared, so that a comparison has no effect outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sage_kernel_api.core.environment import BaseEnvironment
from sage_kernel_api.core.environment.running import Running, check_runnable
from sage_kernel_api.core.functions import SinkFunction
from sage_kernel_api.core.operators import SinkOperator
from sage_kernel_api.core.transformation import BaseTransformation
from sage_kernel_api.errors import CapabilityError, PipelineError, WaitTimeoutError
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.testing.assertions import multiset_differences, per_key_differences
from sage_kernel_api.values import Payload

__all__ = ["Difference", "KernelOutcome", "compare_outcomes", "run_for_comparison"]


@dataclass(frozen=True, slots=True)
class KernelOutcome:
    """What one kernel made of the pipeline.

    Attributes:
        kernel: Its spec.
        records: For each sink, the key and value of each record, in the order of arrival.
        failure: How the job failed: step and cause; empty if it finished.
        unable: Why the kernel cannot run the pipeline; empty if it can.
    """

    kernel: str
    records: Mapping[str, Sequence[tuple[Payload, Payload]]]
    failure: str = ""
    unable: str = ""

    @property
    def count(self) -> int:
        """Number of records over all sinks."""
        return sum(len(records) for records in self.records.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two kernels differ.

    Attributes:
        where: The sink, or ``the end of the job``.
        lines: What is different, the most telling first.
    """

    where: str
    lines: tuple[str, ...]


class _Keep(SinkFunction[Any]):
    """Stands in for a sink."""

    def __init__(self, kept: list[tuple[Payload, Payload]]) -> None:
        self._kept = kept

    def execute(self, data: Any) -> None:
        # One call, so that instances on several threads lose nothing.
        self._kept.append((self.ctx.get_key(), data))


def run_for_comparison(
    build: Callable[[], BaseEnvironment[Any]], spec: str, timeout_s: float
) -> KernelOutcome:
    """Run a pipeline on one kernel with its sinks replaced.

    Args:
        build: Makes the environment anew; one that ran on another kernel is used up.
        spec: The kernel.
        timeout_s: Longest time in seconds; the job is then cancelled.

    Raises:
        PipelineError: It has no sink, or had not ended in time.
        KernelError: Kernel or pipeline cannot be used.
    """
    environment = build()
    kept = {step.basename: _replace(step) for step in environment.pipeline if _is_sink(step)}
    if not kept:
        raise PipelineError("The pipeline has no sink, so there is nothing to compare.")
    kernel = resolve_kernel(spec)
    try:
        try:
            running = Running.start(kernel, check_runnable(environment, kernel))
        except CapabilityError as error:
            return KernelOutcome(spec, {}, unable=str(error))
        failure = _end_of(running, spec, timeout_s)
    finally:
        kernel.shutdown()
    return KernelOutcome(spec, kept, failure)


def _end_of(running: Running, spec: str, timeout_s: float) -> str:
    try:
        running.wait(timeout_s)
    except WaitTimeoutError as error:
        running.cancel()
        raise PipelineError(
            f"On kernel {spec!r} the pipeline had not ended after {timeout_s:g} s. Only bounded "
            "pipelines can be compared; give a long one more time."
        ) from error
    except Exception as error:  # noqa: BLE001 - a failure is an outcome, and is compared
        cause = error.__cause__ or error
        return f"{type(cause).__name__}: {cause}"
    return ""


def _is_sink(step: BaseTransformation) -> bool:
    return issubclass(step.operator_class, SinkOperator)


def _replace(step: BaseTransformation) -> list[tuple[Payload, Payload]]:
    kept: list[tuple[Payload, Payload]] = []
    step.operator_class = SinkOperator
    step.function_class, step.function_args, step.function_kwargs = _Keep, (kept,), {}
    # The list is in this process.
    step.placement = "kernel"
    return kept


def compare_outcomes(one: KernelOutcome, other: KernelOutcome) -> list[Difference]:
    """Return where *other* differs from *one*: records as a multiset, then the order of each key.

    Records without a key have an order only within one instance, so theirs is not compared.
    """
    found: list[Difference] = []
    if one.failure != other.failure:
        ends = (f"{each.kernel}: {each.failure or 'finished'}" for each in (one, other))
        found.append(Difference("the end of the job", tuple(ends)))
    if one.failure or other.failure:
        # What arrived before a failure is a matter of timing.
        return found
    for sink, expected in one.records.items():
        lines = _record_differences(other.records[sink], expected)
        if lines:
            found.append(Difference(f"sink {sink!r}", tuple(lines)))
    return found


def _record_differences(
    actual: Sequence[tuple[Payload, Payload]], expected: Sequence[tuple[Payload, Payload]]
) -> list[str]:
    lines = multiset_differences(_values(actual), _values(expected))
    if lines:
        return lines
    return per_key_differences(_keyed(actual), _keyed(expected), key=lambda pair: pair[0])


def _values(pairs: Iterable[tuple[Payload, Payload]]) -> list[Payload]:
    return [value for _, value in pairs]


def _keyed(pairs: Iterable[tuple[Payload, Payload]]) -> list[tuple[Payload, Payload]]:
    return [pair for pair in pairs if pair[0] is not None]
