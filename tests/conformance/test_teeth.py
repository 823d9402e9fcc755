"""Must show 2, promise R17: the kit fails every deliberately wrong kernel, and names what is wrong.

``python -m tests.conformance.test_teeth`` prints the table.
"""

from __future__ import annotations

import importlib
import logging
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sage_kernel_api.testing import BackDoors, Door, KernelSource, Outcome
from sage_kernel_api.testing.catalogue import every_contract_test
from sage_kernel_api.testing.trial import Verdict, try_test
from sage_kernel_api.values import Capability
from tests.conformance.wrong_kernels.faults import FAULTS, Fault

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "wrong_kernels"
for module in sorted(HERE.glob("*.py")):
    importlib.import_module(f"tests.conformance.wrong_kernels.{module.stem}")
LIMIT_S = 8.0


def find(
    fault: Fault, doors: BackDoors | None = None, limit_s: float | None = LIMIT_S
) -> Outcome | None:
    """Return the first broken promise of the fault's subject; None if the kit sees nothing."""
    is_open = doors.open_doors if doors else frozenset[Door]()
    source = KernelSource.of_factory(fault.make)
    # The tests of the subject alone, so that the table is quick and the right one is named.
    # One that uses hypothesis would find more, but needs longer to show it.
    capabilities = _capabilities_of(fault)
    for test in every_contract_test():
        if fault.breaks not in ("", test.function.__name__) or test.uses_hypothesis:
            continue
        if test.subject is fault.subject and test.fits(capabilities, is_open):
            outcome = try_test(test, source, doors, limit_s)
            if outcome.verdict is Verdict.BROKEN:
                return outcome
    return None


def _capabilities_of(fault: Fault) -> frozenset[Capability]:
    kernel = fault.make()
    try:
        return frozenset(kernel.capabilities)
    finally:
        kernel.shutdown()


@pytest.fixture(autouse=True)
def untouched_process() -> Iterator[None]:
    """Undo what a bad guest did."""
    path, environment, state = list(sys.path), dict(os.environ), random.getstate()
    handlers, handler = list(logging.getLogger().handlers), signal.getsignal(signal.SIGTERM)
    yield
    sys.path[:] = path
    random.setstate(state)
    signal.signal(signal.SIGTERM, handler)
    logging.getLogger().handlers[:] = handlers
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_r17_the_kit_fails_a_wrong_kernel(fault: Fault) -> None:
    """A kit without teeth would call a kernel right that loses records."""
    outcome = find(fault, fault.doors)

    assert outcome is not None, f"{fault.name}: nothing of {fault.subject.value} is broken"
    assert outcome.test.subject is fault.subject
    assert outcome.message


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.doors], ids=lambda fault: fault.name)
def test_some_faults_are_seen_through_the_back_doors_only(fault: Fault) -> None:
    """A kit that asks the kernel alone would believe it."""
    # No shorter limit than authors have: on a busy machine it would be what is broken.
    assert find(replace(fault, breaks=""), limit_s=None) is None


def test_there_are_at_least_forty_of_them() -> None:
    """Must show 2."""
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def main() -> None:
    """Print which promise finds each wrong kernel."""
    for fault in FAULTS:
        outcome = find(fault, fault.doors)
        found = outcome.test.name if outcome else "NOT FOUND"
        print(f"{fault.name:50} {fault.subject.value:18} {found}")


if __name__ == "__main__":
    main()
