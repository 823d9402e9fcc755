"""Sinks that commit: formats, mistakes of others, and what a failing job leaves."""

from __future__ import annotations

import datetime as dt
import errno
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from sage_kernel_api import JobFailedError, LocalEnvironment, PipelineError
from sage_kernel_api.core.connectors.file_sink import TransactionalFileSink
from sage_kernel_api.core.connectors.sqlite_sink import TransactionalSqliteSink
from sage_kernel_api.core.operators import TransactionalSinkOperator
from sage_kernel_api.errors import BadRecordError, StateError
from sage_kernel_mock import MockKernelFacade

KERNELS = pytest.mark.parametrize("kernel", ["mock", "default"])


@dataclass(frozen=True)
class Sale:
    item: str
    price: float


class Point(NamedTuple):
    x: int
    y: int


def _sink(made_of: Any, *args: Any, index: int = 0, parallelism: int = 1, **kwargs: Any) -> Any:
    """Return an operator that a kernel with checkpoints has made."""
    kernel = MockKernelFacade()
    context = kernel.create_execution_context(
        {"name": "sink", "env_name": "job", "parallel_index": index, "parallelism": parallelism}
    )
    kernel.shutdown()
    operator = TransactionalSinkOperator(context, made_of, *args, **kwargs)
    operator.coordinate()
    return operator


def _started(made_of: Any, *args: Any, handles: Any = (), **kwargs: Any) -> Any:
    operator = _sink(made_of, *args, **kwargs)
    operator.recover(msgspec.msgpack.decode(msgspec.msgpack.encode(handles)))
    operator.open()
    return operator


def _write(operator: Any, records: Any, epoch: int) -> Any:
    """Write one epoch, commit it and return its handle."""
    for record in records:
        operator.process(record)
    handle = operator.pre_commit(epoch)
    operator.commit(handle)
    return handle


def _rows(path: Path, table: str = "t") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid').fetchall()
    finally:
        connection.close()


# --- files -------------------------------------------------------------------------------------


