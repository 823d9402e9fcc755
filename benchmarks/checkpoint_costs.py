"""What checkpoints cost: ``python -m benchmarks.checkpoint_costs [--keys 1000000]``.

Three tables: the time of one checkpoint against the keys that have changed; a start from a
checkpoint of all keys; and the same keyed job with a checkpoint each second and without any, in
turns. Both processor time and elapsed time are shown: on a busy machine an interval of one second
holds less work, and so the share of checkpoints in it is larger than on an idle one.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sage_kernel_api import LocalEnvironment, SourceFunction, StopSignal

_NEVER_S = 3600.0


class _Steps(SourceFunction[int]):
    """All keys once, then as many keys as it is told, when it is told."""

    wanted: list[Sequence[int]]
    given = 0

    def __init__(self) -> None:
        self._now: Any = iter(())

    def tell(self) -> int:
        return 0

    def seek(self, position: int) -> None:
        """Nothing to go back to: a restored job of this benchmark only ends."""

    def execute(self) -> int | StopSignal | None:
        value = next(self._now, None)
        if value is None and type(self).wanted:
            keys = type(self).wanted.pop(0)
            if not keys:
                return StopSignal("end")
            self._now = iter(keys)
            value = next(self._now)
        if value is not None:
            type(self).given += 1
        return value


def _sum(env: LocalEnvironment, source: Any) -> None:
    source.keyby(lambda n: n).reduce(lambda a, b: a + b).sink(lambda value: None)


def changed_keys(keys: int, directory: Path) -> None:
    """Print how long a checkpoint takes after so many changes."""
    rng = random.Random(1)
    with LocalEnvironment("costs", kernel="default") as env:
        env.enable_checkpointing(_NEVER_S, directory)
        _Steps.wanted, _Steps.given = [], 0
        _sum(env, env.from_source(_Steps))
        env.submit()
        _feed(range(keys))
        print(f"{'changed keys':>14} {'checkpoint':>12}")
        for changed in (keys, 0, 1_000, 10_000, 100_000, keys // 4):
            if changed != keys:
                _feed([rng.randrange(keys) for _ in range(changed)])
            begun = time.perf_counter()
            env.checkpoint()
            print(f"{changed:>14,} {time.perf_counter() - begun:>10.3f} s")
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    print(f"on disk: {size / keys:.1f} bytes a key")


def _feed(keys: Sequence[int]) -> None:
    if keys:
        goal = _Steps.given + len(keys)
        _Steps.wanted.append(keys)
        while _Steps.given < goal:
            time.sleep(0.01)


def recovery(keys: int, directory: Path) -> None:
    """Print how long it takes until the records of a restored job flow."""
    with LocalEnvironment("costs", kernel="default") as env:
        env.enable_checkpointing(_NEVER_S, directory)
        _Steps.wanted, _Steps.given = [], 0
        _Steps.wanted.append(range(1))
        _sum(env, env.from_source(_Steps))
        begun = time.perf_counter()
        env.submit()
        while not _Steps.given:
            time.sleep(0.001)
        print(f"recovery of {keys:,} keys: {time.perf_counter() - begun:.2f} s")


def throughput(keys: int, rounds: int) -> None:
    """Print the same job with and without checkpoints, in turns."""
    rng = random.Random(2)
    few = max(keys // 100, 1)
    workloads: dict[str, Callable[[], int]] = {
        "all keys alike": lambda: rng.randrange(keys),
        "9 of 10 to 1 % of them": lambda: rng.randrange(keys if rng.random() < 0.1 else few),
    }
    for name, choose in workloads.items():
        records = [*range(keys), *(choose() for _ in range(6 * keys))]
        ratios = []
        for _ in range(rounds):
            without, cpu_without, _ = _timed(records, None)
            with tempfile.TemporaryDirectory() as directory:
                with_, cpu_with, epochs = _timed(records, directory)
            ratios.append(without / with_)
            print(
                f"{name}: without {without:.2f} s (cpu {cpu_without:.2f}), with {with_:.2f} s "
                f"(cpu {cpu_with:.2f}), {epochs} checkpoints, "
                f"{(cpu_with - cpu_without) / max(epochs, 1):.3f} s of cpu each"
            )
        print(f"{name}: median ratio {median(ratios):.2f}")


def _timed(records: list[int], directory: str | None) -> tuple[float, float, int]:
    with LocalEnvironment("costs", kernel="default") as env:
        if directory is not None:
            env.enable_checkpointing(1.0, directory)
        _sum(env, env.from_collection(records))
        begun, cpu = time.perf_counter(), time.process_time()
        env.submit()
        status: Any = env.wait()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return seconds, cpu, status.get("checkpoints", {}).get("latest_epoch") or 0


def main() -> None:
    """Print all tables."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.checkpoint_costs")
    options.add_argument("--keys", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        changed_keys(given.keys, Path(directory))
        recovery(given.keys, Path(directory))
    throughput(given.keys, given.rounds)


if __name__ == "__main__":
    main()
