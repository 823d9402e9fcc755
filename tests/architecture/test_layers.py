"""Who may import whom: the contracts of setup.cfg hold, and they bite."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sage_kernel_api", "sage_kernel_default", "sage_kernel_mock")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages in *folder*, with its setup.cfg."""
    return subprocess.run(
        [str(Path(sysconfig.get_path("scripts"), "lint-imports")), "--no-cache", "--no-logo"],
        cwd=folder,
        # The copy must be imported, not the installed project.
        env={"PYTHONPATH": str(folder), "PATH": "", "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, to be spoilt."""
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def plant(folder: Path, module: str, line: str) -> None:
    """Append *line* to a module of the copy."""
    path = folder / module
    path.write_text(f"{path.read_text()}\n{line}\n", encoding="utf-8")


def test_every_import_contract_is_kept() -> None:
    """A reader who trusts the picture in ARCHITECTURE.md would be misled."""
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("sage_kernel_api/values/ids.py", "import sage_kernel_api.context", "layered"),
        ("sage_kernel_api/errors.py", "import sage_kernel_api.values", "layered"),
        ("sage_kernel_api/plugins/__init__.py", "import sage_kernel_api.core", "layered"),
        ("sage_kernel_default/__init__.py", "import sage_kernel_api.core", "users' side"),
        ("sage_kernel_default/plan/logical.py", "import sage_kernel_default.engine", "point back"),
        ("sage_kernel_mock/clock.py", "import sage_kernel_api.testing", "users' side"),
        ("sage_kernel_api/core/__init__.py", "import sage_kernel_api.testing", "layered"),
        ("sage_kernel_api/testing/trial.py", "import pytest", "imports no kernel"),
        ("sage_kernel_mock/__init__.py", "import sage_kernel_default", "each other"),
        ("sage_kernel_mock/run.py", "import sage_kernel_mock.harness.bench", "tools for tests"),
        ("sage_kernel_api/runnable.py", "import sage_kernel_default", "imports no kernel"),
        ("sage_kernel_api/runnable.py", "import pytest", "imports no kernel"),
    ],
)
def test_a_planted_import_is_caught(copy: Path, module: str, line: str, contract: str) -> None:
    """A check that never fails would let the layers rot unseen."""
    plant(copy, module, line)

    result = lint(copy)

    assert result.returncode == 1, result.stdout + result.stderr
    broken = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert any(contract in row for row in broken), result.stdout


def test_a_module_outside_of_the_layers_is_caught(copy: Path) -> None:
    """A new package that nobody put into a layer would be free to import anything."""
    (copy / "sage_kernel_api" / "stray").mkdir()
    (copy / "sage_kernel_api" / "stray" / "__init__.py").write_text('"""New."""\n')

    result = lint(copy)

    assert result.returncode == 1
    assert "stray" in result.stdout
