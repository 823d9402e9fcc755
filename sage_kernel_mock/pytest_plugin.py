"""The pytest plugin: fixtures for functions and pipelines, and one that runs on every kernel.

Loaded by every pytest of an environment in which the project is installed, before a coverage
tool starts: so it imports nothing but pytest until a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from sage_kernel_api.kernel_facade import KernelFacade
    from sage_kernel_mock.clock import ManualClock
    from sage_kernel_mock.contexts import MockExecutionContext
    from sage_kernel_mock.facade import MockKernelFacade
    from sage_kernel_mock.harness.maker import HarnessMaker

__all__ = [
    "execution_context",
    "kernel",
    "manual_clock",
    "mock_kernel",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_runtest_setup",
    "step_harness",
]

_SPEC: Final = "_sage_kernel_spec"
_MARK: Final = "needs_capability"
_HELP: Final = (
    "run tests with the fixture `kernel` on this kernel only: a name or a spec such as "
    "'default?lanes=process'; may be repeated. Without it: on every installed kernel."
)


# --- fixtures ------------------------------------------------------------------------------------


@pytest.fixture
def manual_clock() -> ManualClock:
    """The clock of `mock_kernel`, which only the test moves."""
    from sage_kernel_mock.clock import ManualClock

    return ManualClock()


@pytest.fixture
def mock_kernel(manual_clock: ManualClock) -> Iterator[MockKernelFacade]:
    """A new mock kernel, shut down after the test."""
    from sage_kernel_mock.facade import MockKernelFacade

    made = MockKernelFacade(clock=manual_clock)
    yield made
    made.shutdown()


@pytest.fixture
def execution_context(mock_kernel: MockKernelFacade) -> MockExecutionContext:
    """Surroundings for one function: ``function.set_context(execution_context)``."""
    return mock_kernel.create_execution_context({"name": "test"})


@pytest.fixture
def step_harness(mock_kernel: MockKernelFacade) -> Iterator[HarnessMaker]:
    """Make a `StepHarness` with ``step_harness(Function, *args)``, on `mock_kernel`."""
    from sage_kernel_mock.harness.maker import HarnessMaker

    maker = HarnessMaker(mock_kernel)
    yield maker
    maker.close()


@pytest.fixture
def kernel(request: pytest.FixtureRequest, _sage_kernel_spec: str) -> Iterator[KernelFacade]:
    """A kernel, shut down after the test; the test runs once on every installed one.

    Skipped where the kernel lacks what the marker ``needs_capability`` names, and where a kernel
    that nobody asked for with ``--kernel`` cannot be loaded.
    """
    from sage_kernel_api.errors import KernelError
    from sage_kernel_api.plugins import resolve_kernel

    needs = _needs_of(request.node)
    try:
        made = resolve_kernel(_sage_kernel_spec)
    except KernelError as error:
        if _asked_for(request.config):
            raise
        pytest.skip(f"kernel {_sage_kernel_spec!r} cannot be loaded: {error}")
    try:
        if lacking := [need for need in needs if need not in made.capabilities]:
            pytest.skip(f"kernel {_sage_kernel_spec!r} does not offer {', '.join(lacking)}")
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def _sage_kernel_spec(request: pytest.FixtureRequest) -> str:
    """What `pytest_generate_tests` chose for this run of the test."""
    spec: str = request.param
    return spec


# --- hooks ---------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--kernel``."""
    group = parser.getgroup("sage-kernel", "SAGE Kernel")
    group.addoption("--kernel", action="append", dest="sage_kernels", metavar="SPEC", help=_HELP)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(*capabilities): skip the test on kernels that do not offer all of these; for "
        "tests with the fixture `kernel`",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the fixture `kernel` once on each kernel."""
    # Only the fixture of this plugin asks for it, so other fixtures named `kernel` are left alone.
    if _SPEC in metafunc.fixturenames:
        specs = _asked_for(metafunc.config) or _installed()
        metafunc.parametrize(_SPEC, specs, ids=specs, indirect=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse the marker where it would do nothing."""
    fixtures: Sequence[str] = getattr(item, "fixturenames", ())
    if item.get_closest_marker(_MARK) is not None and "kernel" not in fixtures:
        pytest.fail(f"@{_MARK} needs a test with the fixture `kernel`; here it does nothing")


def _asked_for(config: pytest.Config) -> list[str]:
    # One kernel asked for twice is one kernel.
    return list(dict.fromkeys(config.getoption("sage_kernels") or ()))


def _installed() -> list[str]:
    from sage_kernel_api.plugins import available_kernels

    return list(dict.fromkeys(one.name for one in available_kernels() if one.name))


def _needs_of(item: pytest.Item) -> list[str]:
    from sage_kernel_api.values import Capability

    named = [str(one) for mark in item.iter_markers(_MARK) for one in mark.args]
    known = [str(one) for one in Capability]
    if unknown := [one for one in named if one not in known]:
        pytest.fail(f"@{_MARK}: unknown {', '.join(map(repr, unknown))}; known: {', '.join(known)}")
    return list(dict.fromkeys(named))
