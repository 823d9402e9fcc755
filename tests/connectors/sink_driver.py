"""Kill a sink at every step of its protocol, and look at its output as a reader would.

A program of its own, ``python sink_driver.py FOLDER KIND SEED [PLANT]``: it has one thread, so it
may fork. PLANT is a bug to plant, for a look whether it would be found.
Each fork plays a kernel with checkpoints over one sink and is killed, by SIGKILL, at its n-th
system call (or statement of SQLite). Then other forks go on from the checkpoint, killed at random
ones, until one reaches the end. n counts up until a whole run passes untouched. Prints as JSON how
many kills there were, and what was wrong.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sage_kernel_api.core.connectors.file_sink import TransactionalFileSink
from sage_kernel_api.core.connectors.sqlite_sink import TransactionalSqliteSink
from sage_kernel_api.core.connectors.sqlite_tables import SqliteTables
from sage_kernel_api.core.connectors.staged_file import StagedFile
from sage_kernel_api.core.operators import TransactionalSinkOperator
from sage_kernel_mock import MockKernelFacade

RECORDS = 16
PER_EPOCH = 4


class Killer:
    """Ends the process at the n-th call of what it watches."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.count = 0
        # The coordinator's own calls are not the sink's.
        self.is_watching = True

    def tick(self) -> bool:
        """Count one call; True if it is the one to die at."""
        self.count += self.is_watching
        return self.is_watching and self.count == self.at

    def watch_files(self) -> None:
        for name in ("open", "write", "fsync", "replace", "unlink"):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def watch_sqlite(self) -> None:
        connect = sqlite3.connect

        def connected(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **kwargs)
            connection.set_trace_callback(lambda _: _die() if self.tick() else None)
            return connection

        sqlite3.connect = connected  # type: ignore[assignment]

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self.tick():
                if name == "write":
                    call(args[0], args[1][: len(args[1]) // 2])  # A torn write.
                _die()
            return call(*args, **kwargs)

        return watched


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def record(number: int) -> dict[str, Any]:
    return {"number": number, "text": f"record {number:04d}"}


# --- one attempt: a kernel with checkpoints, and a sink ----------------------------------------


def attempt(kind: str, folder: Path, seed: int, killer: Killer) -> None:
    """Go on from the last checkpoint to the end."""
    chance = random.Random(seed)
    saved = load(folder)
    parallelism = chance.choice([1, 1, 2, 3]) if kind.endswith("parallel") else 1
    operators = [operator(kind, folder, index, parallelism) for index in range(parallelism)]
    handles = saved["handles"]
    for index, each in enumerate(operators):
        each.coordinate()
        each.recover(handles if len(handles) != parallelism else handles[index : index + 1])
        each.open()
    epoch, position = saved["epoch"], saved["position"]
    while position < RECORDS:
        for number in range(position, position + PER_EPOCH):
            operators[number % parallelism].process(record(number))
        position += PER_EPOCH
        epoch += 1
        handles = [each.pre_commit(epoch) for each in operators]
        if position < RECORDS and chance.random() < 0.25:
            continue  # This checkpoint fails; the next one covers its records.
        save(folder, {"epoch": epoch, "position": position, "handles": handles}, killer)
        for each, handle in zip(operators, handles, strict=True):
            each.commit(handle)
    for each in operators:
        each.close()


def operator(kind: str, folder: Path, index: int, parallelism: int) -> Any:
    kernel = MockKernelFacade()
    context = kernel.create_execution_context(
        {"name": "sink", "env_name": "job", "parallel_index": index, "parallelism": parallelism}
    )
    kernel.shutdown()
    made = TransactionalSinkOperator
    if kind.startswith("sqlite"):
        return made(context, TransactionalSqliteSink, folder / "out.db", "numbers")
    form = kind.partition("-")[0]
    return made(context, TransactionalFileSink, folder / "out", form)


def load(folder: Path) -> Any:
    path = folder / "checkpoint"
    if not path.exists():
        return {"epoch": 0, "position": 0, "handles": []}
    return json.loads(path.read_text())


def save(folder: Path, checkpoint: Any, killer: Killer) -> None:
    killer.is_watching = False
    with open(folder / "checkpoint.new", "w") as file:
        json.dump(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(folder / "checkpoint.new", folder / "checkpoint")
    killer.is_watching = True
    if killer.tick():
        _die()


# --- the reader --------------------------------------------------------------------------------


def visible(kind: str, folder: Path) -> list[int]:
    """Return the numbers that a reader sees, in order within each part."""
    if kind.startswith("sqlite"):
        return _visible_rows(folder / "out.db")
    found: list[int] = []
    for part in sorted(folder.glob("out*")):
        # A line that is being appended has no end yet.
        lines = part.read_text().split("\n")[:-1]
        if kind.startswith("csv"):
            assert lines[:1] in ([], ["number,text"]), lines
            lines = lines[1:]
        numbers = [_NUMBER_OF[kind.partition("-")[0]](line) for line in lines]
        assert numbers == sorted(numbers), f"{part.name} has another order: {numbers}"
        found += numbers
    return found


def _number_of_row(line: str) -> int:
    number, text = line.split(",")
    assert text == f"record {int(number):04d}"
    return int(number)


_NUMBER_OF: dict[str, Callable[[str], int]] = {
    "lines": lambda line: int(eval(line)["number"]),
    "json": lambda line: int(json.loads(line)["number"]),
    "csv": _number_of_row,
}


def _visible_rows(path: Path) -> list[int]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT number, text FROM numbers").fetchall()
    except sqlite3.OperationalError:
        return []  # There is no table yet.
    finally:
        connection.close()
    assert all(text == f"record {number:04d}" for number, text in rows), rows
    return [number for number, _ in rows]


def check(kind: str, folder: Path, before: set[int]) -> set[int]:
    """Look at the output between two attempts."""
    numbers = visible(kind, folder)
    assert len(numbers) == len(set(numbers)), f"duplicates: {numbers}"
    assert set(numbers) >= before, f"gone again: {before - set(numbers)}"
    committed = set(range(load(folder)["position"]))
    assert set(numbers) <= committed, f"visible before its checkpoint: {set(numbers) - committed}"
    return set(numbers)


# --- bugs to plant -----------------------------------------------------------------------------


def _append_at_the_end(part: Any, staged: Path, transaction: Any, *, is_last: bool) -> None:
    with open(part.target, "ab", buffering=0) as target:
        target.write(staged.read_bytes())


def _forget_failed_epochs(sink: Any, epoch: int, plain: Callable[..., Any]) -> Any:
    handle = plain(sink, epoch)
    for name in ("transactions", "pending"):
        if handle and handle.get(name):
            handle[name] = handle[name][-1:]
    return handle


def _as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, epoch: function(self, epoch)


def plant(bug: str) -> None:
    """Break a sink in a known way."""
    if bug == "append-at-the-end":
        StagedFile._append = _append_at_the_end  # type: ignore[method-assign, assignment]
    elif bug == "forget-failed-epochs":
        for sink in (TransactionalFileSink, TransactionalSqliteSink):
            broken = partial(_forget_failed_epochs, plain=sink.pre_commit)
            setattr(sink, "pre_commit", _as_method(broken))  # noqa: B010 - mypy has it as final
    elif bug == "commit-at-once":
        plain_commit = TransactionalFileSink.pre_commit

        def pre_commit(self: Any, epoch: int) -> Any:
            handle = plain_commit(self, epoch)
            self.commit(handle)
            return handle

        TransactionalFileSink.pre_commit = pre_commit  # type: ignore[method-assign]
    elif bug == "note-apart":
        SqliteTables.last_commit = lambda *_: 0  # type: ignore[method-assign]
    else:
        raise SystemExit(f"no such bug: {bug}")


# --- many runs ---------------------------------------------------------------------------------


def forked(work: Callable[[], None]) -> int:
    """Run *work* in a process of its own and return its status; -9 if it was killed."""
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told by the status
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _killed_attempt(kind: str, folder: Path, seed: int, at: int | None) -> None:
    killer = Killer(at)
    killer.watch_sqlite() if kind.startswith("sqlite") else killer.watch_files()
    attempt(kind, folder, seed, killer)


def run(kind: str, folder: Path, seed: int, first_kill: int) -> tuple[int, bool]:
    """Run to the end, killed first at one call; return the kills, and whether that one came."""
    folder.mkdir()
    chance = random.Random(f"{seed}/{first_kill}")
    kills, seen = 0, set[int]()
    at: int | None = first_kill
    while True:
        status = forked(partial(_killed_attempt, kind, folder, chance.randrange(10**6), at))
        seen = check(kind, folder, seen)
        if status == 0:
            break
        assert status == -signal.SIGKILL, f"the attempt failed with {status}"
        kills += 1
        at = chance.randrange(1, 40) if kills < 4 else None
    assert seen == set(range(RECORDS)), f"lost: {set(range(RECORDS)) - seen}"
    left = [path.name for path in folder.iterdir() if "staged" in path.name]
    assert not left, f"left behind: {left}"
    return kills, kills > 0


def main(folder: Path, kind: str, seed: int) -> None:
    kills, problems, first_kill, was_killed = 0, [], 0, True
    while was_killed:
        first_kill += 1
        try:
            count, was_killed = run(kind, folder / str(first_kill), seed, first_kill)
            kills += count
        except AssertionError as error:
            problems.append(f"seed {seed}, first kill at call {first_kill}: {error}")
            if len(problems) > 3:
                break
    print(json.dumps({"kills": kills, "points": first_kill - 1, "problems": problems}))


if __name__ == "__main__":
    for each in sys.argv[4:]:
        plant(each)
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
