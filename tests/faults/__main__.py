"""Kill for as long as one likes: ``python -m tests.faults --kills 4000 --seed 1``."""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import count

from tests.faults.driver import Tally, run_lineage, templates
from tests.faults.workloads import WORKLOADS


def main() -> int:
    """Print a table; the code is 0 if nothing was lost, repeated or left."""
    options = argparse.ArgumentParser(prog="python -m tests.faults")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--beside", type=int, default=3, help="jobs at once")
    options.add_argument("--folder", help="where the files are; default: as tempfile chooses")
    options.add_argument("--workload", choices=list(WORKLOADS), action="append")
    given = options.parse_args()
    names = given.workload or list(WORKLOADS)
    tallies = {name: Tally() for name in names}
    begun = time.monotonic()

    with (
        templates(2 * given.beside, random.Random(given.seed)) as pool,
        ThreadPoolExecutor(given.beside) as workers,
    ):
        under_way: dict[Future[Tally], str] = {}
        lineages = ((name, given.seed * 100_000 + round_) for round_ in count() for name in names)
        for name, seed in lineages:
            if sum(tally.kills for tally in tallies.values()) >= given.kills:
                break
            job = workers.submit(run_lineage, name, seed, pool, folder=given.folder)
            under_way[job] = name
            if len(under_way) > given.beside:
                for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                    tallies[under_way.pop(done)].add(done.result())
        for done, name in under_way.items():
            tallies[name].add(done.result())
    _print(tallies, time.monotonic() - begun)
    return 1 if any(tally.problems for tally in tallies.values()) else 0


def _print(tallies: dict[str, Tally], seconds: float) -> None:
    total = Tally()
    print(f"{'workload':<12} {'lineages':>8} {'runs':>6} {'kills':>6} {'void':>5} {'problems':>8}")
    for name, tally in tallies.items():
        total.add(tally)
        _print_row(name, tally)
    _print_row("all", total)
    print(f"{seconds:.0f} s;", ", ".join(f"{way} {n}" for way, n in sorted(total.ways.items())))
    for problem in total.problems:
        print(problem, file=sys.stderr)


def _print_row(name: str, tally: Tally) -> None:
    print(
        f"{name:<12} {tally.lineages:>8} {tally.runs:>6} {tally.kills:>6} {tally.void:>5} "
        f"{len(tally.problems):>8}"
    )


if __name__ == "__main__":
    sys.exit(main())
