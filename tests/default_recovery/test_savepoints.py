"""R8: a job is stopped with a savepoint, and goes on elsewhere as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from sage_kernel_api import (
    JobState,
    LocalEnvironment,
    MapFunction,
    PipelineError,
    SinkFunction,
    ValueState,
)
from sage_kernel_api.errors import (
    CheckpointError,
    ConfigurationError,
    JobFailedError,
    JobStateError,
    StoreCorruptError,
)
from sage_kernel_api.kernel_facade import SupportsCheckpoints
from sage_kernel_api.storage.savepoints import open_savepoint
from tests.default_recovery.pipelines import Count, Gate, Last, reset
from tests.helpers import no_leaks

_EXPECTED = {key: len(range(key, 1000, 7)) for key in range(7)}


@pytest.fixture(autouse=True)
def _forget() -> None:
    reset()


def environment(directory: Path) -> LocalEnvironment:
    return LocalEnvironment("job", kernel="default").enable_checkpointing(3600.0, directory)


def counting(env: LocalEnvironment, parallelism: int = 1) -> LocalEnvironment:
    numbers = env.from_source(Gate, 1000)
    counts = numbers.keyby(lambda n: n % 7).map(Count, parallelism=parallelism, uid="count")
    counts.sink(Last, name=f"last{parallelism}")
    return env


def run_to(env: LocalEnvironment, limit: int, **options: Any) -> None:
    Gate.reached.clear()
    Gate.limit = limit
    env.submit(**options)
    assert Gate.reached.wait(20)


def finish(env: LocalEnvironment, **options: Any) -> None:
    Gate.limit = 1000
    if options or not env.is_running:
        env.submit(**options)
    assert env.wait(30)["state"] == JobState.FINISHED


def test_r8_a_job_travels_over_parallelism_one_four_two(tmp_path: Path) -> None:
    """Each stage is another job in another directory; together they are one run."""
    path: Path | None = None
    with no_leaks():
        for stage, parallelism in enumerate((1, 4, 2)):
            with counting(environment(tmp_path / f"d{stage}"), parallelism) as env:
                run_to(env, 300 * (stage + 1), restore_from=path)
                path = tmp_path / f"s{stage}"
                env.stop(savepoint=path)
                assert env.status()["state"] == JobState.CANCELLED
        with counting(environment(tmp_path / "end")) as env:
            finish(env, restore_from=path)

    assert Gate.starts == [0, 300, 600, 900]
    assert Last.found == _EXPECTED
    savepoint = open_savepoint(tmp_path / "s1")
    assert savepoint.header.job == "job"
    assert savepoint.steps["count"].parallelism == 4
    assert sum(table.keys for table in savepoint.steps["count"].tables.values()) == 7


def test_a_savepoint_does_not_stop_the_job(tmp_path: Path) -> None:
    """A copy for the archive is taken while the job runs."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 500)
        env.savepoint(tmp_path / "one")
        env.create_savepoint(tmp_path / "two")
        env.checkpoint(20)
        finish(env)

    assert Last.found == _EXPECTED
    assert open_savepoint(tmp_path / "two").header.epoch == 2


def test_the_jobs_own_checkpoints_win_over_the_savepoint(tmp_path: Path) -> None:
    """The same command line is started again after a crash; it must not go back in time."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        env.stop(savepoint=tmp_path / "s")
    with counting(environment(tmp_path / "e")) as env:
        run_to(env, 600, restore_from=tmp_path / "s")
        env.checkpoint(20)
    (tmp_path / "s").unlink()

    with counting(environment(tmp_path / "e")) as env:
        finish(env, restore_from=tmp_path / "s")

    assert Gate.starts == [0, 300, 600]
    assert Last.found == _EXPECTED


def test_a_crash_before_the_first_checkpoint_loses_nothing_of_the_savepoint(tmp_path: Path) -> None:
    """The savepoint becomes the new job's own epoch before the job runs."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        env.stop(savepoint=tmp_path / "s")
    with counting(environment(tmp_path / "e")) as env:
        run_to(env, 600, restore_from=tmp_path / "s")
    (tmp_path / "s").unlink()

    with counting(environment(tmp_path / "e")) as env:
        finish(env)

    assert Gate.starts == [0, 300, 300]
    assert Last.found == _EXPECTED


