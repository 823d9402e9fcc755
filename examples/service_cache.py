"""A pipeline whose step asks a service: prices in several currencies through a shared cache.

All instances of the step share one service, called through a typed handle, so that mypy checks the
calls. Run it with

    python examples/service_cache.py --kernel default
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Protocol

from sage_kernel_api import BaseService, LocalEnvironment, MapFunction

UNITS_PER_EURO = {"EUR": 1.0, "USD": 1.25, "GBP": 0.8, "JPY": 160.0}
"""Stands for a slow exchange-rate server."""


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs, in its own currency."""

    item: str
    amount: float
    currency: str


class RateCache(Protocol):
    """What callers may ask the service."""

    def rate(self, currency: str) -> float:
        """Return how many units of *currency* one euro buys."""
        ...

    def misses(self) -> int:
        """Return how often the slow server was asked."""
        ...


class CachedRates(BaseService):
    """Looks each rate up once and remembers it."""

    def setup(self) -> None:
        """Start with an empty cache."""
        self._known: dict[str, float] = {}

    def rate(self, currency: str) -> float:
        """Return how many units of *currency* one euro buys."""
        if currency not in self._known:
            self._known[currency] = UNITS_PER_EURO[currency]
        return self._known[currency]

    def misses(self) -> int:
        """Return how often the slow server was asked."""
        return len(self._known)


class ToEuro(MapFunction[Price, str]):
    """Convert one price, asking the service for the rate."""

    def execute(self, data: Price) -> str:
        """Return a line for the list."""
        rates = self.service(RateCache, "rates")
        euros = data.amount / rates.rate(data.currency)
        return (
            f"{data.item:<8} {data.amount:>9.2f} {data.currency}  = {euros:>7.2f} EUR"
            f"   (lookups so far: {rates.misses()})"
        )


PRICES = [
    Price("book", 25.00, "USD"),
    Price("kettle", 32.00, "GBP"),
    Price("lamp", 45.00, "EUR"),
    Price("teapot", 4_800.00, "JPY"),
    Price("clock", 50.00, "USD"),
    Price("bowl", 12.00, "GBP"),
]


def build(env: LocalEnvironment) -> None:
    """Describe the pipeline on *env*."""
    env.register_service("rates", CachedRates)
    env.from_collection(PRICES).map(ToEuro).sink(print)


def main() -> None:
    """Run the pipeline."""
    parser = argparse.ArgumentParser(description="Convert prices through a service.")
    parser.add_argument("--kernel", metavar="SPEC", help="kernel to run on, as in mock")
    kernel: str | None = parser.parse_args().kernel
    with LocalEnvironment("service_cache", kernel=kernel) as env:
        build(env)
        env.submit(autostop=True)


if __name__ == "__main__":
    main()
