"""R2, R8: exactly-once sinks in jobs that stop with a savepoint and go on in another process."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.connectors.savepoint_program import RECORDS

_ROOT = Path(__file__).parents[2]


def _run(folder: Path, kind: str, parallelism: int, half: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.connectors.savepoint_program"),
            *(str(folder), kind, str(parallelism), half),
        ],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": "random"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _visible(folder: Path, kind: str) -> list[int]:
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "rows.db")) as database:
            return [n for (n,) in database.execute("SELECT n FROM numbers")]
    files = [path for path in folder.glob("lines*") if path.name in ("lines", "lines.1")]
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("kind", "parallelism"), [("json", (1, 1)), ("sqlite", (2, 1)), ("json", (2, 2))]
)
def test_r2_a_job_that_stops_with_a_savepoint_loses_and_repeats_nothing(
    tmp_path: Path, kind: str, parallelism: tuple[int, int]
) -> None:
    """What the first process had written and not committed is in nobody's memory any more."""
    _run(tmp_path, kind, parallelism[0], "first")
    between = _visible(tmp_path, kind)
    _run(tmp_path, kind, parallelism[1], "second")

    assert len(between) == len(set(between))
    # Of the last part, either process may be the one that commits it.
    assert 300 <= len(between) <= 600
    assert sorted(_visible(tmp_path, kind)) == list(range(RECORDS))
