"""``sage-kernel new``: projects that work at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sage_kernel_api.errors import ConfigurationError
from sage_kernel_api.scaffolding import write_kernel_project, write_pipeline_project

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "plugins" / "sage-kernel-echo"


def run(*command: str, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_echo_plugin_is_what_the_templates_write(tmp_path: Path) -> None:
    """Who copies the example and who runs the command must begin with the same code."""
    project = write_kernel_project("echo", tmp_path)

    written = {path.name: path.read_text() for path in (project / "sage_kernel_echo").iterdir()}
    kept = {path.name: path.read_text() for path in (ECHO / "sage_kernel_echo").glob("*.*")}
    assert written == kept


@pytest.mark.parametrize("name", ["demo", "fast-lane", "x_9"])
def test_no_place_of_a_template_stays_empty(name: str, tmp_path: Path) -> None:
    """A leftover placeholder would be a syntax error in somebody's first minute."""
    for project in (
        write_kernel_project(name, tmp_path),
        write_pipeline_project(f"{name}-job", tmp_path),
    ):
        for path in project.rglob("*.*"):
            if path.is_file():
                assert not re.search(r"\{\{\w+\}\}", path.read_text()), path
                if path.suffix == ".py":
                    compile(path.read_text(), str(path), "exec")


@pytest.mark.parametrize(
    "name", ["", "Demo", "1st", "a--b", "-a", "a-", "../x", "a/b", "a\0", "é", "x" * 41, "class"]
)
def test_a_name_that_cannot_be_used_is_refused(name: str, tmp_path: Path) -> None:
    """It becomes a folder, a package and an entry point; each has rules of its own."""
    for write in (write_kernel_project, write_pipeline_project):
        with pytest.raises(ConfigurationError, match="name"):
            write(name, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["default", "mock", "ray"])
def test_the_name_of_a_built_in_kernel_is_refused(name: str, tmp_path: Path) -> None:
    """The plugin could be installed, and would then never be found."""
    with pytest.raises(ConfigurationError, match="belongs to a built-in kernel"):
        write_kernel_project(name, tmp_path)


def test_nothing_that_exists_is_written_over(tmp_path: Path) -> None:
    """The folder may hold a week of somebody's work."""
    kept = write_kernel_project("demo", tmp_path) / "sage_kernel_demo" / "kernel.py"
    kept.write_text("mine")

    with pytest.raises(ConfigurationError, match="exists already"):
        write_kernel_project("demo", tmp_path)

    assert kept.read_text() == "mine"


def test_a_folder_that_cannot_be_written_gives_our_error_and_no_half_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half written project looks like one."""
    whole = Path.write_text
    written: list[Path] = []

    def full(path: Path, text: str, encoding: str | None = None) -> int:
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        return whole(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(ConfigurationError, match="No space left"):
        write_kernel_project("demo", tmp_path)

    assert len(written) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_new_pipeline_runs_is_typed_and_passes_its_tests(tmp_path: Path) -> None:
    """The first minute with the project decides."""
    project = write_pipeline_project("words", tmp_path)

    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(project)])}
    shown = subprocess.run(
        [
            *(sys.executable, "-c", "from sage_kernel_api.cli import main; main()"),
            *("run", "words/pipeline.py", "--quiet"),
        ],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "('the', 3)" in shown.stdout
    assert "no issues found" in run("mypy", cwd=project)
    assert "2 passed" in run("pytest", "-q", "-p", "no:cacheprovider", cwd=project)
