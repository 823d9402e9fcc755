"""Entry point: offers the kernel ``default``."""

from __future__ import annotations

from sage_kernel_api.plugins import KernelRegistrar, hookimpl
from sage_kernel_default.facade import DefaultKernelFacade
from sage_kernel_default.options import DefaultOptions

__all__ = ["sage_kernel_register"]


@hookimpl
def sage_kernel_register(registrar: KernelRegistrar) -> None:
    """Add the kernel to *registrar*."""
    registrar.add_kernel(
        "default",
        DefaultKernelFacade,
        options=DefaultOptions,
        summary="Embedded streaming engine on threads: fused loops, back-pressure, services.",
    )
