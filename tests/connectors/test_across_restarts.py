"""Files in, files and tables out, on the embedded kernel with checkpoints, over failures."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api import FixedDelay, JobFailedError, LocalEnvironment, MapFunction

LINES = 6_000


class FailOnce(MapFunction[str, int]):
    """Fails at a line, as long as a file says so."""

    def __init__(self, at: int, armed: Path) -> None:
        self.at = at
        self.armed = armed

    def execute(self, data: str) -> int:
        number = int(data)
        if number == self.at and self.armed.exists():
            self.armed.unlink()
            raise RuntimeError("planned")
        return number


def _describe(env: LocalEnvironment, folder: Path, fail_at: int, parallelism: int) -> None:
    numbers = env.from_text_file(folder / "in.txt", uid="in", parallelism=parallelism)
    checked = numbers.map(FailOnce, fail_at, folder / "armed", uid="check", parallelism=parallelism)
    checked.sink_to_file(folder / "out", uid="file", parallelism=parallelism)
    rows = checked.map(lambda number: {"n": number}, uid="rows", parallelism=parallelism)
    rows.sink_to_sqlite(folder / "out.db", "t", uid="table")


def _numbers(folder: Path) -> tuple[list[int], list[int]]:
    parts = [path for path in folder.glob("out*") if path.suffix != ".db"]
    lines = [int(line) for path in parts for line in path.read_text().split()]
    with closing(sqlite3.connect(folder / "out.db")) as database:
        rows = [row[0] for row in database.execute("SELECT n FROM t")]
    return sorted(lines), sorted(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "armed").touch()
    (tmp_path / "in.txt").write_text("".join(f"{n}\n" for n in range(LINES)))
    return tmp_path


@pytest.mark.parametrize("fail_at", [10, LINES // 2, LINES - 1])
def test_a_job_that_restarts_itself_reads_and_writes_all_once(folder: Path, fail_at: int) -> None:
    """This is what the connectors are for."""
    with LocalEnvironment("copy", kernel="default?frame_size=64") as env:
        env.enable_checkpointing(0.001, folder / "state")
        env.set_restart_strategy(FixedDelay(attempts=3, delay_s=0.001))
        _describe(env, folder, fail_at, 1)
        env.submit(autostop=True)

    assert not (folder / "armed").exists()
    assert _numbers(folder) == (list(range(LINES)), list(range(LINES)))


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_a_program_that_is_started_again_goes_on_also_with_other_parallelism(
    folder: Path, before: int, after: int
) -> None:
    """The second start has other instances than the first, and the same result."""

    def run(parallelism: int) -> Any:
        with LocalEnvironment("copy", kernel="default?frame_size=64") as env:
            env.enable_checkpointing(0.001, folder / "state")
            _describe(env, folder, LINES * 2 // 3, parallelism)
            return env.submit(autostop=True)

    with pytest.raises(JobFailedError, match="planned"):
        run(before)
    run(after)

    assert _numbers(folder) == (list(range(LINES)), list(range(LINES)))
