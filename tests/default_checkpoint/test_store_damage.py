"""R6: what was damaged, cut off, swapped or put back from an older time is reported, never used."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sage_kernel_api.errors import StoreCorruptError, StoreFormatError
from sage_kernel_default.checkpoint.high_water import HighWaterMark
from sage_kernel_default.checkpoint.places import folder_name
from tests.default_checkpoint.stores import contents, make_store, record, state_of

_JOB = folder_name("job")
_EPOCHS = 6
Damage = Callable[[random.Random, Path], None]


class History:
    """Files of one job after each epoch: as an orderly close, and as a kill left them."""

    def __init__(self, folder: Path) -> None:
        self.states: dict[int, Any] = {}
        self.closed: dict[int, Path] = {}
        self.killed: dict[int, Path] = {}
        work = folder / "work"
        for epoch in range(1, _EPOCHS + 1):
            store = make_store(work, retain=2)
            store.open("job")
            changed = {f"user{n}": epoch for n in range(0, 300, epoch)}
            store.commit(record(epoch, changed, [f"user{epoch}"] if epoch > 1 else []))
            self.states[epoch] = state_of(store.load())
            self.killed[epoch] = folder / f"killed{epoch}"
            shutil.copytree(work, self.killed[epoch])
            store.close()
            self.closed[epoch] = folder / f"closed{epoch}"
            shutil.copytree(work, self.closed[epoch])


@pytest.fixture(scope="module")
def history(memory: Path) -> History:
    return History(Path(tempfile.mkdtemp(dir=memory)))


def outcome(directory: Path, history: History) -> str:
    """Open a damaged store: "refused" with nothing changed, or the name of what was used."""
    before = contents(directory)
    store = make_store(directory, retain=2)
    try:
        opened = store.open("job")
    except (StoreCorruptError, StoreFormatError):
        assert contents(directory) == before, "a refused directory was changed"
        return "refused"
    if opened.latest is None:
        store.close()
        # Neither database nor mark: nobody could know that there was more.
        return (
            "SILENT" if {"state.db", "high-water"} & {Path(name).name for name in before} else "new"
        )
    state = state_of(store.load())
    store.close()
    return "true" if state == history.states[state["epoch"]] else "SILENT"


def flip_bit(dice: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def wipe_sector(dice: random.Random, path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = dice.randrange(len(data)) // 512 * 512
    sector = data[start : start + 512]
    wiped = bytes(len(sector)) if any(sector) else b"\xff" * len(sector)
    data[start : start + 512] = wiped
    path.write_bytes(data)


def cut_off(dice: random.Random, path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: dice.randrange(len(data))])


def append(dice: random.Random, path: Path) -> None:
    path.write_bytes(path.read_bytes() + dice.randbytes(dice.randrange(1, 5_000)))


def swap_parts(dice: random.Random, path: Path) -> None:
    data = path.read_bytes()
    size = min(4096, len(data) // 4)
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    for _ in range(100):
        one, other = dice.sample(range(len(parts)), 2)
        if parts[one] != parts[other]:
            parts[one], parts[other] = parts[other], parts[one]
            break
    path.write_bytes(b"".join(parts))


_DAMAGES: list[Damage] = [flip_bit, flip_bit, wipe_sector, cut_off, append, swap_parts]


@pytest.mark.parametrize("seed", range(4))
def test_r6_any_change_after_an_orderly_close_is_reported(
    fast_path: Path, history: History, seed: int
) -> None:
    """Every bit counts: also those that SQLite does not use today."""
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(100):
        directory = fast_path / str(number)
        shutil.copytree(history.closed[_EPOCHS], directory)
        path = directory / _JOB / dice.choice(["state.db", "state.db", "high-water"])
        dice.choice(_DAMAGES)(dice, path)
        seen[outcome(directory, history)] += 1
        shutil.rmtree(directory)

    assert seen == {"refused": 100}


@pytest.mark.parametrize("seed", range(4))
def test_r6_any_change_after_a_kill_is_reported_or_changes_nothing_that_is_read(
    fast_path: Path, history: History, seed: int
) -> None:
    """Without a seal a bit in an unused place may pass; the state is then exactly the true one."""
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    for number in range(100):
        directory = fast_path / str(number)
        shutil.copytree(history.killed[_EPOCHS], directory)
        path = directory / _JOB / dice.choice(["state.db", "state.db-wal", "high-water"])
        dice.choice(_DAMAGES)(dice, path)
        seen[outcome(directory, history)] += 1
        shutil.rmtree(directory)

    assert seen["SILENT"] == 0
    assert seen["refused"] > 50


@pytest.mark.parametrize("seed", range(4))
def test_r6_files_of_different_times_are_reported_or_give_the_latest(
    fast_path: Path, history: History, seed: int
) -> None:
    """A restored backup of one file, a lost log, two half-copied directories."""
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    names = ["state.db", "state.db-wal", "high-water"]
    for number in range(75):
        directory = fast_path / str(number)
        (directory / _JOB).mkdir(parents=True)
        for name in names:
            sources = [*history.closed.values(), *history.killed.values()]
            source = dice.choice(sources) / _JOB / name
            if source.exists() and dice.random() < 0.95:
                shutil.copy(source, directory / _JOB / name)
        mark = None
        if (directory / _JOB / "high-water").exists():
            mark = HighWaterMark.from_bytes((directory / _JOB / "high-water").read_bytes())
        result = outcome(directory, history)
        if result == "true":
            store = make_store(directory)
            latest = store.open("job").latest
            store.close()
            # Never older than what the mark says was complete; an empty folder is a new store.
            assert (latest.epoch if latest else 0) >= (mark.epoch if mark else 0)
        seen[result] += 1
        shutil.rmtree(directory)

    assert seen["SILENT"] == 0
    assert seen["refused"] > 40


@pytest.mark.soak
def test_r6_ten_thousand_changes_none_silent(fast_path: Path, history: History) -> None:
    """The long form of the above."""
    dice = random.Random(4)
    seen: Counter[str] = Counter()
    for number in range(10_000):
        source = history.closed if number % 2 else history.killed
        directory = fast_path / str(number)
        shutil.copytree(source[_EPOCHS], directory)
        paths = [path for path in (directory / _JOB).iterdir() if path.name != "owner"]
        path = dice.choice([path for path in sorted(paths) if path.stat().st_size > 100])
        dice.choice(_DAMAGES)(dice, path)
        seen[outcome(directory, history)] += 1
        shutil.rmtree(directory)

    assert seen["SILENT"] == 0
    assert seen["refused"] > 5_000
