"""What is installed, read from metadata alone: nothing is imported.

Layer: plugins. Knows distributions and entry points; not what stands behind them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sage_kernel_api.plugins.names import (
    RESERVED_NAMES,
    fold_name,
    name_problem,
    normalize_distribution,
)

if TYPE_CHECKING:
    from importlib.metadata import Distribution, PackageMetadata

__all__ = ["KERNEL_GROUP", "BrokenMetadata", "Entry", "Installed", "installed_kernels", "scan"]

KERNEL_GROUP: Final = "sage_kernel.kernels"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry point of one distribution.

    Attributes:
        name: Folded.
        written_name: As it stands in the metadata.
        value: ``module`` or ``module:attribute``.
        distribution: Its name; as good as could be found if the metadata is broken.
        version: Its version; empty if unknown.
        problem: Why it cannot be used, as far as metadata tells; empty if nothing is wrong.
    """

    name: str
    written_name: str
    value: str
    distribution: str
    version: str
    problem: str = ""

    @property
    def label(self) -> str:
        """Return who offers what, for messages."""
        return f"{self.written_name!r} of {self.owner}"

    @property
    def owner(self) -> str:
        """Return the distribution with its version, for messages."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class BrokenMetadata:
    """A distribution whose entry points cannot be read."""

    distribution: str
    problem: str


@dataclass(frozen=True)
class Installed:
    """All entries of a group, in the order of ``sys.path``, and what could not be read."""

    entries: tuple[Entry, ...]
    broken: tuple[BrokenMetadata, ...]

    @cached_property
    def by_name(self) -> dict[str, tuple[Entry, ...]]:
        """Entries that claim each name rightfully; more than one is a conflict."""
        found: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries:
            if is_entitled(entry):
                found[entry.name] = (*found.get(entry.name, ()), entry)
        return found

    def usurpers(self, name: str) -> tuple[Entry, ...]:
        """Return the entries that claim the reserved name *name* and must not."""
        return tuple(
            entry for entry in self.entries if entry.name == name and not is_entitled(entry)
        )


def is_entitled(entry: Entry) -> bool:
    """Tell whether the distribution of *entry* may use its name."""
    owner = RESERVED_NAMES.get(entry.name)
    return owner is None or normalize_distribution(entry.distribution) == owner


_CACHE: dict[str, tuple[tuple[str, ...], Installed]] = {}


def installed_kernels(*, refresh: bool = False) -> Installed:
    """Return the installed kernels; read once per ``sys.path``, or again if *refresh*."""
    path = tuple(sys.path)
    cached = _CACHE.get(KERNEL_GROUP)
    if refresh or cached is None or cached[0] != path:
        cached = _CACHE[KERNEL_GROUP] = (path, scan(KERNEL_GROUP))
    return cached[1]


def scan(group: str) -> Installed:
    """Read the entry points of *group* of every distribution on ``sys.path``.

    Never raises for what a distribution's metadata holds; its entries, or it, are marked.
    """
    from importlib.metadata import distributions

    entries: list[Entry] = []
    broken: list[BrokenMetadata] = []
    seen: set[str] = set()
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except (OSError, ValueError) as error:
            broken.append(BrokenMetadata(_folder_of(distribution), _unreadable(error)))
            continue
        if group not in text:
            continue
        name, version, problem = _identity(distribution)
        # As for imports, the first of two on sys.path hides the other.
        if normalize_distribution(name) in seen:
            continue
        seen.add(normalize_distribution(name))
        entries.extend(_entries(text, group, name, version, problem))
    return Installed(tuple(entries), tuple(broken))


def _entries(
    text: str, group: str, distribution: str, version: str, problem: str
) -> Iterator[Entry]:
    for number, line in _lines_of(text, group):
        written, equals, value = (part.strip() for part in line.partition("="))
        name = fold_name(written)
        wrong = problem
        if not equals or not written or not value:
            wrong = f"line {number} of its entry_points.txt is not 'name = module': {line[:60]!r}"
        elif found := name_problem(name):
            wrong = wrong or found
        # The extras after the value are not needed to import it.
        target = value.partition("[")[0].strip()
        yield Entry(name, written, target, distribution, version, wrong)


def _lines_of(text: str, group: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of one section. Read by hand: one bad line must not hide the good ones."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif line and not line.startswith(("#", ";")) and section == group:
            yield number, line


def _identity(distribution: Distribution) -> tuple[str, str, str]:
    """Return name, version and problem of a distribution, whatever its metadata is like."""
    try:
        metadata = distribution.metadata
        name, version = (_value(metadata, key) for key in ("Name", "Version"))
    # A finder of any package may stand behind it, and raise what it likes.
    except Exception as error:  # noqa: BLE001
        return _folder_of(distribution), "", f"broken metadata: {_unreadable(error)}"
    if not name or not version:
        what = "name" if not name else "version"
        return (
            str(name or _folder_of(distribution)),
            str(version or ""),
            f"broken metadata: METADATA is missing or has no {what}",
        )
    return str(name), str(version), ""


def _value(metadata: PackageMetadata, key: str) -> str:
    # Asked first: for a missing key some versions return None, others raise.
    if key not in metadata:
        return ""
    return metadata[key]


def _folder_of(distribution: Distribution) -> str:
    """Name a distribution by its folder: ``sage_x-1.0.dist-info`` gives ``sage-x``."""
    folder = str(getattr(getattr(distribution, "_path", None), "name", "unknown"))
    stem = folder.removesuffix(".dist-info").removesuffix(".egg-info")
    return stem.partition("-")[0].replace("_", "-")


def _unreadable(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
