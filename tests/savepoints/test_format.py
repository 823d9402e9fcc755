"""R8: savepoints of every release stay readable. R6: damage is refused. R18: no code runs."""

from __future__ import annotations

import errno
import io
import os
import pickle
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_kernel_api.errors import (
    CheckpointError,
    StateError,
    StoreCorruptError,
    StoreFormatError,
)
from sage_kernel_api.storage.savepoints import (
    InstanceState,
    KeyedRows,
    SavepointHeader,
    open_savepoint,
    write_savepoint_file,
)
from sage_kernel_api.storage.savepoints import frames as frames_module
from sage_kernel_api.storage.savepoints.files import PosixSavepointFiles, SavepointFiles
from sage_kernel_api.storage.savepoints.frames import FIRST_LINE, first_digest, pack_frame
from tests.helpers import no_leaks
from tests.savepoints.jobs import CODEC, GOLDEN, golden_tables, rows_of, tables_of, write_golden

_PAGE = Path(__file__).parents[2] / "docs" / "formats" / "savepoints.md"
_VECTOR = re.compile(r"^    ([0-9a-f]{2,})$", re.MULTILINE)
_HEADER = SavepointHeader("job", "default", 1, 0.0, {"s": 1})


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_r8_golden_savepoints_are_read_at_any_parallelism(path: Path) -> None:
    """Files that earlier releases wrote are never written again; they must be read for ever."""
    savepoint = open_savepoint(path)

    assert (savepoint.header.job, savepoint.header.epoch) == ("golden", 7)
    assert CODEC.decode(savepoint.steps["read"].instances[0].operator["position"]) == (
        "lines.txt",
        1234,
    )
    assert CODEC.decode(savepoint.steps["write"].instances[0].handle or b"") == [("part-7", 99)]
    in_flight = [CODEC.decode_column(c) for c in savepoint.steps["total"].instances[0].in_flight]
    assert in_flight == [[0, 0], ["early", "late"], ["user1", "user2"]]
    for parallelism in (1, 2, 4, 1024):
        parts = tables_of(savepoint, "total", parallelism)
        for table, rows in golden_tables().items():
            merged = [item for part in parts for item in part.get(table, {}).items()]
            assert len(merged) == len(rows)
            assert dict(merged) == rows


def test_the_golden_files_are_what_this_release_writes(tmp_path: Path) -> None:
    """A change of the bytes is a change of the format: it needs another version."""
    for parallelism in (1, 3):
        path = tmp_path / str(parallelism)
        write_golden(path, parallelism)
        golden = GOLDEN / f"v1-parallelism-{parallelism}.savepoint"
        assert path.read_bytes() == golden.read_bytes()


def test_the_test_vector_of_the_specification_holds(tmp_path: Path) -> None:
    """Somebody else writes a reader from the page alone."""
    vector = bytes.fromhex("".join(_VECTOR.findall(_PAGE.read_text(encoding="utf-8"))))
    path = tmp_path / "s"
    states: list[InstanceState | KeyedRows] = [
        InstanceState("s", 0, {"position": CODEC.encode(5)}),
        *rows_of("s", "count", {"a": 1}),
    ]

    write_savepoint_file(path, _HEADER, states)

    assert len(vector) > 200
    assert path.read_bytes() == vector


_names = st.text(st.characters(), max_size=5)
_bytes = st.binary(max_size=8)


@given(
    st.dictionaries(_names, _bytes, max_size=3),
    st.none() | _bytes,
    st.lists(_bytes, max_size=3),
    st.dictionaries(st.integers() | st.text(max_size=4), st.integers(), max_size=20),
    _names,
)
@settings(max_examples=50, deadline=None)
def test_any_state_comes_back(
    operator: dict[str, bytes],
    handle: bytes | None,
    in_flight: list[bytes],
    table: dict[Any, Any],
    name: str,
) -> None:
    """Names are any text, also such as no file system or UTF-8 would take."""
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as d:
        path = Path(d) / "s"
        header = SavepointHeader(name, name, 3, 1.5, {name: 1}, {name: [name]})
        state = InstanceState(name, 0, operator, handle, in_flight)
        write_savepoint_file(path, header, [state, *rows_of(name, name, table)])

        savepoint = open_savepoint(path)

        assert savepoint.header == header
        assert savepoint.steps[name].instances == [state]
        assert tables_of(savepoint, name, 1)[0].get(name, {}) == table
        assert savepoint.size_bytes == path.stat().st_size


