"""Directories: every file once, by its name."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import LocalEnvironment, PipelineError
from sage_kernel_api.core.connectors.directory import DirectorySource
from sage_kernel_api.errors import BadRecordError, StateError
from tests.connectors.instances import Run

_NAMES = ["a.log", "b.log", "c.log", "d.log", "e.log", "résumé.log"]


@settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.data())
def test_every_line_of_every_file_comes_once_over_stops_and_rescaling(data: st.DataObject) -> None:
    """Files that come while the job runs, or while it is away, must be read once, too."""
    expected: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        names = data.draw(st.permutations(_NAMES))
        source = partial(DirectorySource, folder, "*.log", watch=True)
        run, found = Run(source, data.draw(st.integers(1, 3))), []
        for name in names:
            lines = [f"{name} {n}" for n in range(data.draw(st.integers(0, 4)))]
            expected += lines
            hidden = Path(folder, f".{name}")
            hidden.write_text("\n".join(lines))
            hidden.rename(Path(folder, name))
            for _ in range(data.draw(st.integers(0, 6))):
                found += run.poll(
                    data.draw(st.integers(0, len(run.operators) - 1)), data.draw(st.integers(1, 3))
                )
            if data.draw(st.booleans()):
                run = Run(source, data.draw(st.integers(1, 3)), run.stop())
        for _ in range(30):
            for index in range(len(run.operators)):
                found += run.poll(index)
        run.close()

    assert sorted(found) == sorted(expected)


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Names with dates are meant to be read in their order."""
    for name in ("2.log", "10.log", "1.log", ".hidden.log", "other.txt"):
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "dir.log").mkdir()

    assert Run(partial(DirectorySource, tmp_path, "*.log")).rest() == ["1.log", "10.log", "2.log"]


def test_a_file_that_was_begun_and_is_gone_is_an_error(tmp_path: Path) -> None:
    """Its remaining lines would be missing without a word."""
    path = tmp_path / "a.log"
    path.write_text("1\n2\n")
    run = Run(partial(DirectorySource, tmp_path))
    assert run.poll(0, 1) == ["1"]
    states = run.stop()
    path.unlink()

    with pytest.raises(StateError, match=r"a\.log is gone, and 2 bytes of it were read"):
        Run(partial(DirectorySource, tmp_path), 1, states).rest()


def test_a_file_that_was_replaced_after_it_was_begun_is_an_error(tmp_path: Path) -> None:
    """The rest of another file is not the rest of this one."""
    path = tmp_path / "a.log"
    path.write_text("1\n2\n")
    run = Run(partial(DirectorySource, tmp_path))
    assert run.poll(0, 1) == ["1"]
    states = run.stop()
    path.write_text("7\n8\n9\n")

    with pytest.raises(StateError, match="other content"):
        Run(partial(DirectorySource, tmp_path), 1, states).rest()


def test_a_line_in_another_encoding_is_named(tmp_path: Path) -> None:
    """Which of a thousand files it was is the question."""
    (tmp_path / "a.log").write_bytes(b"1\n\xff\n3\n")
    run = Run(partial(DirectorySource, tmp_path))

    assert run.poll() == ["1"]
    with pytest.raises(BadRecordError, match=r"a\.log, line 2"):
        run.poll()
    assert run.rest() == ["3"]


@pytest.mark.parametrize("kernel", ["mock", "default"])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_directory_flows(tmp_path: Path, kernel: str, parallelism: int) -> None:
    """What holds for one instance must hold in a job."""
    for number in range(9):
        (tmp_path / f"{number}.log").write_text(f"{number}\n" * number)

    with LocalEnvironment(kernel=kernel) as env:
        lines = env.from_directory(tmp_path, parallelism=parallelism).execute_and_collect()

    assert sorted(lines) == [str(number) for number in range(9) for _ in range(number)]


def test_a_watched_directory_gives_what_comes_later(tmp_path: Path) -> None:
    """The job is there for the files that nobody has written yet."""
    (tmp_path / "a").write_text("first\n")

    def write_next(line: str) -> str:
        (tmp_path / ".b").write_text("second\n")
        (tmp_path / ".b").rename(tmp_path / "b")
        return line

    with LocalEnvironment(kernel="default") as env:
        lines = env.from_directory(tmp_path, watch=True, poll_s=0.01).map(write_next)
        assert lines.take(2) == ["first", "second"]


@pytest.mark.parametrize("poll_s", [0, -1, float("nan"), "1", True])
def test_a_wrong_interval_is_refused_when_described(poll_s: float) -> None:
    """It would spin, or never look."""
    with pytest.raises(PipelineError, match="poll_s="):
        LocalEnvironment().from_directory("x", poll_s=poll_s)