@KERNELS
@pytest.mark.parametrize(
    ("form", "records", "expected"),
    [
        ("lines", [1, "two", None], "1\ntwo\nNone\n"),
        ("json", [{"a": 1}, [None, "é"]], '{"a":1}\n[null,"é"]\n'),
        ("json", [Sale("tea", 2.5)], '{"item":"tea","price":2.5}\n'),
        ("csv", [Sale("tea", 2.5), Sale('a "b",\nc', 1)], 'item,price\ntea,2.5\n"a ""b"",\nc",1\n'),
        ("csv", [{"a": 1, "b": 2}, {"b": 4, "a": 3}], "a,b\n1,2\n3,4\n"),
        ("csv", [Point(1, 2), (3, 4)], "x,y\n1,2\n3,4\n"),
        ("json", [], ""),
    ],
)  # fmt: skip
def test_a_file_has_the_records_in_its_format(
    tmp_path: Path, kernel: str, form: Any, records: list[Any], expected: str
) -> None:
    """What is written must be what other programs read."""
    path = tmp_path / "out"
    path.write_text("of an earlier run")

    with LocalEnvironment(kernel=kernel) as env:
        env.from_collection(records).sink_to_file(path, form)
        env.submit(autostop=True)

    assert path.read_text() == expected
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@KERNELS
def test_a_failing_job_leaves_the_file_as_it_was(tmp_path: Path, kernel: str) -> None:
    """Half of a result looks like a result."""
    path = tmp_path / "out"
    path.write_text("of an earlier run")

    with LocalEnvironment(kernel=kernel) as env:
        env.from_collection([2, 1, 0]).map(lambda n: 2 / n).sink_to_file(path)
        with pytest.raises(JobFailedError):
            env.submit(autostop=True)

    assert path.read_text() == "of an earlier run"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_instances_write_parts(tmp_path: Path) -> None:
    """Two writers of one file would mix their lines."""
    with LocalEnvironment(kernel="default") as env:
        numbers = env.from_collection(range(9))
        numbers.sink_to_file(tmp_path / "out", "csv", columns=["n"], parallelism=3, name="s")
        with pytest.raises(JobFailedError, match="no fields"):
            env.submit(autostop=True)
        env.pipeline.clear()
        numbers = env.from_collection(range(9), name="again")
        numbers.map(lambda n: {"n": n}).sink_to_file(tmp_path / "out", "csv", parallelism=3)
        env.submit(autostop=True)

    parts = sorted(path.read_text() for path in tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.1", "out.2"]
    assert all(part.startswith("n\n") for part in parts)
    assert sorted(int(n) for part in parts for n in part.split()[1:]) == list(range(9))


def test_a_file_may_be_continued(tmp_path: Path) -> None:
    """A log grows over many runs."""
    path = tmp_path / "out"
    for number in (1, 2):
        with LocalEnvironment(kernel="mock") as env:
            env.from_collection([{"n": number}]).sink_to_file(path, "csv", append=True)
            env.submit(autostop=True)

    assert path.read_text() == "n\n1\n2\n"


def test_nothing_is_visible_before_the_commit(tmp_path: Path) -> None:
    """What a checkpoint does not cover comes a second time."""
    sink = _started(TransactionalFileSink, tmp_path / "out")
    sink.process("a")
    handle = sink.pre_commit(1)
    sink.process("b")
    assert not (tmp_path / "out").exists()

    sink.commit(handle)
    sink.commit(handle)
    sink.close()

    assert (tmp_path / "out").read_text() == "a\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda path: path.write_text("a\nfrom another program\n"),
            "bytes more than this job wrote",
        ),
        (lambda path: path.write_text("x\n"), "has other bytes before byte 2"),
        (lambda path: path.write_text("a\nx"), "has other bytes behind byte 2"),
        (lambda path: path.write_text(""), "is gone or ends before byte 2"),
        (lambda path: path.unlink(), "is gone or ends before byte 2"),
    ],
)
def test_somebody_elses_change_is_refused_and_left_alone(
    tmp_path: Path, change: Callable[[Path], object], problem: str
) -> None:
    """Writing over it, or behind it, would spoil both."""
    path = tmp_path / "out"
    sink = _started(TransactionalFileSink, path)
    _write(sink, ["a"], 1)
    sink.process("b")
    handle = sink.pre_commit(2)
    change(path)
    changed = path.read_text() if path.exists() else None

    with pytest.raises(StateError, match=problem):
        sink.commit(handle)

    assert (path.read_text() if path.exists() else None) == changed
    sink.close()


def test_a_change_between_two_runs_is_refused(tmp_path: Path) -> None:
    """The offset of the checkpoint would be that of another file."""
    path = tmp_path / "out"
    sink = _started(TransactionalFileSink, path)
    handle = _write(sink, ["a"], 1)
    sink.close()
    path.write_text("a\nb\n")

    with pytest.raises(StateError, match="has 4 bytes where 2 bytes were committed"):
        _started(TransactionalFileSink, path, handles=[handle])


def test_zeros_of_a_power_cut_are_written_over(tmp_path: Path) -> None:
    """A file may have grown without the bytes: the commit must still come to its end."""
    path = tmp_path / "out"
    sink = _started(TransactionalFileSink, path)
    _write(sink, ["a"], 1)
    sink.process("bcd")
    handle = sink.pre_commit(2)
    path.write_bytes(b"a\n\0\0")

    _started(TransactionalFileSink, path, handles=[handle]).close()

    assert path.read_text() == "a\nbcd\n"


def test_a_lost_staged_file_is_noticed(tmp_path: Path) -> None:
    """Its records are in the checkpoint, and nowhere else."""
    path = tmp_path / "out"
    sink = _started(TransactionalFileSink, path)
    _write(sink, ["a"], 1)
    sink.process("b")
    handle = sink.pre_commit(2)
    (tmp_path / ".out.staged-1").unlink()

    with pytest.raises(StateError, match=r"\.out\.staged-1 is gone, and what it had is not in"):
        _started(TransactionalFileSink, path, handles=[handle])


