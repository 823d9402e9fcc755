"""A command line in a process of its own, and files for it to run."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "from sage_kernel_api.cli import main; main()"]


@dataclass(frozen=True)
class Outcome:
    """What a finished command left."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs ``sage-kernel`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, source: str) -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    def start(
        self,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        stderr: int = subprocess.PIPE,
        is_group: bool = False,
    ) -> subprocess.Popen[str]:
        """Start a command and do not wait for it; in a process group of its own, if asked."""
        environment = {key: value for key, value in os.environ.items() if key != "SAGE_KERNEL"}
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            env={**environment, "COLUMNS": "100", "PYTHONUNBUFFERED": "1", **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0 if is_group else None,
        )

    def __call__(self, *arguments: str, **variables: str) -> Outcome:
        """Run a command to its end."""
        with self.start(*arguments, variables=variables) as process:
            out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, out, err)


@pytest.fixture
def sage_kernel(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
