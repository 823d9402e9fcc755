"""Where the kit gets kernels from, and how a program of its own would get the same one.

Layer: testing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sage_kernel_api.kernel_facade import KernelFacade
from sage_kernel_api.plugins import resolve_kernel

__all__ = ["KernelSource", "import_line"]


@dataclass(frozen=True, slots=True)
class KernelSource:
    """Makes new kernels of one kind.

    Attributes:
        label: What it is called in reports.
        make: Returns a new kernel; whoever calls shuts it down.
        expression: Python text that makes the same source in another program.
        imports: What that program must import before.
    """

    label: str
    make: Callable[[], KernelFacade]
    expression: str
    imports: tuple[str, ...] = ()

    @classmethod
    def of_spec(cls, spec: str) -> KernelSource:
        """Return the source of an installed kernel, by name or spec string."""
        return cls(spec, lambda: resolve_kernel(spec), repr(spec))

    @classmethod
    def of_factory(cls, factory: Callable[[], KernelFacade]) -> KernelSource:
        """Return the source of what a function or class makes; best one of a module's top level."""
        name = getattr(factory, "__qualname__", repr(factory))
        module = getattr(factory, "__module__", "")
        return cls(name, factory, name, (import_line(module, name.partition(".")[0]),))

    @classmethod
    def of(cls, kernel: str | Callable[[], KernelFacade]) -> KernelSource:
        """Return the source for a spec string or a factory."""
        return cls.of_spec(kernel) if isinstance(kernel, str) else cls.of_factory(kernel)


def import_line(module: str, name: str) -> str:
    """Return the import of *name*; by the folder of its file, if it is in no package."""
    line = f"from {module} import {name}"
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if not file or getattr(found, "__package__", None):
        return line
    return f"import sys; sys.path.insert(0, {str(Path(file).parent)!r}); {line}"