def test_parts_of_former_instances_are_kept_and_taken_up_again(tmp_path: Path) -> None:
    """From three instances to one and back to three: no part may be begun anew."""
    path = tmp_path / "out"
    handles: list[Any] = []
    for epoch, parallelism in enumerate([3, 1, 3, 2], start=1):
        sinks = [
            _started(
                TransactionalFileSink, path, handles=handles, index=index, parallelism=parallelism
            )
            for index in range(parallelism)
        ]
        handles = [_write(sink, [f"{epoch}/{n}"], epoch) for n, sink in enumerate(sinks)]
        for sink in sinks:
            sink.close()

    assert path.read_text().split() == ["1/0", "2/0", "3/0", "4/0"]
    assert (tmp_path / "out.1").read_text().split() == ["1/1", "3/1", "4/1"]
    assert (tmp_path / "out.2").read_text().split() == ["1/2", "3/2"]


def test_leftovers_of_an_attempt_without_checkpoint_go(tmp_path: Path) -> None:
    """Each crash would leave a hidden file for ever."""
    path = tmp_path / "out"
    for index in range(3):
        sink = _started(TransactionalFileSink, path, index=index, parallelism=3)
        sink.process("a")
        sink.pre_commit(1)
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / ".out.staged-notes").write_text("of the user")

    _started(TransactionalFileSink, path).close()

    assert [each.name for each in tmp_path.iterdir()] == [".out.staged-notes"]


@pytest.mark.parametrize("has_written", [True, False])
def test_r14_an_attempt_that_was_given_up_leaves_the_file_of_its_successor_alone(
    tmp_path: Path, *, has_written: bool
) -> None:
    """A thread that hung comes back when the job has been started again: both use one name."""
    path = tmp_path / "out"
    much = "x" * (1 << 20)  # so much is written at once
    late = _started(TransactionalFileSink, path)
    if has_written:
        late.process(much)
    sink = _started(TransactionalFileSink, path)
    sink.process("a")
    handle = sink.pre_commit(1)

    if not has_written:
        with pytest.raises(FileExistsError):
            late.process(much)
    late.close()
    sink.commit(handle)

    assert path.read_text() == "a\n"


