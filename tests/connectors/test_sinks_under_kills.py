"""Exactly-once sinks, killed by SIGKILL at every system call and statement of their protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("sink_driver.py")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder in memory, if there is one: a killed process loses nothing of it either."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


def _drive(folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", "csv-parallel", "sqlite"])
def test_r2_a_reader_sees_every_record_once_after_any_kill(folder: Path, kind: str) -> None:
    """Whoever reads the output between crash and restart would count something twice."""
    report = _drive(folder, kind, "1")

    assert report["problems"] == []
    assert report["points"] > 25, "the kills hit nothing"
    assert report["kills"] >= report["points"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize(
    "kind",
    ["lines", "lines-parallel", "json-parallel", "csv-parallel", "sqlite", "sqlite-parallel"],
)
def test_r2_holds_for_many_seeds(folder: Path, kind: str, seed: int) -> None:
    """Some orders of failed checkpoints, kills and changes of parallelism are rare."""
    assert _drive(folder, kind, str(seed))["problems"] == []


@pytest.mark.parametrize(
    ("kind", "bug", "problem"),
    [
        ("lines", "append-at-the-end", "duplicates|another order|failed with|damaged"),
        ("lines-parallel", "forget-failed-epochs", "lost|failed with"),
        ("sqlite", "forget-failed-epochs", "lost"),
        ("lines", "commit-at-once", "visible before its checkpoint"),
        ("sqlite", "note-apart", "failed with|duplicates"),
    ],
)
def test_planted_bugs_are_found(folder: Path, kind: str, bug: str, problem: str) -> None:
    """A driver that finds nothing proves nothing."""
    report = _drive(folder, kind, "1", bug)

    assert report["problems"], f"{bug} went unnoticed"
    assert any(re.search(problem, each) for each in report["problems"]), report["problems"]
