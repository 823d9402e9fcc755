"""JSON Lines and CSV: typed records, bad ones named, exact positions."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import BadRecord, JobFailedError, LocalEnvironment, PipelineError
from sage_kernel_api.core.connectors.csv_rows import CsvSource
from sage_kernel_api.core.connectors.json_lines import JsonLinesSource
from sage_kernel_api.errors import BadRecordError, StateError
from tests.connectors.instances import Run

_SETTINGS = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
_CELLS = st.text(st.sampled_from('ab,";\n\r é'), max_size=6)


@dataclass(frozen=True)
class Sale:
    item: str
    price: float
    count: int = 1


class Pair(TypedDict):
    key: str
    value: int


@settings(_SETTINGS, max_examples=80)
@given(st.data())
def test_every_json_value_comes_once_over_stops_and_changes_of_parallelism(
    data: st.DataObject,
) -> None:
    """Blank lines must not shift the positions of the values behind them."""
    values = data.draw(st.lists(_JSON, max_size=12))
    blanks = data.draw(st.lists(st.sampled_from(["", "\n", " \n\n"]), min_size=12, max_size=12))
    text = "".join(
        f"{blank}{json.dumps(value, ensure_ascii=False)}\n"
        for value, blank in zip(values, blanks, strict=False)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.jsonl")
        path.write_bytes(text.encode())
        split_bytes = data.draw(st.sampled_from([4, 32]))
        source = partial(JsonLinesSource[Any], path, split_bytes=split_bytes)
        run, found = Run(source, data.draw(st.integers(1, 3))), []
        for _ in range(data.draw(st.integers(0, 3))):
            for index in range(len(run.operators)):
                found += run.poll(index, data.draw(st.integers(1, 3)))
            run = Run(source, data.draw(st.integers(1, 3)), run.stop())
        found += run.rest()

    assert sorted(map(repr, found)) == sorted(map(repr, values))


@settings(_SETTINGS, max_examples=100)
@given(
    st.lists(st.tuples(_CELLS, _CELLS), max_size=10),
    st.sampled_from(["utf-8", "utf-16", "latin-1"]),
    st.sampled_from([",", ";"]),
    st.lists(st.integers(1, 4), max_size=12),
)
def test_every_row_comes_once_also_with_quoted_line_ends(
    rows: list[tuple[str, str]], encoding: str, delimiter: str, limits: list[int]
) -> None:
    """A position in the middle of a quoted field would tear the row apart."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("left", "right"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.csv")
        path.write_bytes(text.getvalue().encode(encoding))
        source = partial(CsvSource[Any], path, delimiter=delimiter, encoding=encoding)
        run, found = Run(source), []
        for limit in limits:
            found += run.poll(0, limit)
            run = Run(source, 1, run.stop())
        found += run.rest(3)

    assert found == [{"left": left, "right": right} for left, right in rows]


@pytest.mark.parametrize("kernel", ["mock", "default"])
def test_lines_of_json_become_the_type(tmp_path: Path, kernel: str) -> None:
    """Whoever asks for a type must not get a dictionary."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"item": "tea", "price": 2.5}\n{"item": "cup", "price": 4, "count": 3}\n')

    with LocalEnvironment(kernel=kernel) as env:
        sales = env.from_json_lines(path, Sale).execute_and_collect()

    assert sales == [Sale("tea", 2.5), Sale("cup", 4.0, 3)]


@pytest.mark.parametrize("kernel", ["mock", "default"])
def test_rows_become_the_type_and_numbers_are_read(tmp_path: Path, kernel: str) -> None:
    """Everything in a CSV file is text; the type says what it means."""
    path = tmp_path / "in.csv"
    path.write_text('\ufeffitem,price,count\ntea,2.5,1\n"cup,\nbig",4,3\n\n', encoding="utf-8")

    with LocalEnvironment(kernel=kernel) as env:
        sales = env.from_csv(path, Sale).execute_and_collect()

    assert sales == [Sale("tea", 2.5), Sale("cup,\nbig", 4.0, 3)]


def test_columns_may_be_given(tmp_path: Path) -> None:
    """Many files have no row of names."""
    path = tmp_path / "in.tsv"
    path.write_text("a\t1\nb\t2\n")
    source = partial(CsvSource[Any], path, Pair, columns=["key", "value"], delimiter="\t")
    run = Run(source)

    assert run.poll(0, 1) == [{"key": "a", "value": 1}]
    assert Run(source, 1, run.stop()).rest() == [{"key": "b", "value": 2}]


_BAD_JSON = b'{"item": "tea", "price": 1}\n\n{"item": 1}\n[\nnot\xff\n{"item": "cup", "price": 2}\n'
_BAD_CSV = b'item,price,count\ntea,1,1\n"a\nb",x,1\nc,1\n"\n"x",2,2\n\xff,1,1\ncup,2,1\n'


def test_a_bad_line_fails_behind_the_lines_before_it(tmp_path: Path) -> None:
    """File, line and text are what one needs in order to mend it."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BAD_JSON)
    run = Run(partial(JsonLinesSource[Sale], path, Sale))

    assert run.poll() == [Sale("tea", 1)]
    with pytest.raises(BadRecordError, match=r"in\.jsonl, line 3: .*Expected `str`.*item"):
        run.poll()
    run.close()