def test_a_full_disk_fails_the_job_whatever_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy is about one record; here, a thousand others are lost with it."""
    write = os.write
    path = tmp_path / "out"

    def full(descriptor: int, data: Any) -> int:
        if len(data) > 10_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    with LocalEnvironment(kernel="mock") as env:
        env.from_collection(["x" * 99] * 20_000).sink_to_file(path, on_error="skip")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(JobFailedError, match="No space left"):
            env.submit(autostop=True)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("form", "record", "problem"),
    [
        ("lines", "a\nb", "would be more than one line"),
        ("json", {1: object()}, "cannot be written as JSON"),
        ("csv", {"a": 1, "c": 2}, "lacks 'b', has 'c'"),
        ("csv", (1,), "has 1 values for 2 columns"),
        ("csv", Point(1, 2), "lacks 'a', lacks 'b', has 'x', has 'y'"),
        ("csv", "ab", "has no fields"),
    ],
)
def test_a_record_that_does_not_fit_is_a_failure_of_that_record(
    tmp_path: Path, form: Any, record: Any, problem: str
) -> None:
    """With a policy it is counted; without one it names itself."""
    sink = _started(TransactionalFileSink, tmp_path / "out", form)
    if form == "csv":
        sink.process({"a": 1, "b": 2})

    with pytest.raises(BadRecordError, match=problem):
        sink.process(record)

    sink.close()


def test_wrong_arguments_are_refused_when_described(tmp_path: Path) -> None:
    """A job that fails at its end has been running all night."""
    stream = LocalEnvironment().from_collection([1])

    with pytest.raises(PipelineError, match="format='xml'"):
        stream.sink_to_file("x", "xml")  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match="columns"):
        stream.sink_to_file("x", columns=["a"])
    with pytest.raises(PipelineError, match="'a', 'A' have one name"):
        stream.sink_to_file("x", "csv", columns=["a", "A"])
    with pytest.raises(PipelineError, match="takes a path"):
        stream.sink_to_file(1)  # type: ignore[arg-type]
    for columns in ([], ["a", ""], ["a", 1], {"a": list}, "ab"):
        with pytest.raises(PipelineError):
            stream.sink_to_sqlite("x", "t", columns)  # type: ignore[arg-type]
    for table in ("", "sqlite_master", "_sage_commits", 3):
        with pytest.raises(PipelineError, match="table="):
            stream.sink_to_sqlite("x", table)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match="on_conflict"):
        stream.sink_to_sqlite("x", "t", on_conflict="update")  # type: ignore[arg-type]
    assert len(stream.environment.pipeline) == 1


# --- SQLite ------------------------------------------------------------------------------------


@KERNELS
@pytest.mark.parametrize("parallelism", [1, 3])
def test_rows_land_in_a_table(tmp_path: Path, kernel: str, parallelism: int) -> None:
    """All that SQLite can keep must come back as it was; names may be any text."""
    path = tmp_path / "out.db"
    values = [1, -(2**63), 2.5, "é", b"\0", None, "'; DROP TABLE x; --"]

    with LocalEnvironment(kernel=kernel) as env:
        rows = env.from_collection([{'a "b"': value, "select": 1} for value in values])
        rows.sink_to_sqlite(path, 'my "table"', parallelism=parallelism)
        env.submit(autostop=True)

    found = _rows(path, 'my ""table""')
    assert sorted(found, key=repr) == sorted([(value, 1) for value in values], key=repr)
    assert _rows(path, '_sage_staged_my ""table""') == []


@KERNELS
def test_a_failing_job_leaves_no_row(tmp_path: Path, kernel: str) -> None:
    """Half of a result looks like a result."""
    path = tmp_path / "out.db"
    with LocalEnvironment(kernel=kernel) as env:
        numbers = env.from_collection(range(9_999, -1, -1)).map(lambda n: (n, 1 / n))
        numbers.sink_to_sqlite(path, "t", {"n": int, "inverse": float})
        with pytest.raises(JobFailedError):
            env.submit(autostop=True)

    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert ("t",) not in tables
    assert _rows(path, "_sage_staged_t") == [] if tables else True


def test_columns_that_the_table_lacks_are_refused_before_the_first_record(tmp_path: Path) -> None:
    """A typing mistake should not wait for the end of the input."""
    path = tmp_path / "out.db"
    sqlite3.connect(path).execute("CREATE TABLE t (item TEXT, price REAL)").connection.close()
    seen: list[int] = []

    def note(number: int) -> tuple[str, int]:
        seen.append(number)
        return "a", number

    with LocalEnvironment(kernel="mock") as env:
        numbers = env.from_collection([1]).map(note)
        numbers.sink_to_sqlite(path, "t", ["Item", "prize"])
        with pytest.raises(JobFailedError, match=r"no column 'prize'; it has 'item', 'price'"):
            env.submit(autostop=True)

    assert seen == []


@pytest.mark.parametrize(
    ("on_conflict", "expected"),
    [("replace", [(2, "b"), (1, "again")]), ("ignore", [(1, "a"), (2, "b")])],
)
def test_rows_that_break_a_constraint_follow_the_choice(
    tmp_path: Path, on_conflict: Any, expected: list[Any]
) -> None:
    """With a primary key, a sink can keep the last state of things."""
    path = tmp_path / "out.db"
    sqlite3.connect(path).execute("CREATE TABLE t (id PRIMARY KEY, text)").connection.close()
    sink = _started(TransactionalSqliteSink, path, "t", ["id", "text"], on_conflict=on_conflict)
    _write(sink, [(1, "a"), (2, "b"), (1, "again")], 1)
    sink.close()

    assert _rows(path) == expected


def test_rows_that_break_a_constraint_fail_before_the_checkpoint(tmp_path: Path) -> None:
    """After it, nothing but a person could end the failing commits."""
    path = tmp_path / "out.db"
    sqlite3.connect(path).execute("CREATE TABLE t (id UNIQUE, text)").connection.close()
    sink = _started(TransactionalSqliteSink, path, "t", ["id", "text"])
    _write(sink, [(1, "a")], 1)
    sink.process((1, "again"))

    with pytest.raises(StateError, match=r"refuses rows: UNIQUE constraint failed: t\.id"):
        sink.pre_commit(2)

    sink.close()
    assert _rows(path) == [(1, "a")]
    assert _rows(path, "_sage_staged_t") == []


def test_going_on_from_an_older_checkpoint_is_refused(tmp_path: Path) -> None:
    """The rows of the later one would come twice."""
    path = tmp_path / "out.db"
    sink = _started(TransactionalSqliteSink, path, "t", ["n"])
    old = _write(sink, [(1,)], 1)
    _write(sink, [(2,)], 2)
    sink.close()

    with pytest.raises(StateError, match="output of a later checkpoint"):
        _started(TransactionalSqliteSink, path, "t", ["n"], handles=[old])
    assert _rows(path) == [(1,), (2,)]


def test_deleted_waiting_rows_are_noticed(tmp_path: Path) -> None:
    """They are in the checkpoint, and nowhere else."""
    path = tmp_path / "out.db"
    sink = _started(TransactionalSqliteSink, path, "t", ["n"])
    sink.process((1,))
    handle = sink.pre_commit(1)
    sink.close()
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM _sage_staged_t")
    connection.commit()
    connection.close()

    with pytest.raises(StateError, match="are gone, and were not committed"):
        _started(TransactionalSqliteSink, path, "t", ["n"], handles=[handle])


def test_a_new_beginning_under_the_same_name_adds_rows(tmp_path: Path) -> None:
    """The notes of the former run must not make the new one's rows look committed."""
    path = tmp_path / "out.db"
    for number in range(3):
        sink = _started(TransactionalSqliteSink, path, "t", ["n"])
        _write(sink, [(number,)], 1)
        sink.process((99,))
        sink.pre_commit(2)  # and no checkpoint
        sink.close()

    assert _rows(path) == [(0,), (1,), (2,)]


