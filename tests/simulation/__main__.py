"""``python -m tests.simulation --seeds N``: many seeds over all workloads, as a table."""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter

from tests.simulation.driver import BLOWS, Tally, run_seed, scale_of
from tests.simulation.workloads import WORKLOADS

__all__ = ["main"]


def main() -> int:
    """Run, print a row a workload, and return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="of each workload")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--events", type=int, default=0, help="how many to show of a violation")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(f"{'workload':<10} {'seeds':>6} {'void':>5} {'lives':>6}", end="")
    print(*(f"{kind:>6}" for kind in BLOWS), f"{'violations':>10} {'CPU s':>7}")
    total = Tally()
    for name in given.workloads.split(","):
        tally = Tally()
        scale = scale_of(name)
        begun = time.process_time()
        for seed in range(given.first, given.first + given.seeds):
            run = run_seed(name, seed, scale)
            tally.add(name, run)
            if run.problems:
                print(f"# {name}, seed {seed}: {run.problems[0]}", flush=True)
                print(*run.events[-given.events :] if given.events else (), sep="\n", end="")
        tally.seconds = time.process_time() - begun
        _print_row(name, tally)
        total.merge(tally)
    _print_row("all", total)
    return 1 if total.problems else 0


def _print_row(name: str, tally: Tally) -> None:
    hits = Counter(tally.hits)
    print(f"{name:<10} {tally.runs:>6} {tally.void:>5} {tally.lives:>6}", end="")
    print(*(f"{hits[kind]:>6}" for kind in BLOWS), end="")
    print(f" {len(tally.problems):>10} {tally.seconds:>7.1f}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
