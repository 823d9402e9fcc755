"""Mistakes around asynchronous steps that type checkers must find."""

from __future__ import annotations

import asyncio
from typing import Protocol

from sage_kernel_api import AsyncMapFunction, DataStream


class Store(Protocol):
    """A service."""

    def get(self, key: int) -> str: ...


class Add(AsyncMapFunction[int, str]):
    def __init__(self, by: int) -> None:
        self.by = by

    async def execute(self, data: int) -> str:
        await asyncio.sleep(0)
        return str(data + self.by)


async def ask(question: str) -> str:
    return question


def wrong_element_type(numbers: DataStream[int]) -> None:
    numbers.map_async(ask)  # rejected: arg-type


def wrong_element_type_of_a_class(words: DataStream[str]) -> None:
    words.map_async(Add, 1)  # rejected: call-overload


def wrong_constructor_argument(numbers: DataStream[int]) -> None:
    numbers.map_async(Add, "x")  # rejected: call-overload


def function_that_is_not_asynchronous(numbers: DataStream[int]) -> None:
    numbers.map_async(str)  # rejected: arg-type


def option_of_the_wrong_type(words: DataStream[str]) -> None:
    words.map_async(ask, capacity="many")  # rejected: call-overload


def option_that_does_not_exist(words: DataStream[str]) -> None:
    words.map_async(ask, capacty=3)  # rejected: call-overload


def result_of_the_wrong_type(words: DataStream[str]) -> DataStream[int]:
    return words.map_async(ask)  # rejected: arg-type


def wrong_argument_of_an_awaited_service() -> None:
    class Lookup(AsyncMapFunction[int, str]):
        async def execute(self, data: int) -> str:
            return await self.ask(self.service(Store, "store").get, "k")  # rejected: arg-type

    del Lookup
