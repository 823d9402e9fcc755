"""Which modules does Python's standard library import most?

Reads every source file of the running Python's standard library (several hundred thousand
lines), finds the imports, keys them by module and counts. Run it with

    python examples/stdlib_imports.py --top 15 --parallelism 2 --kernel default
"""

from __future__ import annotations

import argparse
import ast
import sysconfig
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sage_kernel_api import DataStream, FlatMapFunction, LocalEnvironment, MapFunction

LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test"})
"""Installed packages are no standard library; tests import what they test."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as it lies on the disk; Python itself finds out its encoding."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class ImportCount:
    """How often a module was imported so far."""

    module: str
    count: int


class ReadFile(MapFunction[Path, SourceFile]):
    """Read a file, whatever its encoding."""

    def execute(self, data: Path) -> SourceFile:
        """Return *data* with its content."""
        return SourceFile(data, data.read_bytes())


class FindImports(FlatMapFunction[SourceFile, str]):
    """Give the top-level module of every import; parse errors fail the job, as they should."""

    def execute(self, data: SourceFile) -> Iterator[str]:
        """Yield one name per imported module; relative imports stay inside and do not count."""
        for node in ast.walk(ast.parse(data.content, filename=str(data.path))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def count_lines(file: SourceFile) -> int:
    """Return the number of lines of *file*."""
    return len(file.content.splitlines())


def add(total: ImportCount, other: ImportCount) -> ImportCount:
    """Return both counts of one module as one."""
    return ImportCount(total.module, total.count + other.count)


def source_files(package: str = "") -> Iterator[Path]:
    """Yield the standard library's own source files, or those of one package, in a fixed order."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted((library / package).rglob("*.py")):
        if LEFT_OUT.isdisjoint(path.relative_to(library).parts):
            yield path


def count_imports(files: DataStream[SourceFile], parallelism: int) -> DataStream[ImportCount]:
    """Describe the counting: one running count per module."""
    return (
        files.flatmap(FindImports, parallelism=parallelism)
        .map(lambda module: ImportCount(module, 1))
        .keyby(lambda found: found.module)
        .reduce(add, parallelism=parallelism)
    )


def table(counts: dict[str, int], top: int) -> str:
    """Return the *top* modules with their counts and a bar each."""
    ranking = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]
    if not ranking:
        return "no imports found"
    width = max(len("module"), *(len(module) for module, _ in ranking))
    rows = [f"{'rank':>4}  {'module':<{width}}  {'imports':>7}"]
    for rank, (module, count) in enumerate(ranking, 1):
        bar = "#" * max(1, round(40 * count / ranking[0][1]))
        rows.append(f"{rank:>4}  {module:<{width}}  {count:>7,}  {bar}")
    return "\n".join(rows)


def positive(text: str) -> int:
    """Read a whole number of at least 1 from the command line."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def main() -> None:
    """Run the pipeline and print its result."""
    parser = argparse.ArgumentParser(description="Count the standard library's imports.")
    parser.add_argument("--kernel", metavar="SPEC", help="kernel to run on, as in mock")
    parser.add_argument("--top", type=positive, default=20, metavar="N", help="rows to print")
    parser.add_argument("--parallelism", type=positive, default=1, metavar="N")
    parser.add_argument("--package", default="", help="only files of this one, as in asyncio")
    options = parser.parse_args()
    kernel: str | None = options.kernel
    top: int = options.top
    parallelism: int = options.parallelism
    package: str = options.package

    # Old modules have escape sequences that newer Pythons warn of; that is not our subject.
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)

    counts: dict[str, int] = {}
    lines: list[int] = []

    def keep(found: ImportCount) -> None:
        counts[found.module] = found.count

    began_s = time.perf_counter()
    with LocalEnvironment("stdlib_imports", kernel=kernel) as env:
        files = env.from_collection(source_files(package)).map(ReadFile)
        # The stream is used twice: both branches get every file.
        count_imports(files, parallelism).sink(keep)
        files.map(count_lines).sink(lines.append)
        env.submit(autostop=True)
    elapsed_s = time.perf_counter() - began_s

    print(table(counts, top))
    print(
        f"\n{sum(counts.values()):,} imports of {len(counts):,} modules in {sum(lines):,} lines "
        f"of {len(lines):,} files ({elapsed_s:.1f} s)"
    )


if __name__ == "__main__":
    main()
