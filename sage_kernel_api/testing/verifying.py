"""Run the kit on a kernel, from the first test to the report.

Layer: testing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.testing.backdoors import BackDoors
from sage_kernel_api.testing.catalogue import contract_tests_for
from sage_kernel_api.testing.kernel_source import KernelSource
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.report import Report
from sage_kernel_api.testing.trial import Outcome, try_test
from sage_kernel_api.values import Capability

__all__ = ["declared_by", "verify_kernel"]


def verify_kernel(
    kernel: str | Callable[[], KernelFacade] | KernelSource,
    profiles: Iterable[Profile] = (),
    *,
    doors: BackDoors | None = None,
    limit_s: float | None = None,
    on_outcome: Callable[[Outcome, int, int], None] | None = None,
) -> Report:
    """Find out what a kernel keeps of what it declares.

    Every test gets a new kernel. To be called on the main thread, since some promises are about
    what only that may change. Needs no test framework.

    Args:
        kernel: A spec string, or what makes a kernel.
        profiles: Only these; all if there are none.
        doors: The author's ways into the kernel.
        limit_s: Shortens the limit of every test, in seconds.
        on_outcome: Told each outcome, its number from 1, and how many there will be.

    Raises:
        KernelError: The kernel cannot be found or made.
        ConfigurationError: This is not the main thread.

    Example:
        >>> report = verify_kernel("mock", [Profile.QUEUES])
        >>> [(line.label, line.result.value) for line in report.results]
        [('queues', 'not declared')]
    """
    source = kernel if isinstance(kernel, KernelSource) else KernelSource.of(kernel)
    capabilities = declared_by(source)
    wanted = tuple(dict.fromkeys(profiles)) or tuple(Profile)
    tests = contract_tests_for(capabilities, wanted, doors)
    outcomes: list[Outcome] = []
    for test in tests:
        outcome = try_test(test, source, doors, limit_s)
        outcomes.append(outcome)
        if on_outcome is not None:
            on_outcome(outcome, len(outcomes), len(tests))
    return Report(source.label, capabilities, wanted, tuple(outcomes))


def declared_by(source: KernelSource) -> frozenset[Capability]:
    """Make a kernel, and return what it declares."""
    kernel = source.make()
    try:
        return kernel.capabilities
    finally:
        kernel.shutdown()
