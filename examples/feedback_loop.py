"""A loop in a pipeline: Collatz sequences, each step of which flows back until it reaches 1.

The loop ends by itself once it is dry: when the sources have ended and no record is on its way.
Run it with

    python examples/feedback_loop.py --limit 1000 --kernel default
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from sage_kernel_api import LocalEnvironment


@dataclass(frozen=True, slots=True)
class Walk:
    """A number on its way down to 1."""

    start: int
    at: int
    steps: int = 0


def step(walk: Walk) -> Walk:
    """Halve an even number; take an odd one times three plus one."""
    following = walk.at // 2 if walk.at % 2 == 0 else 3 * walk.at + 1
    return Walk(walk.start, following, walk.steps + 1)


def main() -> None:
    """Run the loop and print the longest walks."""
    parser = argparse.ArgumentParser(description="Find the longest Collatz sequences.")
    parser.add_argument("--kernel", metavar="SPEC", help="kernel to run on, as in mock")
    parser.add_argument("--limit", type=int, default=300, metavar="N", help="largest start")
    options = parser.parse_args()
    kernel: str | None = options.kernel
    limit: int = options.limit

    with LocalEnvironment("feedback_loop", kernel=kernel) as env:
        starts = env.from_collection(Walk(number, number) for number in range(2, limit + 1))
        unfinished = env.from_future("unfinished", Walk)
        walks = starts.union(unfinished).map(step)
        walks.filter(lambda walk: walk.at != 1).fill_future(unfinished)
        finished = walks.filter(lambda walk: walk.at == 1).execute_and_collect()

    print(f"{len(finished)} walks, {sum(walk.steps for walk in finished):,} steps; the longest:")
    for walk in sorted(finished, key=lambda walk: (-walk.steps, walk.start))[:5]:
        print(f"  from {walk.start:>4}: {walk.steps} steps")


if __name__ == "__main__":
    main()
