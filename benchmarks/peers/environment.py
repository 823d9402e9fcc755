"""The second environment: found, or made and filled from ``requirements-peers.txt``.

It lies outside of the project, in the user's cache. A file in it remembers what could not be
installed and why, so that the table can say so each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["REQUIREMENTS", "PeersEnvironment", "default_directory", "find_or_create"]

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-peers.txt"
_REPORT = "sage-kernel-peers.json"
_VARIABLE = "SAGE_KERNEL_PEERS_ENV"
_INSTALL_S = 1200.0


@dataclass(frozen=True, slots=True)
class PeersEnvironment:
    """An environment for the peers.

    Attributes:
        python: Its interpreter.
        failures: Why a distribution could not be installed, by its lower-case name.
    """

    python: Path
    failures: dict[str, str] = field(default_factory=dict)


def default_directory() -> Path:
    """Return ``$SAGE_KERNEL_PEERS_ENV``, or a place in the user's cache.

    The name holds the Python version and a digest of the requirements: another list of peers
    gets another environment.
    """
    if chosen := os.environ.get(_VARIABLE):
        return Path(chosen)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    listed = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    return cache / "sage-kernel" / f"peers-py{version}-{listed}"


def find_or_create(
    directory: Path, *, tell: Callable[[str], None] = lambda line: None
) -> PeersEnvironment:
    """Return the environment in *directory*; make and fill it if there is none.

    An environment that somebody else made is used as it is.

    Raises:
        OSError: The environment cannot be made.
        subprocess.SubprocessError: The same.
    """
    python = directory / "bin" / "python"
    report = directory / _REPORT
    unfinished = directory / f"{_REPORT}.unfinished"
    if python.exists() and not unfinished.exists():
        failures = json.loads(report.read_text()) if report.exists() else {}
        return PeersEnvironment(python, failures)
    tell(f"installing the peers into {directory} (once)")
    directory.mkdir(parents=True, exist_ok=True)
    unfinished.touch()  # an interrupted installation must not be taken for a good one
    subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    failures = _install_each(python)
    report.write_text(json.dumps(failures, indent=2))
    unfinished.unlink()
    return PeersEnvironment(python, failures)


def _install_each(python: Path) -> dict[str, str]:
    """Install the requirements one by one: one that fails must not take the others with it."""
    failures = {}
    for line in REQUIREMENTS.read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and (reason := _install(python, requirement)):
            failures[re.split(r"[^\w.-]", requirement)[0].lower()] = reason
    return failures


def _install(python: Path, requirement: str) -> str | None:
    """Return why *requirement* cannot be installed, or None if it is."""
    command = [str(python), "-m", "pip", "install", "--quiet", requirement]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not installed within {_INSTALL_S:g} s"
    if done.returncode == 0:
        return None
    words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return words[-1].removeprefix("ERROR: ") if words else f"pip ended with {done.returncode}"
