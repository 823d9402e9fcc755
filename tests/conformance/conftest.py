"""The kit, run once for each kernel and profile, whoever asks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.testing import KernelSource, Profile, Report, verify_kernel
from tests.conformance.doors import doors_of

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ("default", "mock", "echo")


def make_echo() -> KernelFacade:
    """Make the kernel of the plugin in this tree, which need not be installed."""
    folder = str(ROOT / "plugins" / "sage-kernel-echo")
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module("sage_kernel_echo.kernel")
    finally:
        sys.path.remove(folder)
    kernel: KernelFacade = module.EchoKernel()
    return kernel


@cache
def report_of(kernel: str, profile: Profile) -> Report:
    """Return what came of one profile on one kernel; run at the first look only."""
    source = KernelSource.of_spec(kernel)
    if kernel == "echo":
        source = KernelSource("echo", make_echo, "make_echo")
        make_echo()  # its import must not happen while the kit looks at the host
    return verify_kernel(source, [profile], doors=doors_of(kernel))


@pytest.fixture(scope="session")
def report() -> Callable[[str, Profile], Report]:
    """The results, shared by all tests of this folder."""
    return report_of
