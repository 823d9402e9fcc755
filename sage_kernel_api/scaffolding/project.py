"""Write a project from its templates, whole or not at all.

Layer: scaffolding.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.scaffolding.naming import ProjectNames

__all__ = ["write_kernel_project", "write_pipeline_project"]

# A file of the project, and its template, which ends in .txt so that no tool takes it for code.
_COMMON: Final = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    ".github/workflows/test.yml": "ci.yml.txt",
    "{{package}}/__init__.py": "package/__init__.py.txt",
    "tests/test_{{module}}.py": "test_module.py.txt",
}
_KERNEL: Final = {
    **_COMMON,
    "{{package}}/plugin.py": "package/plugin.py.txt",
    "{{package}}/kernel.py": "package/kernel.py.txt",
    "{{package}}/run.py": "package/run.py.txt",
}
_PIPELINE: Final = {
    **_COMMON,
    "{{package}}/functions.py": "package/functions.py.txt",
    "{{package}}/pipeline.py": "package/pipeline.py.txt",
}
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def write_kernel_project(name: str, directory: Path) -> Path:
    """Write the project of a kernel that runs pipelines at once.

    Args:
        name: Of the kernel.
        directory: Where the project's own folder, *name*, is made.

    Returns:
        That folder.

    Raises:
        ConfigurationError: *name* cannot be used, the folder exists, or it cannot be written.
            Nothing was written.
    """
    return _write(ProjectNames.of_kernel(name), "kernel", _KERNEL, directory)


def write_pipeline_project(name: str, directory: Path) -> Path:
    """Write the project of a pipeline with tests on the kernel ``mock``; as above."""
    return _write(ProjectNames.of_pipeline(name), "pipeline", _PIPELINE, directory)


def _write(names: ProjectNames, template: str, members: Mapping[str, str], directory: Path) -> Path:
    target = directory / names.name
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another name or folder.")
    facts = {**asdict(names), "version": version("sage-kernel")}
    templates = files("sage_kernel_api.scaffolding") / "templates" / template
    texts = {
        _fill(member, facts): _fill((templates / source).read_text("utf-8"), facts)
        for member, source in members.items()
    }
    texts[f"{names.package}/py.typed"] = ""
    try:
        _write_whole(target, texts)
    except OSError as error:
        raise ConfigurationError(f"The project cannot be written to {target}: {error}.") from error
    return target


def _write_whole(target: Path, texts: Mapping[str, str]) -> None:
    """Write beside and rename: an interrupted command leaves no half project."""
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for member, text in texts.items():
            path = beside / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        beside.chmod(0o755)
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _fill(text: str, facts: Mapping[str, str]) -> str:
    # ``${{ matrix.python }}`` of a workflow has spaces, and stays.
    return _PLACE.sub(lambda place: facts[place[1]], text)
