"""Discovery: from a string to a kernel, and from installed plugins to observers.

Users call `resolve_kernel`; kernel plugins use `hookimpl` and `KernelRegistrar`; kernels call
``notify_*``; tools list with `available_kernels` and probe with `probe_kernels`. Nothing below
is imported before it is used: asking for a kernel does not pay for the doctor.

Example of a plugin module, named by an entry point of group ``sage_kernel.kernels``::

    @hookimpl
    def sage_kernel_register(registrar: KernelRegistrar) -> None:
        registrar.add_kernel("echo", EchoKernel, options=EchoOptions, summary="Says it again")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sage_kernel_api.plugins.check import check_kernel
    from sage_kernel_api.plugins.doctor import KernelProbe, ProbeOutcome, probe_kernels
    from sage_kernel_api.plugins.entries import KERNEL_GROUP
    from sage_kernel_api.plugins.hooks import hookimpl, hookspec
    from sage_kernel_api.plugins.observers import (
        OBSERVER_GROUP,
        add_observer,
        notify_checkpoint_completed,
        notify_job_status,
        notify_kernel_started,
        notify_kernel_stopped,
        remove_observer,
    )
    from sage_kernel_api.plugins.option_types import Address, ByteSize, Seconds
    from sage_kernel_api.plugins.options import OptionInfo, describe_options, read_options
    from sage_kernel_api.plugins.precedence import KernelChoice, choose_kernel
    from sage_kernel_api.plugins.registrar import KernelRegistrar
    from sage_kernel_api.plugins.registry import (
        KernelInfo,
        available_kernels,
        register_kernel,
        unregister_kernel,
    )
    from sage_kernel_api.plugins.resolve import (
        KernelDescription,
        describe_kernel,
        resolve_kernel,
    )
    from sage_kernel_api.plugins.spec import KernelSpec

__all__ = [
    "KERNEL_GROUP",
    "OBSERVER_GROUP",
    "Address",
    "ByteSize",
    "KernelChoice",
    "KernelDescription",
    "KernelInfo",
    "KernelProbe",
    "KernelRegistrar",
    "KernelSpec",
    "OptionInfo",
    "ProbeOutcome",
    "Seconds",
    "add_observer",
    "available_kernels",
    "check_kernel",
    "choose_kernel",
    "describe_kernel",
    "describe_options",
    "hookimpl",
    "hookspec",
    "notify_checkpoint_completed",
    "notify_job_status",
    "notify_kernel_started",
    "notify_kernel_stopped",
    "probe_kernels",
    "read_options",
    "register_kernel",
    "remove_observer",
    "resolve_kernel",
    "unregister_kernel",
]

_MODULES: Final = {
    "check": ("check_kernel",),
    "doctor": ("KernelProbe", "ProbeOutcome", "probe_kernels"),
    "entries": ("KERNEL_GROUP",),
    "hooks": ("hookimpl", "hookspec"),
    "observers": (
        "OBSERVER_GROUP",
        "add_observer",
        "notify_checkpoint_completed",
        "notify_job_status",
        "notify_kernel_started",
        "notify_kernel_stopped",
        "remove_observer",
    ),
    "option_types": ("Address", "ByteSize", "Seconds"),
    "options": ("OptionInfo", "describe_options", "read_options"),
    "precedence": ("KernelChoice", "choose_kernel"),
    "registrar": ("KernelRegistrar",),
    "registry": ("KernelInfo", "available_kernels", "register_kernel", "unregister_kernel"),
    "resolve": ("KernelDescription", "describe_kernel", "resolve_kernel"),
    "spec": ("KernelSpec",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:
    # Hidden from type checkers, to whom a misspelt import would otherwise be an `Any`.
    def __getattr__(name: str) -> object:
        """Import a public name at its first use (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