class MemoryFiles(PosixSavepointFiles):
    """One file in memory, because the test reads thousands."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self, path: Path) -> tuple[BinaryIO, int]:
        return io.BytesIO(self.data), len(self.data)


def test_r6_every_changed_byte_and_every_cut_is_reported(tmp_path: Path) -> None:
    """A savepoint travels over networks and lies in archives for years."""
    good = (GOLDEN / "v1-parallelism-3.savepoint").read_bytes()
    dice = random.Random(1)
    path = tmp_path / "s"
    files = MemoryFiles(b"")
    cases = [good[:size] for size in range(0, len(good), 7)]
    cases += [good + b"x", good + good, b"", good[24:]]
    cases += [
        good[:at] + bytes([good[at] ^ 1 << dice.randrange(8)]) + good[at + 1 :]
        for at in range(len(good))
    ]
    for case in cases:
        files.data = case
        with pytest.raises((StoreCorruptError, StoreFormatError)) as caught:
            open_savepoint(path, files=files)
        assert str(path) in str(caught.value)
    assert len(cases) > 1_500


def test_r6_parts_of_another_savepoint_are_reported(tmp_path: Path) -> None:
    """Each part is valid in itself; only the chain shows that it does not belong there."""
    bodies = _frames(GOLDEN / "v1-parallelism-1.savepoint")
    path = tmp_path / "s"
    swapped = [bodies[0], bodies[2], bodies[1], *bodies[3:]]
    missing = [*bodies[:3], *bodies[4:]]
    twice = [*bodies[:3], bodies[2], *bodies[3:]]

    for wrong in (swapped, missing, twice):
        path.write_bytes(FIRST_LINE + b"".join(wrong))
        with pytest.raises(StoreCorruptError, match=r"checksum does not fit"):
            open_savepoint(path)


def test_a_file_that_changes_after_it_was_verified_is_noticed(tmp_path: Path) -> None:
    """Keyed rows are read again, when an instance asks for them."""
    path = tmp_path / "s"
    write_golden(path, 1)
    savepoint = open_savepoint(path)
    path.write_bytes(path.read_bytes().replace(b"user15", b"user16"))

    with pytest.raises(StoreCorruptError, match="checksum"):
        tables_of(savepoint, "total", 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"sage-kernel savepoint 2\n" + b"x" * 100, "another format than this release reads"),
        (b"#!/bin/sh\necho\n", "no savepoint"),
        (b"", "no savepoint"),
    ],
)
def test_r7_a_foreign_or_newer_file_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """A guess would start the job with half of its state."""
    path = tmp_path / "s"
    path.write_bytes(content)

    with pytest.raises(StoreFormatError, match=told):
        open_savepoint(path)


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def forge(*parts: tuple[Any, bytes]) -> bytes:
    """Return a savepoint with right checksums and any content: what an attacker can make."""
    data, digest = FIRST_LINE, first_digest()
    for kind, body in parts:
        head, digest = pack_frame(kind, body, digest)
        data += head + body + digest
    return data


def test_r18_a_hostile_savepoint_runs_no_code(tmp_path: Path) -> None:
    """Checksums are no signature: anybody can make a savepoint that is whole."""
    canary = tmp_path / "canary"
    bomb = pickle.dumps(Canary(canary))
    header = frames_module.encode_header(_HEADER)
    instance = frames_module.encode_instance(InstanceState("s", 0, {"x": bomb}))
    end = frames_module.encode_end(3)
    path = tmp_path / "s"
    hostile = [
        forge(("H", bomb), ("I", instance), ("E", end)),
        forge(("H", header), ("I", bomb), ("E", end)),
        forge(("H", header), ("K", bomb), ("E", end)),
        forge(("H", b'{"job": {"__class__": "os.system"}}'), ("E", frames_module.encode_end(2))),
        forge(("H", header.replace(b'"s": 1', b'"s": 1e9')), ("I", instance), ("E", end)),
        forge(("H", b"[" * 100_000), ("I", instance), ("E", end)),
        forge(("H", header), ("I", instance), ("I", instance)),
        forge(("I", instance), ("H", header), ("E", end)),
        forge(("H", header), ("Z", instance), ("E", end)),
        forge(("H", header), ("I", instance), ("E", b"\xff")),
        FIRST_LINE + b"H\xff\xff\xff\xff" + b"x" * 100,
    ]
    for data in hostile:
        path.write_bytes(data)
        tracemalloc.start()
        with pytest.raises((StoreCorruptError, StoreFormatError)):
            open_savepoint(path)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
        tracemalloc.stop()

    path.write_bytes(forge(("H", header), ("I", instance), ("E", end)))
    state = open_savepoint(path).steps["s"].instances[0]
    with pytest.raises(StateError):
        CODEC.decode(state.operator["x"])
    assert not canary.exists()


class FailingFiles(SavepointFiles):
    """The real files; call *at* fails, before or after its effect."""

    def __init__(self, at: int, *, is_after: bool, is_persistent: bool) -> None:
        self.calls = 0
        self._at, self._is_after, self._is_persistent = at, is_after, is_persistent
        self._files = PosixSavepointFiles()

    def _count(self, *, is_after: bool) -> None:
        self.calls += not is_after
        is_due = self.calls == self._at or (self._is_persistent and self.calls > self._at)
        if is_due and is_after == self._is_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def exists(self, path: Path) -> bool:
        self._count(is_after=False)
        return self._files.exists(path)

    def create(self, path: Path) -> tuple[Path, BinaryIO]:
        self._count(is_after=False)
        return self._files.create(path)

    def write(self, file: BinaryIO, data: bytes) -> None:
        self._count(is_after=False)
        self._files.write(file, data)
        self._count(is_after=True)

    def close(self, file: BinaryIO) -> None:
        self._count(is_after=False)
        self._files.close(file)
        self._count(is_after=True)

    def publish(self, temporary: Path, path: Path) -> None:
        self._count(is_after=False)
        self._files.publish(temporary, path)

    def remove(self, path: Path) -> None:
        self._files.remove(path)

    def open(self, path: Path) -> tuple[BinaryIO, int]:
        self._count(is_after=False)
        return self._files.open(path)


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("is_persistent", [False, True])
def test_r4_a_failing_call_leaves_nothing_behind(
    tmp_path: Path, is_after: bool, is_persistent: bool
) -> None:
    """Half a savepoint under the right name would be found when it is needed."""
    states: list[InstanceState | KeyedRows] = [InstanceState("s", 0, {"x": b"\xc0"})]
    states += rows_of("s", "t", {1: 1, 2: 2})
    faults = 0
    with no_leaks():
        for at in range(1, 100):
            files = FailingFiles(at, is_after=is_after, is_persistent=is_persistent)
            error = _error_of(tmp_path / "s", states, files)
            if error is not None:
                assert "No space left" in str(error)
                assert list(tmp_path.iterdir()) == []
                faults += 1
                continue
            open_savepoint(tmp_path / "s")
            (tmp_path / "s").unlink()
            if files.calls < at:
                break
        else:
            pytest.fail("writing never passed")
    assert faults > 10


def test_r4_a_state_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    """The rows come from a store that can fail in the middle."""

    def states() -> Any:
        yield InstanceState("s", 0)
        raise StateError("gone")

    with pytest.raises(StateError, match="gone"):
        write_savepoint_file(tmp_path / "s", _HEADER, states())

    assert list(tmp_path.iterdir()) == []


def test_a_savepoint_never_replaces_anything(tmp_path: Path) -> None:
    """The user's only good savepoint must survive a slip of the hand."""
    path = tmp_path / "s"
    path.write_text("mine")

    with pytest.raises(CheckpointError, match="exists already"):
        write_savepoint_file(path, _HEADER, [InstanceState("s", 0)])

    assert path.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    """R20."""
    with pytest.raises(CheckpointError, match="could not be written: No such file"):
        write_savepoint_file(tmp_path / "no" / "s", _HEADER, [])
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        open_savepoint(tmp_path / "no")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        open_savepoint(tmp_path)


def _error_of(
    path: Path, states: list[InstanceState | KeyedRows], files: SavepointFiles
) -> CheckpointError | None:
    try:
        write_savepoint_file(path, _HEADER, states, files=files)
    except CheckpointError as error:
        return error
    return None


def _frames(path: Path) -> list[bytes]:
    data = path.read_bytes()
    found, at = [], len(FIRST_LINE)
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5], "big") + 16
        found.append(data[at:end])
        at = end
    return found