def test_a_restart_meets_the_bad_line_again(tmp_path: Path) -> None:
    """A position behind it would swallow it."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BAD_JSON)
    run = Run(partial(JsonLinesSource[Sale], path, Sale))
    run.poll()

    again = Run(partial(JsonLinesSource[Sale], path, Sale), 2, run.stop())

    with pytest.raises(BadRecordError, match="line 3"):
        again.rest()
    again.close()


def test_bad_rows_are_named(tmp_path: Path) -> None:
    """The line is that in which the row begins, also behind quoted line ends."""
    path = tmp_path / "in.csv"
    path.write_bytes(_BAD_CSV)
    run = Run(partial(CsvSource[Sale], path, Sale))
    assert run.poll() == [Sale("tea", 1, 1)]

    problems = []
    good = []
    for _ in range(20):
        try:
            good += run.poll(0, 1)
        except BadRecordError as error:
            problems.append(str(error).partition("in.csv, ")[2])
    run.close()

    places = [problem.partition(":")[0] for problem in problems]
    assert places == ["line 3", "line 5", "line 6", "line 8"]
    assert "Expected `float`" in problems[0]
    assert "2 fields where there are 3 columns (item, price, count)" in problems[1]
    assert good == [Sale("cup", 2.0, 1)]


@pytest.mark.parametrize("kernel", ["mock", "default"])
def test_bad_records_are_skipped_or_dead_lettered_by_policy(tmp_path: Path, kernel: str) -> None:
    """One bad line in a million must not end the night's job, nor vanish."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BAD_JSON)

    with LocalEnvironment(kernel=kernel) as env:
        skipping = env.from_json_lines(path, Sale, on_error="skip", name="sales")
        assert skipping.execute_and_collect() == [Sale("tea", 1), Sale("cup", 2)]
        steps = env.status()["steps"]
        letters = env.from_json_lines(path, Sale, on_error="dead_letter").dead_letters()
        found = letters.map(lambda letter: letter.value).execute_and_collect()

    assert steps["sales-check"]["skipped"] == 3
    assert [(bad.line, bad.text) for bad in found if isinstance(bad, BadRecord)] == [
        (3, '{"item": 1}'),
        (4, "["),
        (5, "not\\xff"),
    ]


def test_the_job_names_the_bad_row(tmp_path: Path) -> None:
    """It is the first line of what the user reads."""
    path = tmp_path / "in.csv"
    path.write_bytes(_BAD_CSV)

    with LocalEnvironment(kernel="default") as env:
        env.from_csv(path, Sale).print()
        with pytest.raises(JobFailedError, match=r"in\.csv, line 3") as caught:
            env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, BadRecordError)


@pytest.mark.parametrize("head", ["a,a\n", "a,\n", '"a\n'])
def test_columns_need_names(tmp_path: Path, head: str) -> None:
    """Two columns of one name would hide each other."""
    path = tmp_path / "in.csv"
    path.write_text(head)

    with pytest.raises(BadRecordError, match=r"in\.csv, line 1: .*columns"):
        Run(partial(CsvSource[Any], path))


def test_another_csv_file_is_refused(tmp_path: Path) -> None:
    """Its rows would be read from the middle."""
    path = tmp_path / "in.csv"
    path.write_text("a\n1\n2\n3\n")
    run = Run(partial(CsvSource[Any], path))
    run.poll(0, 2)
    states = run.stop()
    path.write_text("a\n9\n9\n9\n9\n")

    with pytest.raises(StateError, match="other content"):
        Run(partial(CsvSource[Any], path), 1, states)


def test_types_and_formats_that_cannot_be_read_are_refused_when_described() -> None:
    """A job that fails at its first record has been deployed already."""
    env = LocalEnvironment()

    with pytest.raises(PipelineError, match="Lines of JSON cannot be read as"):
        env.from_json_lines("x", set | list)  # type: ignore[arg-type]
    with pytest.raises(PipelineError, match=r"cannot be read as .*Thread.* Give a dataclass"):
        env.from_json_lines("x", threading.Thread)
    with pytest.raises(PipelineError, match="Rows of CSV cannot be read as <class 'int'>"):
        env.from_csv("x", int)
    with pytest.raises(PipelineError, match="delimiter='ab'"):
        env.from_csv("x", delimiter="ab")
    with pytest.raises(PipelineError, match="takes a path, not 3"):
        env.from_csv(3)  # type: ignore[call-overload]
    assert env.pipeline == []
