"""The kernel `echo` keeps what it declares: the conformance kit under pytest, in three lines."""

from __future__ import annotations

from sage_kernel_api.testing import KernelContract
from sage_kernel_echo.kernel import EchoKernel


class TestEcho(KernelContract):
    """Every promise that the kernel gives."""

    def make_kernel(self) -> EchoKernel:
        return EchoKernel()
