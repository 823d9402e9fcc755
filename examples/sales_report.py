"""From files to files, exactly once: daily sales as CSV in, a ranking per city and a table out.

Kill it at any moment and start it again with the same folder: it goes on from its last checkpoint,
and the output has every sale once. Run it with

    python examples/sales_report.py --days 3
"""

from __future__ import annotations

import argparse
import csv
import random
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from sage_kernel_api import LocalEnvironment, state_class

CITIES = ("Lima", "Oslo", "Rome")
ITEMS = ("cup", "kettle", "pot", "tea")


@state_class
@dataclass(frozen=True, slots=True)
class Sale:
    """One line of a day's file."""

    city: str
    item: str
    cents: int


def write_sales(path: Path, days: int) -> None:
    """Make sales to report on: the same ones for the same number of days."""
    chance = random.Random(days)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["city", "item", "cents"])
        for _ in range(days * 1_000):
            rows.writerow(
                [chance.choice(CITIES), chance.choice(ITEMS), chance.randrange(100, 9_999)]
            )


def describe(env: LocalEnvironment, folder: Path) -> None:
    """Describe the report."""
    sales = env.from_csv(folder / "sales.csv", Sale, uid="sales")
    sales.map(asdict, name="rows").sink_to_sqlite(folder / "sales.db", "sales", uid="table")
    by_city = sales.keyby(lambda sale: sale.city, name="by-city", uid="by-city")
    best = by_city.top_k(3, by=lambda sale: sale.cents, emit="end", uid="best")
    best.sink_to_file(folder / "best.jsonl", "json", uid="best-file")


def main() -> None:
    """Read the arguments, run the report and show it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--kernel", default="default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        write_sales(folder / "sales.csv", arguments.days)
        with LocalEnvironment("sales-report", kernel=arguments.kernel) as env:
            if arguments.kernel.startswith("default"):
                env.enable_checkpointing(0.5, folder / "checkpoints")
            describe(env, folder)
            env.submit(autostop=True)
        for line in sorted((folder / "best.jsonl").read_text(encoding="utf-8").splitlines()):
            print(line)
        with closing(sqlite3.connect(folder / "sales.db")) as database:
            count, cents = database.execute("SELECT count(*), sum(cents) FROM sales").fetchone()
        print(f"{count:,} sales, {cents / 100:,.2f} in all")


if __name__ == "__main__":
    main()
