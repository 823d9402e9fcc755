"""Run mypy and pyright on a file, and read what they say.

Layer: testing. Each runs in a process of its own, in a folder that is thrown away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sage_kernel_api.errors import ConfigurationError

__all__ = ["CheckerRun", "has_checker", "run_mypy", "run_pyright"]

_TIME_LIMIT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class CheckerRun:
    """What one checker said.

    Attributes:
        checker: Its name.
        messages: Its complaints: the line, and the text with all that belongs to it.
    """

    checker: str
    messages: tuple[tuple[int, str], ...]


def has_checker(name: str) -> bool:
    """Tell whether a checker is installed beside the running Python."""
    return find_spec(name) is not None


def run_mypy(file: Path, sources: Sequence[Path]) -> CheckerRun:
    """Run ``mypy --strict``.

    Args:
        file: What is judged; its imports are followed silently.
        sources: Folders that packages are imported from.

    Raises:
        ConfigurationError: It crashed, or took longer than five minutes.
    """
    cache = os.environ.get("MYPY_CACHE_DIR", str(file.parent / "mypy"))
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"),
        *("--no-pretty", "--no-error-summary", "--hide-error-context", "--no-color-output"),
        *("--show-error-codes", f"--cache-dir={cache}", file.name),
    ]
    done = _run(command, file.parent, {"MYPYPATH": os.pathsep.join(_not_installed(sources))})
    if done.returncode not in (0, 1):
        raise ConfigurationError(f"mypy could not judge the kernel:\n{done.stdout}{done.stderr}")
    return CheckerRun("mypy", tuple(_mypy_messages(done.stdout, file.name)))


def run_pyright(file: Path, sources: Sequence[Path]) -> CheckerRun:
    """Run pyright in its strict mode; as `run_mypy`."""
    settings = {
        "include": [file.name],
        "typeCheckingMode": "standard",
        "extraPaths": [str(source) for source in sources],
    }
    (file.parent / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = _run([*command, "--project", str(file.parent)], file.parent, {})
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"pyright could not judge the kernel:\n{done.stdout}{done.stderr}"
        ) from error
    return CheckerRun(
        "pyright",
        tuple(
            (one["range"]["start"]["line"] + 1, one["message"].replace("\xa0", " "))
            for one in found
            if one["severity"] == "error"
        ),
    )


def _run(
    command: Sequence[str], folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"{command[2]} had not judged the kernel after {_TIME_LIMIT_S:g} s."
        ) from error


def _not_installed(sources: Sequence[Path]) -> list[str]:
    """Return the folders that are no site-packages: mypy finds those, and refuses to be told."""
    installed = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    return [str(source) for source in sources if str(source) not in installed]


def _mypy_messages(text: str, name: str) -> list[tuple[int, str]]:
    messages: list[tuple[int, str]] = []
    for line in text.splitlines():
        place, _, said = line.partition(": ")
        file, _, number = place.partition(":")
        if file != name or not number.isdigit():
            continue
        kind, _, message = said.partition(": ")
        if kind == "error":
            messages.append((int(number), message))
        elif messages and messages[-1][0] == int(number):
            messages[-1] = (int(number), f"{messages[-1][1]}\n{message}")
    return messages
