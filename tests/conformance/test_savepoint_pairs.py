"""Promise R8: a savepoint of one kernel is taken up by every other one that declares them."""

from __future__ import annotations

from itertools import product

import pytest

from sage_kernel_api.plugins import available_kernels
from sage_kernel_api.testing import KernelSource, exchange_savepoint
from sage_kernel_api.testing.verifying import declared_by
from sage_kernel_api.values import Capability

# Other settings of a kernel are other programs as far as files are concerned.
VARIANTS = {"default": ("default", "default?frame_size=16&channel_capacity=32")}


def savers() -> list[str]:
    """Return the installed kernels that declare savepoints."""
    sources = [
        KernelSource.of_spec(entry.name) for entry in available_kernels() if not entry.problems
    ]
    return [one.label for one in sources if Capability.SAVEPOINTS in declared_by(one)]


SAVERS = savers()
SPECS = [spec for name in SAVERS for spec in VARIANTS.get(name, (name,))]
NOTE = "" if len(SAVERS) > 1 else f" (no pair of different kernels: only {SAVERS} is installed)"


@pytest.mark.parametrize("parallelism", [(1, 1), (1, 3), (3, 2)], ids=str)
@pytest.mark.parametrize(
    ("writer", "reader"),
    [pytest.param(a, b, id=f"{a} to {b}{NOTE}") for a, b in product(SPECS, SPECS)],
)
def test_r8_a_savepoint_travels_between_kernels(
    writer: str, reader: str, parallelism: tuple[int, int]
) -> None:
    """Whoever changes the kernel would lose the state of months."""
    exchange_savepoint(KernelSource.of_spec(writer), KernelSource.of_spec(reader), parallelism)


def test_there_is_a_kernel_whose_savepoints_are_tried() -> None:
    """An empty list of pairs would pass."""
    assert "default" in SAVERS
