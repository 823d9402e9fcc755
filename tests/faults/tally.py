"""What killed jobs came to: counted, kept in files, shown as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Tally", "kinds_table", "read_log", "write_log"]

KINDS = ("time", "bytes", "place", "call", "lane")


@dataclass
class Tally:
    """What some lineages came to; of one workload or of all.

    Attributes:
        lineages: Jobs, from the first start to the end.
        runs: Processes.
        kills: Of those that hit a living job.
        void: Runs that were to be killed and ended before.
        ways: Effective kills by kind and particulars, as in ``time: KILL group``.
        problems: In words.
    """

    lineages: int = 0
    runs: int = 0
    kills: int = 0
    void: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.lineages += other.lineages
        self.runs += other.runs
        self.kills += other.kills
        self.void += other.void
        self.ways += other.ways
        self.problems += other.problems

    def of_kind(self, kind: str) -> int:
        """Return how many kills were of a kind."""
        return sum(count for way, count in self.ways.items() if way.startswith(f"{kind}: "))

    def with_signal(self, name: str) -> int:
        """Return how many kills were by a signal that was sent from outside."""
        return sum(count for way, count in self.ways.items() if f" {name} " in way)


def write_log(path: Path, workload: str, tally: Tally) -> None:
    """Append the tally of one lineage, so that nothing is lost if the driver is ended."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"workload": workload, **vars(tally)}) + "\n")


def read_log(paths: Iterable[Path]) -> dict[str, Tally]:
    """Return the tallies by workload, those of all files together."""
    found: dict[str, Tally] = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            workload = entry.pop("workload")
            entry["ways"] = Counter(entry["ways"])
            found.setdefault(workload, Tally()).add(Tally(**entry))
    return found


def kinds_table(tallies: Mapping[str, Tally]) -> str:
    """Return a table in Markdown: workloads by kind of kill, and then the ways of all."""
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    head = ["workload", "jobs", *KINDS, "kills", "void", "problems"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name, tally in [*tallies.items(), ("**all**", total)]:
        counts = [tally.lineages, *map(tally.of_kind, KINDS), tally.kills, tally.void]
        rows.append([name, *(f"{count:,}" for count in (*counts, len(tally.problems)))])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    ways = ", ".join(f"{way} {count:,}" for way, count in sorted(total.ways.items()))
    return f"{table}\n\n{ways}\n"
