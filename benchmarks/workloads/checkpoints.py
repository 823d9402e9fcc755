"""`checkpoints`: what they cost a job that counts a million words, and what a restart takes.

The words come in lines, as often as in a text (`keyed`: the workload of that name); or as pairs,
most of them to a hundredth of the words (`skewed`), or all alike (`uniform`), which is the worst
case: each checkpoint then stores half of the table.

The first side of a comparison is the same job without checkpoints. An interval of one second holds
less work on a busy machine, and so the share of checkpoints in it is larger than on an idle one:
the note shows processor time, too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from benchmarks import sage
from benchmarks.functions import Pair, digest, many_keys, many_lines
from benchmarks.values import SAGE, Aim, Case, LocalSide, Sample
from sage_kernel_api import LocalEnvironment, SourceFunction, StopSignal

__all__ = ["cases"]

_WITHOUT = "no checkpoints"
_EACH_S, _NEVER_S = 1.0, 3600.0
_CHANGES = (0, 1_000, 10_000, 100_000, 250_000)
_LOOK_S = 0.001
_Pairs: TypeAlias = Callable[[LocalEnvironment, int], Any]
"""Begins a pipeline with so many pairs."""


def cases(kernel: str) -> Sequence[Case]:
    """Return the throughputs, and the times of single checkpoints and of a restart."""
    return (
        _throughput(kernel, "keyed", _split, has_peers=False),
        _throughput(kernel, "skewed", partial(_paired, is_skewed=True), has_peers=True),
        _throughput(kernel, "uniform", partial(_paired, is_skewed=False), has_peers=True),
        Case(
            *("checkpoints", "one", (LocalSide(SAGE, partial(_one, kernel)),), 1_000_000, 4_000),
            unit="keys",
            measure="time",
            repetitions=1,
            aims=(Aim(against=None, detail="recovery_s", at_most=5.0),),
            scales=False,
        ),
    )


def _throughput(kernel: str, name: str, pairs: _Pairs, *, has_peers: bool) -> Case:
    without = partial(_count, kernel, pairs, None)
    sides = (
        LocalSide(_WITHOUT, without),
        LocalSide(SAGE, partial(_count, kernel, pairs, _EACH_S), "each second"),
    )
    aims = [Aim(against=_WITHOUT, at_least=0.85)]
    if has_peers:
        aims.append(Aim(against="bytewax", at_least=1.0))
    return Case(
        *("checkpoints", name, sides, 7_000_000, 7_000),
        peers=has_peers,
        repetitions=5,
        aims=tuple(aims),
        scales=False,
    )


def _split(environment: LocalEnvironment, words: int) -> Any:
    return environment.from_collection(many_lines(words)).flatmap(sage.PairsOf)


def _paired(environment: LocalEnvironment, pairs: int, *, is_skewed: bool) -> Any:
    return environment.from_collection(many_keys(pairs, is_skewed=is_skewed))


def _count(kernel: str, pairs: _Pairs, interval_s: float | None, size: int) -> Sample:
    found: list[int] = []
    with tempfile.TemporaryDirectory() as directory, sage.environment(kernel) as environment:
        if interval_s is not None:
            environment.enable_checkpointing(interval_s, directory)
        _counting(pairs(environment, size), found)
        begun_s = time.process_time()
        seconds = sage.timed_submit(environment)
        cpu_s = time.process_time() - begun_s
        status: Any = environment.status()
    epochs = status.get("checkpoints", {}).get("latest_epoch") or 0
    details = {"cpu_s": cpu_s, "epochs": float(epochs)}
    return Sample(seconds, size, digest(found, ordered=False), details)


def _counting(pairs: Any, found: list[int]) -> None:
    counts = pairs.keyby(sage.WordOf).reduce(sage.MergeCounts)
    counts.map(_bare).sink(found.append)


def _bare(pair: Pair) -> int:
    return pair[1]


# --- single checkpoints ---------------------------------------------------------------------------


class _Told(SourceFunction[Pair]):
    """Gives what it is told to, when it is told; nothing of it is read a second time."""

    wanted: ClassVar[list[list[Pair]]] = []

    def __init__(self) -> None:
        self._left: list[Pair] = []

    def tell(self) -> int:
        return 0

    def seek(self, position: int) -> None:
        """Stay: a restored job of this benchmark gets records of its own."""

    def execute(self) -> Pair | StopSignal | None:
        if not self._left and self.wanted:
            self._left = self.wanted.pop(0)
        return self._left.pop() if self._left else None


def _one(kernel: str, keys: int) -> Sample:
    words = [f"word{number}" for number in range(keys)]
    details: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        first: list[int] = []
        with _job(kernel, directory, first) as environment:
            _feed(first, [(word, 1) for word in words])
            details["all_ms"] = _checkpoint_ms(environment)
            for changed in (min(count, keys) for count in _CHANGES):
                _feed(first, [(word, 1) for word in _spread(words, changed)])
                details[f"{changed}_ms"] = _checkpoint_ms(environment)
        size = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
        details["bytes_per_key"] = size / keys
        again: list[int] = []
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        with _job(kernel, directory, again):
            _feed(again, [(words[0], 0)])
            details["recovery_s"] = time.perf_counter() - begun_s
            details["recovery_cpu_s"] = time.process_time() - begun_cpu_s
    return Sample(details["recovery_s"], keys, f"{len(first)} {again}", details)


@contextmanager
def _job(kernel: str, directory: str, found: list[int]) -> Iterator[LocalEnvironment]:
    """Run a job that counts what `_Told` gives, until the block ends."""
    _Told.wanted.clear()
    with sage.environment(kernel) as environment:
        environment.enable_checkpointing(_NEVER_S, directory)
        _counting(environment.from_source(_Told), found)
        environment.submit()
        yield environment


def _spread(words: list[str], count: int) -> list[str]:
    """Return so many words from all over the table."""
    return words[:: len(words) // count][:count] if count else []


def _feed(found: list[int], pairs: list[Pair]) -> None:
    """Hand records to the running job, and wait until they have come out."""
    goal = len(found) + len(pairs)
    if pairs:
        _Told.wanted.append(pairs)
    while len(found) < goal:
        time.sleep(_LOOK_S)


def _checkpoint_ms(environment: LocalEnvironment) -> float:
    begun_s = time.perf_counter()
    environment.checkpoint()
    return (time.perf_counter() - begun_s) * 1e3
