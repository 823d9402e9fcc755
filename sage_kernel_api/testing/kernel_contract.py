"""The kit under pytest: a class to inherit from, without an import of pytest.

Layer: testing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import resolve_kernel
from sage_kernel_api.testing.backdoors import BackDoors
from sage_kernel_api.testing.catalogue import contract_tests_for, untested
from sage_kernel_api.testing.contract_test import ContractTest
from sage_kernel_api.testing.expectations import BrokenPromiseError
from sage_kernel_api.testing.kernel_source import KernelSource, import_line
from sage_kernel_api.testing.profiles import Profile
from sage_kernel_api.testing.programs import program_for
from sage_kernel_api.testing.trial import Verdict, try_test
from sage_kernel_api.testing.verifying import declared_by

__all__ = ["KernelContract"]


class _Metafunc(Protocol):
    """What pytest hands to ``pytest_generate_tests``."""

    fixturenames: Sequence[str]

    def parametrize(
        self, argnames: str, argvalues: Sequence[Any], *, ids: Sequence[str]
    ) -> object: ...


class KernelContract:
    """Test a kernel under pytest: one test for each promise that it gives.

    Set ``spec``, or override `make_kernel`; a subclass whose name begins with ``Test`` is
    collected. What the kernel does not declare has no test, so nothing is skipped. A declared
    capability that the kit cannot test fails `test_the_kit_covers_what_is_declared`.

    Attributes:
        spec: Name or spec string of an installed kernel.
        profiles: Only these; all if there are none.
        doors: The author's ways into the kernel.
        limit_s: Shortens the limit of every test, in seconds.

    Example:
        >>> class TestMock(KernelContract):
        ...     spec = "mock"
        ...     profiles = (Profile.CORE,)
    """

    spec: ClassVar[str] = ""
    profiles: ClassVar[tuple[Profile, ...]] = ()
    doors: ClassVar[BackDoors | None] = None
    limit_s: ClassVar[float | None] = None

    def make_kernel(self) -> KernelFacade:
        """Return a new kernel; the kit shuts it down."""
        return resolve_kernel(self.spec)

    def source(self) -> KernelSource:
        """Return where the kernels come from."""
        if self.spec:
            return KernelSource.of_spec(self.spec)
        cls = type(self)
        expression = f"{cls.__qualname__}().make_kernel"
        imported = import_line(cls.__module__, cls.__qualname__.partition(".")[0])
        return KernelSource(cls.__name__, self.make_kernel, expression, (imported,))

    def pytest_generate_tests(self, metafunc: _Metafunc) -> None:
        """Give pytest one test for each promise."""
        if "contract_test" in metafunc.fixturenames:
            tests = contract_tests_for(declared_by(self.source()), self.profiles, self.doors)
            metafunc.parametrize("contract_test", tests, ids=[test.test_id for test in tests])

    def test_contract(self, contract_test: ContractTest) -> None:
        """Find out whether the kernel keeps one promise."""
        source = self.source()
        outcome = try_test(contract_test, source, self.doors, self.limit_s)
        if outcome.verdict is Verdict.KEPT:
            return
        raise BrokenPromiseError(
            f"{contract_test.test_id} is {outcome.verdict.value}.\n"
            f"Promise: {contract_test.promise}\nSeen: {outcome.message}\n\n"
            f"This program shows it again:\n\n{program_for(contract_test, source)}"
        ) from outcome.error

    def test_the_kit_covers_what_is_declared(self) -> None:
        """A declared capability without a test would be believed without a reason."""
        gaps = untested(declared_by(self.source()))
        if gaps:
            raise BrokenPromiseError(
                f"The kit has no test for {', '.join(gaps)}, which the kernel declares: this "
                "version of the kit is older than the kernel, or has a gap."
            )
