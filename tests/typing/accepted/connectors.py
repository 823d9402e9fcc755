"""Sources outside of the program whose types must be inferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

from sage_kernel_api import BlockSourceFunction, DataStream, KeyedStream, LocalEnvironment
from sage_kernel_api.runnable import SourcePoll


@dataclass
class Sale:
    item: str
    price: float


class Row(TypedDict):
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


def lines_are_text() -> None:
    assert_type(env.from_text_file("x"), DataStream[str])
    assert_type(env.from_directory("x", watch=True), DataStream[str])
    assert_type(env.from_socket("localhost", 80), DataStream[str])
    assert_type(env.from_timer(0.5), DataStream[int])


def values_have_the_type_that_was_asked_for() -> None:
    assert_type(env.from_json_lines("x", Sale), DataStream[Sale])
    assert_type(env.from_json_lines("x", dict[str, int]), DataStream[dict[str, int]])
    assert_type(env.from_json_lines("x", on_error="skip"), DataStream[Any])


def rows_have_the_type_that_was_asked_for() -> None:
    assert_type(env.from_csv("x", Row), DataStream[Row])
    assert_type(env.from_csv("x"), DataStream[dict[str, str]])
    assert_type(env.from_csv("x", Sale).map(lambda sale: sale.price), DataStream[float])


def a_sink_returns_the_same_stream() -> None:
    sales = env.from_csv("x", Sale)
    assert_type(sales.sink_to_file("y", "csv", columns=["item", "price"]), DataStream[Sale])
    assert_type(sales.sink_to_sqlite("y", "sales", {"item": str}), DataStream[Sale])
    keyed = sales.keyby(lambda sale: sale.item)
    assert_type(keyed.sink_to_file("z"), KeyedStream[str, Sale])


def a_source_of_blocks() -> None:
    assert_type(env.from_source(Pages, "x"), DataStream[Sale])
    assert_type(env.from_source(Pages, "x", name="pages"), DataStream[Sale])