def test_rows_of_former_instances_are_committed_by_the_new_ones(tmp_path: Path) -> None:
    """Three instances pre-committed, one goes on: all three have rows waiting."""
    path = tmp_path / "out.db"
    sinks = [
        _started(TransactionalSqliteSink, path, "t", ["n"], index=index, parallelism=3)
        for index in range(3)
    ]
    for number, sink in enumerate(sinks):
        sink.process((number,))
    handles = [sink.pre_commit(1) for sink in sinks]
    for sink in sinks:
        sink.close()

    _started(TransactionalSqliteSink, path, "t", ["n"], handles=handles).close()

    assert sorted(_rows(path)) == [(0,), (1,), (2,)]
    assert _rows(path, "_sage_staged_t") == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [(2**63, "more than 64 bits"), (dt.date(2024, 1, 1), "a date, which"), ([1], "a list, which")],
)
def test_a_value_that_sqlite_has_not_is_a_failure_of_its_record(
    tmp_path: Path, value: Any, problem: str
) -> None:
    """Silently made text of, it would not come back as what it was."""
    sink = _started(TransactionalSqliteSink, tmp_path / "out.db", "t", ["n"])

    with pytest.raises(BadRecordError, match=f"column 'n' has .*{problem}"):
        sink.process((value,))

    sink.close()
