"""What type checkers know of the built-in kernels. These classes have no instances.

Layer: core.
"""

from __future__ import annotations

__all__ = ["CanPause", "DefaultKernel", "MockKernel"]


class CanPause:
    """A kernel whose jobs can be paused."""


class MockKernel:
    """The kernel ``mock``."""


class DefaultKernel(CanPause):
    """The kernel ``default``."""
