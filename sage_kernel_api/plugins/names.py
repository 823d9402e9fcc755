"""Names of kernels: how they compare, which are reserved, which one was probably meant.

Layer: plugins. Pure: knows neither metadata nor modules.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

__all__ = [
    "KNOWN_DISTRIBUTIONS",
    "MAX_NAME_LENGTH",
    "RESERVED_NAMES",
    "did_you_mean",
    "fold_name",
    "name_problem",
    "normalize_distribution",
]

MAX_NAME_LENGTH: Final = 100
"""Longest kernel name, in characters after folding."""

RESERVED_NAMES: Final = {"default": "sage-kernel", "mock": "sage-kernel", "ray": "sage-kernel-ray"}
"""Names that only one distribution may offer."""

KNOWN_DISTRIBUTIONS: Final = {"ray": "sage-kernel-ray"}
"""What to install for a kernel that does not come along."""

_PUNCTUATION: Final = frozenset("._-")
_MOST_FOLDS: Final = 8


def fold_name(name: str) -> str:
    r"""Return the form in which names are compared: NFKC, casefolded, repeated until stable.

    Example:
        >>> fold_name("Default"), fold_name("\uff2d\uff2f\uff23\uff2b")
        ('default', 'mock')
    """
    # One round is not enough: casefolding may yield text that NFKC changes, and the reverse.
    for _ in range(_MOST_FOLDS):
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if folded == name:
            break
        name = folded
    return name


def name_problem(name: str) -> str | None:
    """Say why a folded name cannot be a kernel's name; None if it can."""
    if not name:
        return "the kernel name is empty"
    if len(name) > MAX_NAME_LENGTH:
        return f"the kernel name has {len(name)} characters; at most {MAX_NAME_LENGTH} are allowed"
    if not name[0].isalnum():
        return f"the kernel name starts with {name[0]!r}; it must start with a letter or digit"
    strange = sorted({letter for letter in name if not _may_be_in_name(letter)})
    if strange:
        shown = ", ".join(repr(letter) for letter in strange[:5])
        return f"the kernel name contains {shown}; letters, digits, '.', '_' and '-' are allowed"
    if fold_name(name) != name:
        return "the kernel name has no stable folded form; use plain letters"
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest of *known*, or nothing.

    Example:
        >>> did_you_mean("defualt", ["default", "mock"])
        " Did you mean 'default'?"
    """
    near = get_close_matches(word[:MAX_NAME_LENGTH], sorted(set(known)), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def normalize_distribution(name: str) -> str:
    """Return a distribution's name as packaging tools compare it (PEP 503)."""
    parts = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(part for part in parts if part)


def _may_be_in_name(letter: str) -> bool:
    # Combining marks belong to the letters of many scripts.
    return (
        letter.isalnum() or letter in _PUNCTUATION or unicodedata.category(letter) in {"Mn", "Mc"}
    )
