"""Asynchronous steps whose types must be inferred."""

from __future__ import annotations

import asyncio
import functools
from typing import Protocol, assert_type

from sage_kernel_api import AsyncMapFunction, DataStream, KeyedStream, retry


class Store(Protocol):
    """A service."""

    def get(self, key: int) -> str: ...


class Add(AsyncMapFunction[int, str]):
    def __init__(self, by: int) -> None:
        self.by = by

    async def execute(self, data: int) -> str:
        await asyncio.sleep(0)
        return str(data + self.by)


async def show(number: int) -> str:
    return str(number)


def a_coroutine_function(numbers: DataStream[int]) -> None:
    assert_type(numbers.map_async(show), DataStream[str])


def a_coroutine_function_with_options(numbers: DataStream[int]) -> None:
    step = numbers.map_async(
        show,
        capacity=10,
        ordered=False,
        timeout_s=2,
        retries=3,
        retry_on=ConnectionError,
        rate_limit="60/min",
        name="show",
        on_error=retry(1),
    )
    assert_type(step, DataStream[str])


def a_lambda_that_returns_an_awaitable(numbers: DataStream[int]) -> None:
    assert_type(numbers.map_async(lambda x: show(x + 1)), DataStream[str])


def a_class_with_its_arguments(numbers: DataStream[int]) -> None:
    assert_type(numbers.map_async(Add, 1), DataStream[str])
    assert_type(numbers.map_async(Add, by=1), DataStream[str])


def a_class_with_its_arguments_and_a_capacity(numbers: DataStream[int]) -> None:
    assert_type(numbers.map_async(Add, 1, capacity=3, ordered=False), DataStream[str])


def a_partial_class_with_options(numbers: DataStream[int]) -> None:
    made = functools.partial(Add, 1)
    assert_type(numbers.map_async(made, ordered=False, rate_limit=5), DataStream[str])


def a_keyed_stream(numbers: KeyedStream[str, int]) -> None:
    assert_type(numbers.map_async(show), DataStream[str])


def an_awaited_service() -> None:
    class Lookup(AsyncMapFunction[int, str]):
        async def execute(self, data: int) -> str:
            answer = await self.ask(self.service(Store, "store").get, data)
            assert_type(answer, str)
            return answer

    del Lookup
