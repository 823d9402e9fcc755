"""Runs workloads under seeds and tells what was wrong: the one judge of the simulation's tests."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sage_kernel_api import LocalEnvironment
from sage_kernel_api.core.environment.running import check_runnable
from sage_kernel_api.lifecycle import PipelineConfig
from sage_kernel_default.facade import kernel_of_world
from sage_kernel_default.simulation import (
    Lives,
    Scale,
    SimulatedDisk,
    Stage,
)
from tests.simulation.disk_sink import DiskSink
from tests.simulation.workloads import WORKLOADS, Workload

__all__ = ["BLOWS", "Run", "Tally", "run_seed", "scale_of"]

# A simulated disk computes what is durable; the real one below it need not be.
FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None
BLOWS = ("crash", "lost", "error", "hang")


@dataclass
class Run:
    """What one seed came to."""

    seed: int
    hash: str
    problems: list[str]
    hits: dict[str, int]
    lives: int
    events: list[str]
    scale: Scale

    @property
    def is_void(self) -> bool:
        """True if no fault has hit."""
        return not any(self.hits[kind] for kind in BLOWS)


@dataclass
class Tally:
    """What some seeds of one workload came to."""

    runs: int = 0
    void: int = 0
    lives: int = 0
    seconds: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, name: str, run: Run) -> None:
        self.runs += 1
        self.void += run.is_void
        self.lives += run.lives
        self.hits.update(run.hits)
        self.problems += [f"{name!r}, seed {run.seed}: {problem}" for problem in run.problems]

    def merge(self, other: Tally) -> None:
        self.runs += other.runs
        self.void += other.void
        self.lives += other.lives
        self.seconds += other.seconds
        self.hits.update(other.hits)
        self.problems += other.problems


def stage_of(workload: Workload, out: Path) -> Stage:
    """Return the stage of a workload; its visible output is below *out*."""
    expected = Counter(map(json.dumps, workload.expected))

    def make_pipeline(disk: SimulatedDisk) -> PipelineConfig:
        env = LocalEnvironment("simulated")
        env.enable_checkpointing(1.0, out.parent)
        workload.build(env, disk, out)
        return check_runnable(env, None)

    def look(is_complete: bool) -> list[str]:
        found = Counter(map(json.dumps, workload.read(out)))
        wrong = []
        if extra := found - expected:
            wrong.append(f"repeated or wrong: {list(extra.items())[:5]}")
        if is_complete and (missing := expected - found):
            wrong.append(f"lost {sum(missing.values())}: {list(missing.items())[:5]}")
        return wrong

    return Stage(kernel_of_world, make_pipeline, look)


def _as_it_is(stage: Stage) -> Stage:
    return stage


def run_seed(
    name: str | Workload,
    seed: int,
    scale: Scale | None,
    plant: Callable[[Stage], Stage] = _as_it_is,
) -> Run:
    """Run one workload under one seed.

    Args:
        name: Of a workload, or one of its own.
        seed: Decides everything.
        scale: Of a run without faults; None to make one.
        plant: Makes a wrong stage of the right one.
    """
    workload = WORKLOADS[name] if isinstance(name, str) else name
    root = Path(tempfile.mkdtemp(prefix="sage-sim-", dir=FOLDER))
    DiskSink.made = 0
    try:
        (root / "out").mkdir()
        stage = plant(stage_of(workload, root / "out"))
        lives = Lives(seed, stage, root, scale)
        history = lives.run()
    finally:
        shutil.rmtree(root)
    return Run(
        *(seed, history.hash, history.problems, lives.faults.hits),
        *(history.lives, list(history.events), lives.scale),
    )


def scale_of(name: str | Workload) -> Scale:
    """Return how long a workload is without faults; the run must be without problems."""
    run = run_seed(name, 0, None)
    assert not run.problems, run.problems
    return run.scale