def test_after_a_last_savepoint_no_checkpoint_is_taken(tmp_path: Path) -> None:
    """Its output would be committed, and committed again by the job that goes on."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        manager = cast("SupportsCheckpoints", env.kernel).checkpoint_manager
        job_id = env.status()["job_id"]
        manager.create_savepoint(job_id, tmp_path / "s", is_last=True)

        with pytest.raises(CheckpointError, match="being stopped with a savepoint"):
            env.checkpoint(20)


def test_r4_a_savepoint_that_fails_leaves_the_job_running(tmp_path: Path) -> None:
    """A full disk must not cost the job that was to be saved."""
    (tmp_path / "taken").write_text("mine")
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        for wrong in (tmp_path / "taken", tmp_path / "no" / "folder"):
            with pytest.raises(CheckpointError):
                env.stop(savepoint=wrong)
        env.checkpoint(20)
        finish(env)

    assert Last.found == _EXPECTED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "taken"]


def test_r7_a_pipeline_that_does_not_fit_is_refused_unless_the_loss_is_named(
    tmp_path: Path,
) -> None:
    """A renamed step would silently begin at zero."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        env.stop(savepoint=tmp_path / "s")

    def other(place: str) -> LocalEnvironment:
        env = environment(tmp_path / place)
        env.from_source(Gate, 1000).map(lambda n: (n % 7, n)).sink(Last)
        return env

    with other("e") as env:
        with pytest.raises(CheckpointError, match="state of 'count' belongs to no step"):
            env.submit(restore_from=tmp_path / "s")
        with pytest.raises(CheckpointError, match="no stored step is called so"):
            env.submit(restore_from=tmp_path / "s", allow_dropped_state=["counts"])
        finish(env, restore_from=tmp_path / "s", allow_dropped_state=["count"])
    assert Gate.starts == [0, 300]

    with counting(environment(tmp_path / "f")) as env:
        run_to(env, 300)
        env.checkpoint(20)
    with other("f") as env:
        finish(env, allow_dropped_state=["count"])
    assert Gate.starts == [0, 300, 0, 300]


def test_r6_a_damaged_savepoint_is_refused_before_the_job_runs(tmp_path: Path) -> None:
    """And the next try with a good one works."""
    with counting(environment(tmp_path / "d")) as env:
        run_to(env, 300)
        env.stop(savepoint=tmp_path / "s")
    good = (tmp_path / "s").read_bytes()
    (tmp_path / "s").write_bytes(good[:-20])

    with counting(environment(tmp_path / "e")) as env:
        with pytest.raises(StoreCorruptError, match="savepoint is damaged"):
            env.submit(restore_from=tmp_path / "s")
        (tmp_path / "s").write_bytes(good)
        finish(env, restore_from=tmp_path / "s")

    assert Last.found == _EXPECTED


class Totals(MapFunction[int, tuple[int, int]]):
    """Version 1."""

    __state_include__ = ("records",)
    seen = ValueState(0)

    def __init__(self) -> None:
        self.records = 0

    def execute(self, data: int) -> tuple[int, int]:
        self.records += 1
        self.seen.set(self.seen.get() + 1)
        return data % 7, self.seen.get()


class Totals2(MapFunction[int, tuple[int, int]]):
    """Version 2: a field has another name, and counts became pairs."""

    state_version = 2
    __state_include__ = ("total",)
    seen: ValueState[tuple[int, str]] = ValueState((0, ""))

    def __init__(self) -> None:
        self.total = 0

    def upgrade_state(self, version: int, state: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"total": state["records"]}

    def upgrade_keyed_state(self, version: int, table: str, value: Any) -> Any:
        return (value, f"from {version}")

    def execute(self, data: int) -> tuple[int, int]:
        self.total += 1
        self.seen.set((self.seen.get()[0] + 1, self.seen.get()[1]))
        Notes.found.append((self.total, self.seen.get()[1]))
        return data % 7, self.seen.get()[0]


