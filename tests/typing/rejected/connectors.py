"""Mistakes around connectors that type checkers must find."""

from __future__ import annotations

from dataclasses import dataclass

from sage_kernel_api import BlockSourceFunction, LocalEnvironment
from sage_kernel_api.runnable import SourcePoll


@dataclass
class Sale:
    item: str


class Pages(BlockSourceFunction[Sale]):
    def __init__(self, url: str) -> None:
        self.url = url

    def poll(self, limit: int) -> SourcePoll:
        return SourcePoll((), "ended")

    def tell(self) -> int:
        return 0

    def seek(self, position: int) -> None: ...


env = LocalEnvironment("typing")


def a_field_that_the_type_lacks() -> None:
    env.from_json_lines("x", Sale).map(lambda sale: sale.price)  # rejected: attr-defined


def a_value_in_place_of_a_type() -> None:
    env.from_json_lines("x", Sale("tea"))  # rejected: call-overload


def a_row_of_text_used_as_a_number() -> None:
    env.from_csv("x").map(lambda row: row["price"] + 1)  # rejected: operator


def a_port_that_is_text() -> None:
    env.from_socket("localhost", "80")  # rejected: arg-type


def a_format_that_there_is_not() -> None:
    env.from_csv("x").sink_to_file("y", "xml")  # rejected: arg-type


def a_column_without_a_type() -> None:
    env.from_csv("x").sink_to_sqlite("y", "t", {"a": 1})  # rejected: dict-item


def wrong_constructor_arguments_of_a_source_of_blocks() -> None:
    env.from_source(Pages, 3)  # rejected: call-overload
