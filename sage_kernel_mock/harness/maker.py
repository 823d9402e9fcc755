"""What the fixture ``step_harness`` gives to a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sage_kernel_mock.facade import MockKernelFacade
from sage_kernel_mock.harness.step_harness import StepHarness

__all__ = ["HarnessMaker"]

I = TypeVar("I")  # noqa: E741 - the field's letter for an input
O = TypeVar("O")  # noqa: E741 - the field's letter for an output


class HarnessMaker:
    """Makes harnesses, called as `StepHarness` is, and closes all of them at the end.

    Args:
        kernel: On which all of them run; None for one each.

    Example:
        >>> from sage_kernel_api import FilterFunction
        >>> class Even(FilterFunction[int]):
        ...     def execute(self, data: int) -> bool:
        ...         return data % 2 == 0
        >>> step_harness = HarnessMaker()
        >>> step = step_harness(Even)
        >>> step.push_all(range(4))
        >>> step.outputs
        [0, 2]
        >>> step_harness.close()
    """

    def __init__(self, kernel: MockKernelFacade | None = None) -> None:
        self._kernel = kernel
        self._made: list[StepHarness[Any, Any]] = []

    if TYPE_CHECKING:
        # To type checkers, calling this is calling the class.
        __call__ = StepHarness
    else:

        def __call__(self, function: Any, *args: Any, **kwargs: Any) -> StepHarness[Any, Any]:
            """Make one."""
            return self.add(StepHarness(function, *args, **kwargs))

    def add(self, harness: StepHarness[I, O]) -> StepHarness[I, O]:
        """Close *harness* too at the end, and let it run where the others do; returns it.

        For those that are made of callables: ``step_harness.add(StepHarness.map(len))``.
        """
        self._made.append(harness.configure(kernel=self._kernel))
        return harness

    def close(self) -> None:
        """Close all harnesses, last made first.

        Raises:
            ExceptionGroup: Functions raised in ``close``; all harnesses are closed.
        """
        failures: list[Exception] = []
        while self._made:
            try:
                self._made.pop().close()
            except Exception as error:  # noqa: BLE001 - the others are closed too; raised below
                failures.append(error)
        if failures:
            raise ExceptionGroup("Functions under test failed in close():", failures)
