"""The functions and inputs that every side of a workload shares.

Plain classes and functions of the standard library: our side derives its own classes from
them, the peers take them as they are, and the hand-written loop calls the same methods.
"""

from __future__ import annotations

import hashlib
import marshal
import random
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

__all__ = [
    "AddOne",
    "CountInDictionary",
    "IsEven",
    "MergeCounts",
    "Pair",
    "PairsOf",
    "Triple",
    "WordOf",
    "add_one",
    "burn",
    "digest",
    "integers",
    "is_even",
    "many_keys",
    "many_lines",
    "text_lines",
    "triple",
]

Pair: TypeAlias = tuple[str, int]
"""A word and how often it was seen."""

WORDS_PER_LINE = 8
_VOCABULARY = 1000
_BURN_ROUNDS = 700


class AddOne:
    """Add one."""

    def execute(self, data: int) -> int:
        """Return ``data + 1``."""
        return data + 1


class IsEven:
    """Keep even numbers."""

    def execute(self, data: int) -> bool:
        """Tell whether *data* is even."""
        return data % 2 == 0


class Triple:
    """Multiply by three."""

    def execute(self, data: int) -> int:
        """Return ``data * 3``."""
        return data * 3


class PairsOf:
    """Split a line into words, each with the count 1."""

    def execute(self, data: str) -> list[Pair]:
        """Return one pair per word."""
        return [(word, 1) for word in data.split()]


class WordOf:
    """Key a pair by its word."""

    def execute(self, data: Pair) -> str:
        """Return the word."""
        return data[0]


class MergeCounts:
    """Add two counts of one word."""

    def execute(self, accumulated: Pair, data: Pair) -> Pair:
        """Return the word with both counts."""
        return (accumulated[0], accumulated[1] + data[1])


class CountInDictionary:
    """Count words as a class of one's own would: in a dictionary, by the key of the record."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def execute(self, key: str, data: Pair) -> Pair:
        """Return the word with its count so far."""
        count = self._seen.get(key, 0) + data[1]
        self._seen[key] = count
        return (data[0], count)


# Lambdas on purpose: a case of its own shows what they cost.
add_one: Callable[[int], int] = lambda x: x + 1  # noqa: E731
is_even: Callable[[int], bool] = lambda x: x % 2 == 0  # noqa: E731
triple: Callable[[int], int] = lambda x: x * 3  # noqa: E731


def burn(x: int) -> int:
    """Keep the interpreter busy for about 40 microseconds, without a lock or an allocation."""
    for _ in range(_BURN_ROUNDS):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return x


def integers(size: int) -> list[int]:
    """Return *size* numbers."""
    return list(range(size))


def text_lines(words: int) -> list[str]:
    """Return lines with *words* words in all (rounded up to full lines), the same each time."""
    lines, seed = [], 12345
    for _ in range(-(-words // WORDS_PER_LINE)):
        line = []
        for _ in range(WORDS_PER_LINE):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            line.append(f"word{(seed >> 8) % _VOCABULARY}")
        lines.append(" ".join(line))
    return lines


def many_keys(records: int, *, is_skewed: bool) -> list[Pair]:
    """Return counts of 1 for a seventh as many words: each word once, then at random.

    Args:
        records: How many.
        is_skewed: Nine in ten of the later ones go to a hundredth of the words; else all alike.
    """
    keys = max(1, records // 7)
    few = max(1, keys // 100)
    rng = random.Random(2)
    chosen = [
        rng.randrange(few if is_skewed and rng.random() < 0.9 else keys)
        for _ in range(records - keys)
    ]
    words = [f"word{number}" for number in range(keys)]
    return [(words[number], 1) for number in (*range(keys), *chosen)]


def many_lines(words: int) -> list[str]:
    """Return lines with so many words in all, a seventh as many different ones, as in a text.

    Each word once, then at random as natural language has them: the second half as often as the
    first, the third a third as often (G. K. Zipf 1949, "Human Behavior and the Principle of Least
    Effort").
    """
    keys = max(1, words // 7)
    rng = random.Random(2)
    chosen = (int(keys ** rng.random()) - 1 for _ in range(words - keys))
    text = [f"word{number}" for number in (*range(keys), *chosen)]
    step = WORDS_PER_LINE
    return [" ".join(text[start : start + step]) for start in range(0, len(text), step)]


def digest(values: Iterable[Any], *, ordered: bool = True) -> str:
    """Return a short digest of builtin values, to compare what two sides produced.

    Args:
        values: What came out.
        ordered: False where sides may differ in order by right; then the sorted values count.
    """
    found = list(values) if ordered else sorted(values)
    # Version 2 writes no references: equal values give equal bytes, whoever shares objects.
    return f"{len(found)}:{hashlib.sha256(marshal.dumps(found, 2)).hexdigest()[:16]}"
