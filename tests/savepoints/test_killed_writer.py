"""R4: a process that dies while it writes a savepoint leaves it whole, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_WRITER = Path(__file__).with_name("killed_writer.py")


def test_r4_a_kill_leaves_the_whole_savepoint_or_none(tmp_path: Path) -> None:
    """Half of one under its final name would be found when the job is to go on from it."""
    done = subprocess.run(
        [sys.executable, str(_WRITER), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    report = json.loads(done.stdout)

    assert {entry["new"] for entry in report} == {"new", "none"}
    assert {entry["old"] for entry in report} == {"old"}
    assert {entry["again"] for entry in report} == {"new"}
    # What else is left cannot be taken for a savepoint, and is at most one file.
    assert all(name.endswith(".partial") for entry in report for name in entry["beside"])
    assert max(len(entry["beside"]) for entry in report) == 1
    assert len(report) > 24, "the kills hit nothing"
