"""Kill for as long as one likes: ``python -m tests.faults --kills 4000 --seed 1``.

Several of these may run at once, with seeds of their own, each with a ``--log``; then
``python -m tests.faults --table LOG LOG`` shows all of it as one table.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import count
from pathlib import Path

from tests.faults.driver import run_lineage, templates
from tests.faults.tally import Tally, kinds_table, read_log, write_log
from tests.faults.workloads import WORKLOADS


def main() -> int:
    """Print a table; the code is 0 if nothing was lost, repeated or left."""
    options = argparse.ArgumentParser(prog="python -m tests.faults")
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--beside", type=int, default=3, help="jobs at once")
    options.add_argument("--folder", help="where the files are; default: as tempfile chooses")
    options.add_argument("--workload", choices=list(WORKLOADS), action="append")
    options.add_argument("--log", type=Path, help="append what each job came to")
    options.add_argument("--table", type=Path, nargs="+", metavar="LOG", help="show, kill nobody")
    given = options.parse_args()
    if given.table is not None:
        return _show(read_log(given.table), None)
    begun_s = time.monotonic()
    return _show(_kill(given), time.monotonic() - begun_s)


def _kill(given: argparse.Namespace) -> dict[str, Tally]:
    names = given.workload or list(WORKLOADS)
    tallies = {name: Tally() for name in names}

    def take(name: str, tally: Tally) -> None:
        tallies[name].add(tally)
        if given.log is not None:
            write_log(given.log, name, tally)

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
                    take(under_way.pop(done), done.result())
        for done, name in under_way.items():
            take(name, done.result())
    return tallies


def _show(tallies: dict[str, Tally], seconds: float | None) -> int:
    print(kinds_table(tallies), end="")
    if seconds is not None:
        print(f"{seconds:.0f} s")
    problems = [problem for tally in tallies.values() for problem in tally.problems]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
