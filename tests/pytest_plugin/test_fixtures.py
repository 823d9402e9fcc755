"""The plugin's fixtures, used by this suite itself."""

from __future__ import annotations

import pytest

from sage_kernel_api import FilterFunction, KernelFacade, LocalEnvironment, MapFunction
from sage_kernel_api.testing.assertions import assert_same_records
from sage_kernel_api.values import Capability
from sage_kernel_mock import (
    HarnessMaker,
    ManualClock,
    MockExecutionContext,
    MockKernelFacade,
    StepHarness,
)


class Even(FilterFunction[int]):
    def execute(self, data: int) -> bool:
        return data % 2 == 0


class BadClose(MapFunction[int, int]):
    def execute(self, data: int) -> int:
        return data

    def close(self) -> None:
        raise OSError("disk")


def test_a_pipeline_runs_on_each_kernel(kernel: KernelFacade) -> None:
    """The same test, on whatever is installed where it runs."""
    env = LocalEnvironment("job", kernel=kernel)
    numbers = env.from_collection(range(20)).filter(Even, parallelism=2, name="even")

    assert_same_records(numbers.execute_and_collect(), range(0, 20, 2))


@pytest.mark.needs_capability(Capability.BACKGROUND_JOBS)
def test_a_marked_test_runs_only_where_it_can(kernel: KernelFacade) -> None:
    """A skipped test must not have run."""
    assert Capability.BACKGROUND_JOBS in kernel.capabilities


def test_fixtures_share_one_kernel_and_one_clock(
    step_harness: HarnessMaker,
    mock_kernel: MockKernelFacade,
    manual_clock: ManualClock,
    execution_context: MockExecutionContext,
) -> None:
    """What a test scripts on one of them must hold for all."""
    step = step_harness(Even)
    other = step_harness.add(StepHarness[int, int].map(lambda x: -x))
    step.push_all([1, 2])
    other.push(3)
    step.advance_processing_time(5)
    execution_context.send_data("x")

    assert (step.outputs, other.outputs) == ([2], [-3])
    assert manual_clock.now_s == mock_kernel.clock.now_s == 5
    assert mock_kernel.journal.actions("test") == ["send"]


def test_all_harnesses_are_closed_and_all_failures_told() -> None:
    """R5: the first bad close() must not hide the others."""
    maker = HarnessMaker()
    for _ in range(2):
        maker(BadClose).push(1)

    with pytest.raises(ExceptionGroup, match=r"failed in close\(\)") as caught:
        maker.close()

    assert [str(error) for error in caught.value.exceptions] == ["disk", "disk"]
    maker.close()
