"""Steps over many records whose types must be inferred."""

from __future__ import annotations

from typing import assert_type

from sage_kernel_api import AggregateFunction, DataStream, KeyedStream


class Mean(AggregateFunction[float, tuple[int, float], float]):
    def create_accumulator(self) -> tuple[int, float]:
        return 0, 0.0

    def add(self, value: float, accumulator: tuple[int, float]) -> tuple[int, float]:
        return accumulator[0] + 1, accumulator[1] + value

    def merge(self, one: tuple[int, float], other: tuple[int, float]) -> tuple[int, float]:
        return one[0] + other[0], one[1] + other[1]

    def get_result(self, accumulator: tuple[int, float]) -> float:
        return accumulator[1] / accumulator[0]


def values_by_key(numbers: KeyedStream[str, int]) -> None:
    assert_type(numbers.aggregate(Mean), DataStream[float])
    assert_type(numbers.count(emit="end"), DataStream[tuple[str, int]])
    assert_type(numbers.top_k(3, by=abs), DataStream[tuple[str, list[int]]])
    assert_type(numbers.top_k(3, by=lambda number: -number), DataStream[tuple[str, list[int]]])


def records_as_they_are(words: DataStream[str], keyed: KeyedStream[int, str]) -> None:
    assert_type(words.distinct(), DataStream[str])
    assert_type(words.distinct(lambda word: word[0]), DataStream[str])
    assert_type(keyed.distinct(), DataStream[str])


def records_in_lists(words: DataStream[str], keyed: KeyedStream[int, str]) -> None:
    assert_type(words.batch(10, timeout_s=0.5), DataStream[list[str]])
    assert_type(keyed.batch(10), DataStream[list[str]])


def something_at_the_end(words: DataStream[str]) -> None:
    assert_type(words.on_end(lambda: [1]), DataStream[str | int])
