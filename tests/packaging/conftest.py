"""Wheels of this tree, and an environment in which both are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*cache*", "tests")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build both wheels from a clean copy: setuptools keeps deleted files in ``build/``."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in ("sage_kernel_api", "sage_kernel_default", "sage_kernel_mock"):
        shutil.copytree(ROOT / name, tree / name, ignore=_LEFT_OUT)
    plugin = tree / "sage-kernel-echo"
    shutil.copytree(ROOT / "plugins" / "sage-kernel-echo", plugin, ignore=_LEFT_OUT)
    out = tmp_path_factory.mktemp("wheels")
    for source in (tree, plugin):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out), str(source))
    return {wheel.name.split("-")[0]: wheel for wheel in out.iterdir()}


@pytest.fixture(scope="session")
def python(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Return a call of an interpreter that has both wheels, and nothing of this tree."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    executable = home / "bin" / "python"
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    run(
        *(sys.executable, "-m", "pip", "--python", str(executable), "install"),
        *("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"),
        *map(str, wheels.values()),
    )
    # Only the dependencies come from here. A path file, not PYTHONPATH: it is searched last, and
    # its own .pth files, with the editable install of this tree among them, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def call(*arguments: str) -> str:
        return run(str(executable), "-I", *arguments, cwd=home)

    return call


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
