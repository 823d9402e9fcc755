"""Every example runs as its first lines say, on each kernel that is able to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KERNELS = ("default", "mock")


def run(name: str, *arguments: str) -> str:
    """Run an example in an interpreter of its own and return what it printed."""
    environment = {key: value for key, value in os.environ.items() if key != "SAGE_KERNEL"}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_the_import_counter_ranks_the_modules_of_the_standard_library() -> None:
    """The README's first command is the first thing that a newcomer sees."""
    printed = run("stdlib_imports.py", "--top", "5")

    header, *rows, _, summary = printed.splitlines()
    assert header.split() == ["rank", "module", "imports"]
    assert len(rows) == 5
    counts = [int(row.split()[2].replace(",", "")) for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert {row.split()[1] for row in rows} >= {"sys", "os"}
    figures = re.findall(r"[\d,]+(?= (?:imports|modules|lines|files))", summary)
    imports, modules, lines, files = (int(figure.replace(",", "")) for figure in figures)
    assert imports > 1_000
    assert modules > 100
    assert lines > 100_000
    assert files > 200


@pytest.mark.slow
def test_the_import_counter_gives_the_same_result_in_parallel_and_on_every_kernel() -> None:
    """A count that depends on the number of instances is wrong."""
    results = {
        re.sub(r" \([\d.]+ s\)", "", run("stdlib_imports.py", "--package", "asyncio", *arguments))
        for arguments in (
            ("--kernel", "mock"),
            ("--kernel", "default"),
            ("--kernel", "default", "--parallelism", "4"),
        )
    }

    assert len(results) == 1
    assert " of 0 files" not in results.pop()


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_service_example_converts_every_price(kernel: str) -> None:
    """It is where people learn how to call a service."""
    lines = run("service_cache.py", "--kernel", kernel).splitlines()

    assert [line.partition("   (")[0] for line in lines] == [
        "book         25.00 USD  =   20.00 EUR",
        "kettle       32.00 GBP  =   40.00 EUR",
        "lamp         45.00 EUR  =   45.00 EUR",
        "teapot     4800.00 JPY  =   30.00 EUR",
        "clock        50.00 USD  =   40.00 EUR",
        "bowl         12.00 GBP  =   15.00 EUR",
    ]
    assert lines[-1].endswith("(lookups so far: 4)")


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_join_example_pairs_orders_with_their_customers(kernel: str) -> None:
    """It is where people learn what a join keeps."""
    assert run("join_orders.py", "--kernel", kernel).splitlines() == [
        "Ada      punched cards             1.50",
        "Ada      engine, analytical      999.00",
        "Edsger   semaphore                12.00",
        "Grace    compiler                 49.90",
    ]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_loop_example_ends_by_itself_with_every_walk(kernel: str) -> None:
    """A loop that ends too early, or never, would show here first."""
    steps = {start: collatz_steps(start) for start in range(2, 301)}
    longest = sorted(steps, key=lambda start: (-steps[start], start))[:5]

    printed = run("feedback_loop.py", "--limit", "300", "--kernel", kernel)

    assert printed.splitlines() == [
        f"{len(steps)} walks, {sum(steps.values()):,} steps; the longest:",
        *(f"  from {start:>4}: {steps[start]} steps" for start in longest),
    ]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_visits_example_finds_the_visits_and_the_late_click(kernel: str) -> None:
    """It is where people learn what event time changes."""
    assert run("page_visits.py", "--kernel", kernel).splitlines() == [
        "12:00:00  ann  / /search /offers",
        "12:00:03  bob  / /help",
        "12:01:12  bob  /",
        "12:01:15  ann  / /offers",
        "12:00:30  ann  /basket came too late",
    ]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_report_example_reads_and_writes_every_sale_once(kernel: str) -> None:
    """It is where people learn what exactly-once files and tables are."""
    lines = run("sales_report.py", "--days", "2", "--kernel", kernel).splitlines()

    cities = [json.loads(line)[0] for line in lines[:-1]]
    ranked = [[sale["cents"] for sale in json.loads(line)[1]] for line in lines[:-1]]
    assert cities == ["Lima", "Oslo", "Rome"]
    assert all(cents == sorted(cents, reverse=True) and len(cents) == 3 for cents in ranked)
    assert lines[-1].startswith("2,000 sales, ")


def collatz_steps(number: int) -> int:
    """Count the steps to 1 in the plainest way."""
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


def test_every_example_is_tested() -> None:
    """An example without a test rots."""
    tested = Path(__file__).read_text(encoding="utf-8")

    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tested] == []
