"""What plugins may implement: one hook that offers kernels, four that watch them.

Layer: plugins. Declarations only; who calls them stands in `loading` and `observers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

if TYPE_CHECKING:
    from sage_kernel_api.plugins.registrar import KernelRegistrar
    from sage_kernel_api.storage import CheckpointStatus
    from sage_kernel_api.values import JobStatus

__all__ = ["PROJECT", "KernelHooks", "ObserverHooks", "hookimpl", "hookspec"]

PROJECT: Final = "sage_kernel"
"""The name under which pluggy knows our hooks."""

hookspec: Final = pluggy.HookspecMarker(PROJECT)
"""Marks the declaration of a hook. Plugins do not need it."""

hookimpl: Final = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of a hook. It may leave out parameters, not rename them."""


class KernelHooks:
    """The hook of a kernel plugin: a module (or object) named by an entry point."""

    @hookspec
    def sage_kernel_register(self, registrar: KernelRegistrar) -> None:
        """Offer kernels by ``registrar.add_kernel(name, factory, ...)``.

        Called once after the plugin was chosen and imported. Each name must be an entry point
        of the plugin's distribution.
        """


class ObserverHooks:
    """The hooks of an observer; it implements those that it cares for.

    They are called on the kernel's threads: be quick. What an observer raises is logged and
    disturbs nobody.
    """

    @hookspec
    def sage_kernel_started(self, kernel_name: str) -> None:
        """Take note that a kernel is in use."""

    @hookspec
    def sage_job_status(self, kernel_name: str, status: JobStatus) -> None:
        """Take note that a job has entered another state; *status* is a look at it."""

    @hookspec
    def sage_checkpoint_completed(self, kernel_name: str, checkpoint: CheckpointStatus) -> None:
        """Take note that a checkpoint is complete and would survive the kernel's end."""

    @hookspec
    def sage_kernel_stopped(self, kernel_name: str) -> None:
        """Take note that a kernel has shut down."""
