"""Medians and paired ratios; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.values import Measure

__all__ = ["Spread", "paired_ratio", "percentiles", "spread"]

_PERCENTS = (50.0, 90.0, 99.0, 99.9, 100.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the smallest and largest value around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Summarize at least one value."""
    return Spread(median(values), min(values), max(values))


def paired_ratio(base: Sequence[float], other: Sequence[float], measure: Measure) -> Spread:
    """Compare two sides repetition by repetition.

    Neighbours in time share the machine's mood, so the ratio of a pair is steadier than the
    ratio of two medians.

    Args:
        base: Seconds per operation of the side that is compared with; one per repetition.
        other: The same of the other side, equally long.
        measure: ``speed`` for *base* through *other*, ``time`` for *other* through *base*.

    Returns:
        The spread of the ratios.
    """
    pairs = zip(base, other, strict=True)
    if measure == "speed":
        return spread([one / two for one, two in pairs])
    return spread([two / one for one, two in pairs])


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return ``p50`` to ``p100`` of at least one value, by nearest rank."""
    ranked = sorted(values)
    last = len(ranked) - 1
    return {f"p{percent:g}": ranked[round(percent / 100 * last)] for percent in _PERCENTS}
