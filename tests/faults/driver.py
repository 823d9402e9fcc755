"""Kills jobs and looks at what is left: the one judge of exactly-once.

A *lineage* is one job from its first start to its end, killed and started again on the way. Only
kills that hit a living process before its end count; a run that ended first is void. After every
run the committed output must be free of repetitions, all that was ever complete must be restored,
and nobody may have survived; in the end the output must be that of a run without faults.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.faults.crash_points import PLACES
from tests.faults.progress import steps_back
from tests.faults.system_calls import CALLS
from tests.faults.tally import Tally
from tests.faults.workloads import WORKLOADS

__all__ = ["Template", "run_lineage", "templates"]

_ROOT = Path(__file__).parents[2]
_LONGEST_S = 60.0
_GONE_S = 5.0
_MOST_KILLS = 12
_POLL_S = 0.002
# Kinds of faults that a run does to itself.
_BY_ITSELF = ("place", "call")


class Template:
    """A process with all imports done, which forks a run at each command."""

    def __init__(self, hash_seed: int) -> None:
        self.hash_seed = hash_seed
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.program"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.busy = threading.Lock()

    def start(self, command: dict[str, Any]) -> int:
        """Fork a run and return its process id."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        return int(self._answer()["pid"])

    def wait(self) -> int:
        """Return how the run ended, as `subprocess` does."""
        return int(self._answer()["ended"])

    def _answer(self) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        line = stdout.readline()
        if not line:
            raise RuntimeError("the template of the fault tests has died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(10)


@contextmanager
def templates(count: int, random_: random.Random) -> Iterator[list[Template]]:
    """Start templates with hash seeds of their own."""
    with ExitStack() as stack:
        found = [Template(random_.randrange(1, 2**32)) for _ in range(count)]
        for one in found:
            stack.callback(one.close)
        yield found


def run_lineage(
    workload: str,
    seed: int,
    pool: list[Template],
    *,
    most_kills: int = _MOST_KILLS,
    folder: str | None = None,
) -> Tally:
    """Run one job to its end, through at most *most_kills* kills; all choices come from *seed*.

    Args:
        workload: Name of one of `WORKLOADS`.
        seed: Of all choices; the moment at which a signal hits is up to the machine all the same.
        pool: Where runs are forked from.
        most_kills: The run after them is left alone.
        folder: Where the job keeps its files; None for the usual place.
    """
    with tempfile.TemporaryDirectory(prefix="sage-faults-", dir=folder) as name:
        lineage = _Lineage(workload, random.Random(f"{workload}/{seed}"), Path(name), pool)
        try:
            lineage.run(most_kills)
        except Exception as error:  # noqa: BLE001 - a problem of this lineage, with its seed
            lineage.tally.problems.append(f"{type(error).__name__}: {error}")
        lineage.tally.problems = [
            f"{workload!r}, seed {seed}: {problem}" for problem in lineage.tally.problems
        ]
        return lineage.tally


class _Lineage:
    def __init__(
        self, workload: str, random_: random.Random, folder: Path, pool: list[Template]
    ) -> None:
        self.tally = Tally(lineages=1)
        self._name = workload
        self._workload = WORKLOADS[workload]
        self._random = random_
        self._folder = folder
        self._pool = pool
        (folder / "out").mkdir()

    def run(self, most_kills: int) -> None:
        for number in range(most_kills + 1):
            is_last = number == most_kills
            if self._run_once(None if is_last else self._choose_way()):
                break
            self._look()
        else:
            self.tally.problems.append("the last run, without faults, did not end by itself")
        self._look()
        self._compare()

    def _choose_way(self) -> dict[str, Any]:
        has_lanes = self._workload.has_lanes
        # A filter would reach into lanes, too, and most of what they do is not ours.
        kinds = ["time", "time", "bytes", "place"]
        kinds += ["lane"] * 2 if has_lanes else ["call"] * bool(CALLS)
        kind = self._random.choice(kinds)
        longest_s = 1.2 if has_lanes and kind != "lane" else 0.25
        way: dict[str, Any] = {"kind": kind, "after_s": self._random.uniform(0.0, longest_s)}
        way["signal"] = self._random.choice(["KILL", "KILL", "TERM", "INT", "STOP"])
        way["target"] = self._random.choice(["group", "leader"])
        way["pick"] = self._random.random()
        if kind == "bytes":
            way["more"] = self._random.randrange(1, 4000)
        if kind == "place":
            way["place"] = self._random.choice(PLACES)
            way["count"] = self._random.randrange(1, 5)
        if kind == "call":
            way["call"] = self._random.choice(CALLS)
            # From its beginning on, or once it has passed some places.
            way["count"] = self._random.randrange(0, 7)
        return way

    def _run_once(self, way: dict[str, Any] | None) -> bool:
        """Return True if the run has come to its end by itself."""
        command = {
            "workload": self._name,
            "folder": str(self._folder),
            "interval_s": self._random.choice([0.01, 0.03, 0.08]),
        }
        if way is not None and way["kind"] in _BY_ITSELF:
            command |= {key: way[key] for key in ("place", "call", "count") if key in way}
        self.tally.runs += 1
        with self._template() as template:
            pid = template.start(command)
            killer = _Killer(pid, way, self._folder)
            killer.start()
            code = template.wait()
            killer.finish()
        self._check_gone(pid, killer.seen)
        return self._judge(way, killer, code)

    @contextmanager
    def _template(self) -> Iterator[Template]:
        order = self._random.sample(self._pool, len(self._pool))
        for one in order:
            if one.busy.acquire(blocking=False):
                break
        else:
            one = order[0]
            one.busy.acquire()
        try:
            yield one
        finally:
            one.busy.release()

    def _judge(self, way: dict[str, Any] | None, killer: _Killer, code: int) -> bool:
        if code == 0:
            # A lane that was killed is replaced, and the job goes on to its end.
            if killer.has_hit and way is not None and way["kind"] == "lane":
                self._count(way, "KILL lane")
            elif way is not None:
                self.tally.void += 1
            return True
        by_signal = code < 0 or code == 130
        is_meant = way is not None and (way["kind"] in _BY_ITSELF or killer.has_hit)
        if way is None or not by_signal or not is_meant:
            errors = (self._folder / "errors").read_text()[-3000:]
            self.tally.problems.append(f"a run ended with {code}; fault: {way}: {errors}")
            return False
        kind = way["kind"]
        self._count(way, way[kind] if kind in _BY_ITSELF else f"{way['signal']} {way['target']}")
        return False

    def _count(self, way: dict[str, Any], name: str) -> None:
        self.tally.kills += 1
        self.tally.ways[f"{way['kind']}: {name}"] += 1

    # --- what must hold ------------------------------------------------------------------------

    def _check_gone(self, group: int, seen: list[psutil.Process]) -> None:
        """Look for children that were seen, and for whoever was left in the group unseen."""
        _, alive = psutil.wait_procs(seen, timeout=_GONE_S)
        end_s = time.monotonic() + _GONE_S
        while (left := _members(group)) and time.monotonic() < end_s:
            time.sleep(_POLL_S)
        if alive or left:
            self.tally.problems.append(f"processes have survived: {alive} {left}")
        for process in (*alive, *left):
            process.kill()

    def _look(self) -> None:
        found = Counter(map(json.dumps, self._workload.read(self._folder / "out")))
        expected = Counter(map(json.dumps, self._workload.expected))
        if extra := found - expected:
            self.tally.problems.append(f"repeated or wrong: {list(extra.items())[:5]}")
        self._look_at_progress()

    def _look_at_progress(self) -> None:
        trace = self._folder / "trace"
        # A run that was killed at once has not written a line.
        lines = trace.read_text().splitlines() if trace.exists() else ()
        self.tally.problems += steps_back(lines)

    def _compare(self) -> None:
        found = Counter(map(json.dumps, self._workload.read(self._folder / "out")))
        expected = Counter(map(json.dumps, self._workload.expected))
        if missing := expected - found:
            self.tally.problems.append(f"lost {sum(missing.values())}: {list(missing.items())[:5]}")


class _Killer(threading.Thread):
    """Waits for its moment and sends the signal."""

    def __init__(self, pid: int, way: dict[str, Any] | None, folder: Path) -> None:
        super().__init__(daemon=True)
        self.has_hit = False
        self.seen: list[psutil.Process] = []
        self._pid = pid
        self._way = way
        self._folder = folder
        self._is_over = threading.Event()

    def finish(self) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        way = self._way
        if way is None or way["kind"] in _BY_ITSELF:
            self._watch()
            return
        if way["kind"] == "bytes":
            self._await_output(way["more"])
        elif way["kind"] == "lane":
            self._await_children()
        if way["kind"] != "bytes" and self._is_over.wait(way["after_s"]):
            return
        self._note_children()
        if way["kind"] == "lane":
            self._kill_lane()
        elif not self._is_over.is_set():
            self._kill(way["signal"], way["target"])
        self._watch()

    def _watch(self) -> None:
        # Its end must come within the time, or the whole suite would hang.
        if not self._is_over.wait(_LONGEST_S):
            os.kill(self._pid, signal.SIGKILL)

    def _note_children(self) -> None:
        try:
            self.seen = psutil.Process(self._pid).children(recursive=True)
        except psutil.NoSuchProcess:
            self.seen = []

    def _await_output(self, more: int) -> None:
        begun = _size(self._folder / "out")
        while _size(self._folder / "out") < begun + more:
            if self._is_over.wait(_POLL_S):
                return

    def _await_children(self) -> None:
        while not self.seen and not self._is_over.wait(_POLL_S):
            self._note_children()

    def _kill_lane(self) -> None:
        if self.seen and self._way is not None and not self._is_over.is_set():
            self.seen[int(self._way["pick"] * len(self.seen))].kill()
            self.has_hit = True

    def _kill(self, name: str, target: str) -> None:
        send = os.killpg if target == "group" else os.kill
        try:
            if name == "STOP":
                send(self._pid, signal.SIGSTOP)
                time.sleep(0.01)
                send(self._pid, signal.SIGKILL)
            else:
                send(self._pid, getattr(signal, f"SIG{name}"))
        except ProcessLookupError:
            return
        self.has_hit = True


def _members(group: int) -> list[psutil.Process]:
    """Return the living processes of a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return []
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _size(folder: Path) -> int:
    total = 0
    for entry in os.scandir(folder):
        try:
            total += entry.stat().st_size
        except FileNotFoundError:
            continue
    return total
