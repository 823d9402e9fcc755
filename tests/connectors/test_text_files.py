"""Lines of a text file: every one once, whatever happens between two of them."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_kernel_api import (
    FileSource,
    GeneratorBatchIteratorFunction,
    IterableBatchIteratorFunction,
    JobFailedError,
    LocalEnvironment,
    PipelineError,
    RangeBatchIteratorFunction,
    StopSignal,
)
from sage_kernel_api.core.connectors.split_source import TextFileSource
from sage_kernel_api.core.connectors.splits import SplitsLeft, merge_generations
from sage_kernel_api.errors import BadRecordError, StateError
from tests.connectors.instances import Run

_SETTINGS = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
_ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be", "utf-32", "cp037", "gb18030"]
_LINES = st.lists(st.text(st.sampled_from("ab\r\x0b\x1c\x85é€ \t"), max_size=12), max_size=30)


def _bytes_of(lines: list[str], end: str, encoding: str, *, last_has_end: bool) -> bytes:
    text = "".join(f"{line}{end}" for line in lines)
    if not last_has_end:
        text = text.removesuffix(end)
    return text.encode(encoding, errors="replace")


def _expected(data: bytes, encoding: str) -> list[str]:
    lines = data.decode(encoding).replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


@settings(_SETTINGS, max_examples=100)
@given(st.data())
def test_every_line_comes_once_over_stops_and_changes_of_parallelism(data: st.DataObject) -> None:
    """A restored job would lose lines, or count them twice."""
    encoding = data.draw(st.sampled_from(_ENCODINGS))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    content = _bytes_of(data.draw(_LINES), end, encoding, last_has_end=data.draw(st.booleans()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.txt")
        path.write_bytes(content)
        split_bytes = data.draw(st.sampled_from([4, 8, 16, 64]))
        source = partial(TextFileSource, path, encoding, split_bytes=split_bytes)
        run, lines = Run(source, data.draw(st.integers(1, 4))), []
        for _ in range(data.draw(st.integers(0, 4))):
            for index in data.draw(st.lists(st.integers(0, len(run.operators) - 1), max_size=8)):
                lines += run.poll(index, data.draw(st.integers(1, 3)))
            run = Run(source, data.draw(st.integers(1, 4)), run.stop())
        lines += run.rest(data.draw(st.integers(1, 5)))

    assert sorted(lines) == sorted(_expected(content, encoding))


@settings(_SETTINGS, max_examples=100)
@given(_LINES, st.sampled_from(_ENCODINGS), st.sampled_from([4, 16, 1 << 18]), st.integers(1, 50))
def test_one_instance_keeps_the_order_of_lines(
    lines: list[str], encoding: str, split_bytes: int, stop_after: int
) -> None:
    """Whoever reads a log in order must get it in order, before and after a restart."""
    content = _bytes_of(lines, "\n", encoding, last_has_end=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.txt")
        path.write_bytes(content)
        source = partial(TextFileSource, path, encoding, split_bytes=split_bytes)
        run = Run(source)
        found = [line for _ in range(stop_after) for line in run.poll(0, 1)]
        found += Run(source, 1, run.stop()).rest()

    assert found == _expected(content, encoding)


@settings(_SETTINGS, max_examples=100)
@given(st.data())
def test_what_is_left_of_splits_is_what_no_run_has_read(data: st.DataObject) -> None:
    """The rule is pure, and so it is held against the plainest model: a set."""
    read: set[int] = set()
    past: Any = []
    for _ in range(data.draw(st.integers(1, 6))):
        parallelism = data.draw(st.integers(1, 5))
        here = []
        for index in range(parallelism):
            left = SplitsLeft(index, parallelism, past)
            for _ in range(data.draw(st.integers(0, 4))):
                assert left.split not in read
                read.add(left.split)
                left.advance()
            here.append((left.split, ()))
        past = merge_generations(past, here)

        left_over = {SplitsLeft(0, 1, past).split} | _unread(past, 40)
        assert left_over == {min(set(range(100)) - read)} | (set(range(40)) - read)


def _unread(past: Any, count: int) -> set[int]:
    left = SplitsLeft(0, 1, past)
    found = set()
    while left.split < count:
        found.add(left.split)
        left.advance()
    return found


def test_the_state_does_not_grow_with_restarts() -> None:
    """A job that restarts every night would carry all its past with it."""
    past: Any = []
    for number in range(50):
        parallelism = 1 + number % 3
        lefts = [SplitsLeft(index, parallelism, past) for index in range(parallelism)]
        for left in lefts:
            for _ in range(5):
                left.advance()
        past = merge_generations(past, [(left.split, ()) for left in lefts])

    assert len(past) <= 3


@pytest.mark.parametrize("size", [10, 3])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    """Going on in another file would give half lines, silently."""
    path = tmp_path / "in.txt"
    path.write_text("first\nsecond\nthird\n")
    run = Run(partial(TextFileSource, path))
    assert run.poll(0, 2) == ["first", "second"]
    states = run.stop()
    os.truncate(path, size)

    with pytest.raises(StateError, match=rf"in\.txt has {size} bytes and had 19 .* cut off"):
        Run(partial(TextFileSource, path), 1, states)


@pytest.mark.parametrize("split_bytes", [4, 1 << 18])
@pytest.mark.parametrize("parallelism", [1, 2])
def test_a_file_that_was_replaced_is_refused(
    tmp_path: Path, split_bytes: int, parallelism: int
) -> None:
    """A rotated log has other lines at the same offsets."""
    path = tmp_path / "in.txt"
    path.write_text("first\nsecond\nthird\n")
    run = Run(partial(TextFileSource, path, split_bytes=split_bytes))
    while run.poll(0, 1) != ["second"]:
        pass
    states = run.stop()
    path.write_text("other\nlines!\nand more of them\n")

    with pytest.raises(StateError, match=r"in\.txt has other content before byte"):
        Run(partial(TextFileSource, path), parallelism, states)


def test_a_file_that_has_grown_is_read_on(tmp_path: Path) -> None:
    """Appending to a log between two runs is no change of what was read."""
    path = tmp_path / "in.txt"
    path.write_text("first\nsecond\n")
    run = Run(partial(TextFileSource, path))
    assert run.poll(0, 1) == ["first"]
    states = run.stop()
    with path.open("a") as file:
        file.write("third\n")

    assert Run(partial(TextFileSource, path), 1, states).rest() == ["second", "third"]


def test_a_file_that_becomes_shorter_while_it_is_read_fails(tmp_path: Path) -> None:
    """The missing lines would go unnoticed."""
    path = tmp_path / "in.txt"
    path.write_text("x" * 99 + "\n" + "y" * 99 + "\n")
    run = Run(partial(TextFileSource, path, split_bytes=4))
    os.truncate(path, 150)

    with pytest.raises(StateError, match=r"in\.txt had 200 bytes .* ends at byte 150"):
        run.rest()
    run.close()


def test_a_line_in_another_encoding_is_named_after_the_lines_before_it(tmp_path: Path) -> None:
    """In a file of a million lines, "invalid continuation byte" helps nobody."""
    path = tmp_path / "in.txt"
    path.write_bytes(b"one\ntwo\nr\xe9sum\xe9\nfour\n")
    run = Run(partial(TextFileSource, path))

    assert run.poll() == ["one", "two"]
    with pytest.raises(BadRecordError, match=r"in\.txt, line 3: not utf-8: .*'r\\\\xe9sum"):
        run.poll()
    assert run.rest() == ["four"]


def test_a_missing_position_is_refused(tmp_path: Path) -> None:
    """Nobody would know what the lost instance had read."""
    path = tmp_path / "in.txt"
    path.write_text("a\nb\n")
    states = Run(partial(TextFileSource, path), 3).stop()

    with pytest.raises(StateError, match=r"instances \[0, 2\] of 3"):
        Run(partial(TextFileSource, path), 1, [states[0], states[2]])


@pytest.mark.parametrize(
    "encoding", ["utf-9", "hex", "rot13", "utf-7", "iso2022_jp", "idna", "undefined"]
)
def test_an_encoding_without_lines_is_refused_when_described(encoding: str) -> None:
    """A typing mistake should not wait for the first record."""
    with pytest.raises(PipelineError, match="encoding="):
        LocalEnvironment().from_text_file("x", encoding=encoding)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """It would block for ever, and has no position to go back to."""
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(StateError, match="no regular file"):
            Run(partial(TextFileSource, tmp_path / "pipe"))
    finally:
        os.close(writer)


@pytest.mark.parametrize("kernel", ["mock", "default"])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_the_lines_of_a_file_flow(tmp_path: Path, kernel: str, parallelism: int) -> None:
    """What holds for one instance must hold in a job."""
    path = tmp_path / "in.txt"
    lines = [f"line {number} {'x' * (number % 50)}" for number in range(20_000)]
    path.write_text("\n".join(lines))

    with LocalEnvironment("lines", kernel=kernel) as env:
        found = env.from_text_file(path, parallelism=parallelism).execute_and_collect()

    assert sorted(found) == sorted(lines)
    if parallelism == 1:
        assert found == lines


def test_a_missing_file_fails_the_job_by_name(tmp_path: Path) -> None:
    """The user wants to know which file."""
    with LocalEnvironment(kernel="mock") as env:
        env.from_text_file(tmp_path / "absent.txt").print()
        with pytest.raises(JobFailedError, match=r"absent\.txt") as caught:
            env.submit(autostop=True)

    assert isinstance(caught.value.__cause__, FileNotFoundError)


def _take(source: Any, count: int) -> list[Any]:
    found = []
    for _ in range(count):
        if isinstance(item := source.execute(), StopSignal):
            break
        found.append(item)
    return found


@pytest.mark.parametrize("taken", range(5))
def test_batch_functions_go_on_where_they_were(tmp_path: Path, taken: int) -> None:
    """Programs that name these classes get exact positions without a change."""
    path = tmp_path / "in.txt"
    path.write_text("a\nb\r\n\nd")
    makers: list[tuple[Any, list[Any]]] = [
        (lambda: FileSource(path), ["a", "b", "", "d"]),
        (lambda: RangeBatchIteratorFunction(0, 4), [0, 1, 2, 3]),
        (lambda: IterableBatchIteratorFunction([1, None, 3]), [1, None, 3]),
        (lambda: GeneratorBatchIteratorFunction(lambda: iter("abc")), ["a", "b", "c"]),
        (lambda: IterableBatchIteratorFunction(x for x in "abc"), ["a", "b", "c"]),
    ]
    for make, expected in makers:
        first, second = make(), make()
        found = _take(first, taken)
        second.restore_state(first.get_state())
        first.close()

        assert found + _take(second, 9) == expected
        second.close()


def test_an_iterator_that_was_used_is_not_skipped_over_again() -> None:
    """A restart within one program would leave out items that nobody has seen."""
    items = iter([1, 2, 3])
    first, second = IterableBatchIteratorFunction(items), IterableBatchIteratorFunction(items)
    assert first.execute() == 1
    second.restore_state(first.get_state())

    with pytest.raises(StateError, match="cannot be read again from its begin"):
        second.execute()
