"""Everything that the README and the docs show is run, and shows what they say.

What stands before a fenced block says more about it:

- `<!-- prints -->` before ```text: exactly this was printed by the Python block above it;
- `<!-- mypy -->` before ```text: this is what `mypy --strict` says of the Python block above it;
- `<!-- file: NAME -->` before ```python: the block is a file, which a ```console block runs.

```console blocks are run line by line (`$ command`) and their output is compared; `...` stands for
anything. ```toml and ```sh blocks must parse.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mypy import api as mypy_api
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LANGUAGES = ("python", "console", "text", "toml", "sh", "mermaid", "ini")
SHELL_TIMEOUT_S = 100


@dataclass
class Reader:
    """Run the blocks of one document in a folder of its own."""

    folder: Path
    mypy_cache: Path
    printed: str = ""
    source: str = ""
    files: set[str] = field(default_factory=set)

    def python(self, example: Example) -> None:
        """Run a block, or write it to the file that the mark names."""
        self.source = str(example.parsed)
        if name := _mark(example, "file: (.+?)"):
            (self.folder / name).write_text(self.source, encoding="utf-8")
            self.files.add(name)
            return
        with contextlib.redirect_stdout(io.StringIO()) as out:
            PythonEvaluator()(example)
        self.printed = out.getvalue()

    def text(self, example: Example) -> str | None:
        """Compare marked text with what the block above it did."""
        if _mark(example, "(prints)"):
            return _difference(str(example.parsed), self.printed)
        if _mark(example, "(mypy)"):
            return _difference(str(example.parsed), self._mypy_says())
        return None

    def console(self, example: Example) -> str | None:
        """Run every command of a session and compare what came on both outputs."""
        session = re.split(r"^\$ ", str(example.parsed), flags=re.MULTILINE)
        for command, _, expected in (part.partition("\n") for part in session[1:]):
            self.files -= {name for name in self.files if name in command}
            if problem := _difference(expected, self._run(command)):
                return f"$ {command}\n{problem}"
        return None

    def _run(self, command: str) -> str:
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
        environment.pop("SAGE_KERNEL", None)
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SHELL_TIMEOUT_S,
            check=False,
        )
        return result.stdout

    def _mypy_says(self) -> str:
        program = self.folder / "pipeline.py"
        program.write_text(self.source, encoding="utf-8")
        # An editable installation is invisible to mypy, hence the path; as in an installed one,
        # only the reader's program is looked at.
        options = ["--strict", "--no-error-summary", "--follow-imports=silent", "--config-file="]
        out, problem, _ = mypy_api.run([*options, f"--cache-dir={self.mypy_cache}", str(program)])
        assert not problem, problem
        return out.replace(str(program), "pipeline.py")


def toml(example: Example) -> None:
    """Raise if the block is no TOML."""
    tomllib.loads(str(example.parsed))


def shell(example: Example) -> str | None:
    """Return what bash finds wrong in the block's grammar."""
    script = str(example.parsed)
    checked = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, text=True, timeout=60, check=False
    )
    return checked.stderr or None


def _mark(example: Example, pattern: str) -> str | None:
    before = example.document.text[: example.region.start].rstrip("\n")
    found = re.search(rf"<!-- {pattern} -->$", before)
    return found[1] if found else None


def _difference(expected: str, actual: str) -> str | None:
    checker = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.REPORT_NDIFF
    expected, actual = expected.strip() + "\n", actual.strip() + "\n"
    if checker.check_output(expected, actual, flags):
        return None
    return checker.output_difference(doctest.Example("", expected), actual, flags)


def _document(path: Path, reader: Reader) -> Document:
    evaluators = {
        "python": reader.python,
        "text": reader.text,
        "console": reader.console,
        "toml": toml,
        "sh": shell,
    }
    parsers = [CodeBlockParser(name, evaluator) for name, evaluator in evaluators.items()]
    return Sybil(parsers=parsers).parse(path)


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all blocks: only the first one pays."""
    return tmp_path_factory.mktemp("mypy-cache")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_the_document_runs(
    path: Path, tmp_path: Path, mypy_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who types in what the docs show would find that it does not work."""
    monkeypatch.delenv("SAGE_KERNEL", raising=False)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    reader = Reader(tmp_path, mypy_cache)

    for example in _document(path, reader):
        example.evaluate()

    assert not reader.files, f"files that no console block runs: {reader.files}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_escapes_the_tests(path: Path) -> None:
    """A block in an unknown language, or a skip, would rot unseen."""
    text = path.read_text(encoding="utf-8")

    opened = re.findall(r"^[ ]*```([^\n`]*)$", text, flags=re.MULTILINE)[::2]

    assert [language for language in opened if language not in (*LANGUAGES, "")] == []
    assert "skip" not in re.findall(r"<!-- (\w+)", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_of_the_project_leads_somewhere(path: Path) -> None:
    """A reader who follows a link would end nowhere."""
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_test_that_a_page_names_exists() -> None:
    """A promise without its test is an advertisement."""
    named = {
        match.groups()
        for path in DOCUMENTS
        for match in re.finditer(r"`(tests/[\w/]+\.py)::(\w+)`", path.read_text(encoding="utf-8"))
    }

    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (ROOT / path).is_file()
        or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len(named) > 5


def test_the_python_of_the_tests_is_the_python_of_the_commands() -> None:
    """The console blocks would run somebody else's installation."""
    assert Path(sysconfig.get_path("scripts"), "sage-kernel").exists(), sys.executable
