"""Join two streams by key: orders with the customers who placed them.

Records of both streams with one key meet at one instance, which keeps what it needs of either
side. Run it with

    python examples/join_orders.py --kernel default
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Literal

from sage_kernel_api import BaseJoinFunction, LocalEnvironment


@dataclass(frozen=True, slots=True)
class Customer:
    """Who buys."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Order:
    """What was bought by whom."""

    customer: int
    item: str
    cents: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An order together with its customer."""

    name: str
    item: str
    cents: int


class Bill(BaseJoinFunction[int, Order, Customer, Invoice]):
    """Pair each order with its customer, whichever of the two comes first."""

    def __init__(self) -> None:
        super().__init__()
        self._customers: dict[int, Customer] = {}
        self._early: dict[int, list[Order]] = {}

    def execute(self, payload: Order | Customer, key: int, tag: Literal[0, 1]) -> list[Invoice]:
        """Return the invoices that can be written now; *tag* 0 are orders, 1 customers."""
        if isinstance(payload, Customer):
            self._customers[key] = payload
            return [self._invoice(payload, order) for order in self._early.pop(key, [])]
        customer = self._customers.get(key)
        if customer is None:
            self._early.setdefault(key, []).append(payload)
            return []
        return [self._invoice(customer, payload)]

    @staticmethod
    def _invoice(customer: Customer, order: Order) -> Invoice:
        return Invoice(customer.name, order.item, order.cents)


CUSTOMERS = [Customer(1, "Ada"), Customer(2, "Grace"), Customer(3, "Edsger")]
ORDERS = [
    Order(2, "compiler", 4_990),
    Order(1, "punched cards", 150),
    Order(3, "semaphore", 1_200),
    Order(1, "engine, analytical", 99_900),
    Order(9, "order of nobody we know", 1),
]


def main() -> None:
    """Run the pipeline and print its result."""
    parser = argparse.ArgumentParser(description="Join orders with customers.")
    parser.add_argument("--kernel", metavar="SPEC", help="kernel to run on, as in mock")
    kernel: str | None = parser.parse_args().kernel

    with LocalEnvironment("join_orders", kernel=kernel) as env:
        orders = env.from_collection(ORDERS).keyby(lambda order: order.customer)
        customers = env.from_collection(CUSTOMERS).keyby(lambda customer: customer.number)
        invoices = orders.connect(customers).join(Bill).execute_and_collect()

    # The streams are read side by side, so the order of the results is not fixed.
    for invoice in sorted(invoices, key=lambda invoice: (invoice.name, invoice.cents)):
        print(f"{invoice.name:<8} {invoice.item:<20} {invoice.cents / 100:>9.2f}")


if __name__ == "__main__":
    main()
