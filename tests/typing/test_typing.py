"""The type checkers are part of the product: what they must refuse and what they must infer.

A rejected program is a function under ``rejected/``; the line that must not pass ends in
``# rejected: CODE`` with mypy's error code. An accepted one is a function under ``accepted/``
that says with `assert_type` what was inferred.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_MARK = re.compile(r"# rejected: (?P<code>[a-z-]+)$")
_MYPY_LINE = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+):(?:\d+:)? error: .*\[(?P<code>[a-z-]+)\]$")


@dataclass(frozen=True)
class Program:
    """One function that a checker judges."""

    path: Path
    name: str
    first_line: int
    last_line: int

    def __str__(self) -> str:
        return f"{self.path.stem}.{self.name}"

    @property
    def expected(self) -> dict[int, str]:
        """Lines that must be refused, with mypy's code."""
        lines = self.path.read_text().splitlines()
        span = range(self.first_line, self.last_line + 1)
        marks = {number: _MARK.search(lines[number - 1]) for number in span}
        return {number: mark["code"] for number, mark in marks.items() if mark}


def _programs(folder: str) -> list[Program]:
    return [
        Program(path, node.name, node.lineno, node.end_lineno or node.lineno)
        for path in sorted((HERE / folder).glob("*.py"))
        if path.name != "shared.py"
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    ]


REJECTED = _programs("rejected")
ACCEPTED = _programs("accepted")


@pytest.fixture(scope="session")
def mypy_errors(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Path, int], set[str]]:
    """Return mypy's error codes by file and line."""
    cache = tmp_path_factory.mktemp("mypy")
    return {
        (HERE / folder / name, line): codes
        for folder in ("rejected", "accepted")
        for (name, line), codes in _run_mypy(HERE / folder, cache).items()
    }


def _run_mypy(folder: Path, cache: Path) -> dict[tuple[str, int], set[str]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}"]
    command += ["--hide-error-context", "--no-error-summary", "--show-error-codes", "--no-pretty"]
    done = subprocess.run(
        [*command, *sorted(path.name for path in folder.glob("*.py"))],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[tuple[str, int], set[str]] = {}
    for line in done.stdout.splitlines():
        if match := _MYPY_LINE.match(line):
            found.setdefault((match["file"], int(match["line"])), set()).add(match["code"])
    return found


@pytest.fixture(scope="session")
def pyright_errors(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, set[int]]:
    """Return the lines that pyright refuses, by file."""
    copies = tmp_path_factory.mktemp("pyright")
    found: dict[Path, set[int]] = {}
    for folder in ("rejected", "accepted"):
        # Copies, because the project's own configuration leaves these folders out.
        shutil.copytree(HERE / folder, copies / folder)
        settings = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
        (copies / folder / "pyrightconfig.json").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
        done = subprocess.run(
            command, cwd=copies / folder, capture_output=True, text=True, check=False
        )
        for name, lines in _pyright_entries(done.stdout):
            found.setdefault(HERE / folder / name, set()).update(lines)
    return found


def _pyright_entries(output: str) -> Iterator[tuple[str, range]]:
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] > 0, "pyright looked at nothing"
    for entry in report["generalDiagnostics"]:
        if entry["severity"] == "error":
            span = entry["range"]
            yield (
                Path(entry["file"]).name,
                range(span["start"]["line"] + 1, span["end"]["line"] + 2),
            )


@pytest.mark.parametrize("program", REJECTED, ids=str)
def test_mypy_rejects_the_program_at_the_marked_line_and_nowhere_else(
    program: Program, mypy_errors: dict[tuple[Path, int], set[str]]
) -> None:
    """Pipeline authors are told of the mistake where they made it, before anything runs."""
    span = range(program.first_line, program.last_line + 1)
    found = {n: mypy_errors[program.path, n] for n in span if (program.path, n) in mypy_errors}

    assert program.expected, "the program marks no line"
    assert found == {line: {code} for line, code in program.expected.items()}


@pytest.mark.parametrize("program", REJECTED, ids=str)
def test_pyright_rejects_the_program_at_the_marked_line(
    program: Program, pyright_errors: dict[Path, set[int]]
) -> None:
    """Users of the other large checker, and of editors built on it, see the same mistakes."""
    assert set(program.expected) <= pyright_errors.get(program.path, set())


@pytest.mark.parametrize("program", ACCEPTED, ids=str)
def test_both_checkers_accept_the_program(
    program: Program,
    mypy_errors: dict[tuple[Path, int], set[str]],
    pyright_errors: dict[Path, set[int]],
) -> None:
    """A right program must not be refused, and its types must be inferred, not `Any`."""
    span = range(program.first_line, program.last_line + 1)

    assert "assert_type(" in "".join(
        program.path.read_text().splitlines(keepends=True)[span[0] - 1 : span[-1]]
    )
    assert not {n: mypy_errors[program.path, n] for n in span if (program.path, n) in mypy_errors}
    assert not pyright_errors.get(program.path, set()) & set(span)


def test_there_are_enough_programs() -> None:
    """The promise is forty of each; a deleted file must not shrink it in silence."""
    assert len(REJECTED) >= 40
    assert len(ACCEPTED) >= 40
