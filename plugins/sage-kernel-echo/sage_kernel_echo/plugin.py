"""How the kernel `echo` becomes known: the entry point in ``pyproject.toml`` names this module."""

from sage_kernel_api.plugins import KernelRegistrar, hookimpl
from sage_kernel_echo.kernel import EchoKernel


@hookimpl
def sage_kernel_register(registrar: KernelRegistrar) -> None:
    """Register the kernel `echo`."""
    registrar.add_kernel("echo", EchoKernel, summary="logs each record that a sink took")
