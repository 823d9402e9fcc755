"""``sage-kernel new``: write a project, and say how to go on.

Layer: cli.
"""

from __future__ import annotations

from pathlib import Path

from sage_kernel_api.scaffolding import write_kernel_project, write_pipeline_project

__all__ = ["new_kernel", "new_pipeline"]


def new_kernel(name: str, directory: Path) -> str:
    """Write a kernel's project; return what to do next."""
    folder = write_kernel_project(name, directory)
    return _next_steps(folder, f"pip install -e {folder}", f"sage-kernel verify {name}")


def new_pipeline(name: str, directory: Path) -> str:
    """Write a pipeline's project; return what to do next."""
    folder = write_pipeline_project(name, directory)
    package = folder.name.replace("-", "_")
    return _next_steps(
        folder,
        f"pip install -e '{folder}[dev]'",
        f"sage-kernel run {folder / package / 'pipeline.py'}",
        f"pytest {folder}",
    )


def _next_steps(folder: Path, *commands: str) -> str:
    lines = [f"Wrote {folder}. Next:", *(f"  {command}" for command in commands)]
    return "\n".join(lines)
