"""The entry point: how discovery gets to know the kernel `mock`."""

from __future__ import annotations

from sage_kernel_api.plugins import KernelRegistrar, hookimpl
from sage_kernel_mock.facade import MockKernelFacade
from sage_kernel_mock.options import MockOptions

__all__ = ["sage_kernel_register"]


@hookimpl
def sage_kernel_register(registrar: KernelRegistrar) -> None:
    """Register the kernel `mock`."""
    registrar.add_kernel(
        "mock",
        MockKernelFacade,
        options=MockOptions,
        summary="for unit tests: inline, deterministic, on the caller's thread",
    )