class Notes:
    found: ClassVar[list[tuple[int, str]]] = []


@pytest.mark.parametrize("is_apart", [False, True], ids=["thread", "process"])
def test_r8_state_of_an_older_program_is_upgraded_and_stays_so(
    tmp_path: Path, is_apart: bool
) -> None:
    """Upgraded values were never assigned, so they must be stored without being touched."""

    def pipeline(directory: str, function: Any) -> LocalEnvironment:
        env = environment(tmp_path / directory)
        keyed = env.from_source(Gate, 1000).keyby(lambda n: n % 7)
        totals = keyed.map(function, uid="totals")
        if is_apart:
            totals.set_placement("process")
        totals.sink(Last)
        return env

    with pipeline("d", Totals) as env:
        run_to(env, 300)
        env.stop(savepoint=tmp_path / "s")
    with pipeline("e", Totals2) as env:
        run_to(env, 301, restore_from=tmp_path / "s")
        env.stop(savepoint=tmp_path / "t")
    with pipeline("f", Totals) as env, pytest.raises(JobFailedError, match="at 1 only"):
        env.submit(autostop=True, restore_from=tmp_path / "t")
    with pipeline("g", Totals2) as env:
        finish(env, restore_from=tmp_path / "t")

    assert Last.found == _EXPECTED
    if not is_apart:
        assert Notes.found[0] == (301, "from 1")
        assert Notes.found[-1] == (1000, "from 1")


_PROGRAM = """
import sys
from dataclasses import dataclass
from pathlib import Path
from sage_kernel_api import LocalEnvironment, MapFunction, ValueState, state_class

@state_class(name="Tally")
@dataclass(frozen=True)
class Tally:
    count: int = 0

class Count(MapFunction[int, int]):
    tally = ValueState(Tally())

    def execute(self, data: int) -> int:
        self.tally.set(Tally(self.tally.get().count + 1))
        return self.tally.get().count

if __name__ == "__main__":
    found = []
    with LocalEnvironment("job", kernel="default") as env:
        env.enable_checkpointing(3600.0, sys.argv[1])
        numbers = env.from_collection(range(10)).keyby(lambda n: n % 2)
        numbers.map(Count).set_placement("process").sink(found.append)
        env.submit(autostop=True)
    print(sorted(found))
"""


def test_objects_of_a_class_of_the_main_program_are_kept_in_process_lanes(tmp_path: Path) -> None:
    """Such a class reaches the lane by value, and nothing there has registered it."""
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)

    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "d")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.stdout == "[1, 1, 2, 2, 3, 3, 4, 4, 5, 5]\n", done.stderr


class Rows(SinkFunction[int]):
    def execute(self, data: int) -> None:
        pass


def test_wrong_arguments_are_refused_where_they_are_given(tmp_path: Path) -> None:
    """R20."""
    with environment(tmp_path) as env:
        env.from_collection([1]).sink(Rows)
        with pytest.raises(ConfigurationError, match="restore_from= takes a path"):
            env.submit(restore_from=5)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=r"write \['count'\]"):
            env.submit(allow_dropped_state="count")
        with pytest.raises(JobStateError):
            env.savepoint(tmp_path / "s")
        with pytest.raises(CheckpointError, match="cannot be read: No such file"):
            env.submit(restore_from=tmp_path / "none")
    with LocalEnvironment("plain", kernel="default") as env:
        env.from_collection([1]).sink(Rows)
        with pytest.raises(PipelineError, match=r"enable_checkpointing\(\.\.\.\) first"):
            env.submit(restore_from=tmp_path / "none")


def test_the_step_named_count_is_the_one_of_the_pipelines() -> None:
    """The tests above rely on its state being keyed."""
    assert isinstance(Count.seen, ValueState)
