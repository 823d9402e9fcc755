"""Must show 3: from an empty environment to a verified kernel, by the commands of the docs."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest

from sage_kernel_api.cli.exit_codes import ExitCode


class Fresh:
    """An environment that has pip, and commands that see nothing but it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        venv.create(self.bin.parent, with_pip=True)

    def __call__(self, command: str, *arguments: str, code: int = 0) -> str:
        """Run a command of the environment, and return what it wrote."""
        hidden = ("PYTHONPATH", "SAGE_KERNEL", "MYPYPATH", "VIRTUAL_ENV")
        done = subprocess.run(
            [str(self.bin / command), *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name not in hidden},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{command} {arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_three_commands_lead_to_a_verified_kernel(wheels: dict[str, Path], tmp_path: Path) -> None:
    """The first minutes of an author decide whether there will be a kernel."""
    fresh = Fresh(tmp_path)
    fresh("pip", "install", "-q", str(wheels["sage_kernel"]))

    fresh("sage-kernel", "new", "kernel", "demo")
    fresh("pip", "install", "-q", "-e", "demo")
    shown = fresh("sage-kernel", "verify", "demo", "--profile", "core")

    assert "demo keeps all that it declares" in shown
    # With what the project itself needs for its tests, nothing at all is left out.
    fresh("pip", "install", "-q", "-e", "demo[dev]")
    assert "demo keeps all that it declares" in fresh("sage-kernel", "verify", "demo")
    assert "Proven" in fresh("sage-kernel", "typecheck", "demo")

    kernel = tmp_path / "demo" / "sage_kernel_demo" / "kernel.py"
    kernel.write_text(kernel.read_text().replace("def list_jobs(self)", "def all_jobs(self)"))
    write = "write: def list_jobs(self) -> list[JobStatus]"
    assert write in fresh("sage-kernel", "typecheck", "demo", code=ExitCode.KERNEL)
