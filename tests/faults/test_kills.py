"""Exactly-once under kills: the short form of ``python -m tests.faults``."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.driver import run_lineage, templates
from tests.faults.system_calls import CALLS
from tests.faults.tally import Tally
from tests.faults.workloads import WORKLOADS

_BESIDE = 4
# Kills need no disk that survives a power cut, and a fast one allows for more of them.
_FOLDER = "/dev/shm" if os.path.isdir("/dev/shm") else None


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("seeds", "least_kills"),
    [(range(1), 25), pytest.param(range(1, 9), 200, marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_no_kill_loses_or_repeats_a_record(seeds: range, least_kills: int) -> None:
    """Whoever counts money with this kernel would count it wrong (R1, R2, R3)."""
    total = Tally()
    kinds = ["time", "bytes", "place"] + ["call"] * bool(CALLS)

    with templates(_BESIDE, random.Random(1)) as pool, ThreadPoolExecutor(_BESIDE) as workers:
        for seed in seeds:
            jobs = [
                workers.submit(run_lineage, name, seed, pool, folder=_FOLDER) for name in WORKLOADS
            ]
            for job in jobs:
                total.add(job.result())
            # A job on a busy machine takes longer, and so more kills: fewer jobs will do then.
            if total.kills >= least_kills and all(map(total.of_kind, kinds)):
                break

    assert not total.problems, "\n".join(total.problems)
    # A run whose fault hit nothing is void; enough of them must have hit.
    assert total.kills >= least_kills, total
    assert all(map(total.of_kind, kinds)), total
    if least_kills >= 200:
        assert all(total.with_signal(name) for name in ("KILL", "TERM", "INT", "STOP")), total
