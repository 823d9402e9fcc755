"""Mistakes around steps over many records that type checkers must find."""

from __future__ import annotations

from sage_kernel_api import AggregateFunction, DataStream, KeyedStream


class Longest(AggregateFunction[str, int, int]):
    def create_accumulator(self) -> int:
        return 0

    def add(self, value: str, accumulator: int) -> int:
        return max(accumulator, len(value))

    def merge(self, one: int, other: int) -> int:
        return max(one, other)

    def get_result(self, accumulator: int) -> int:
        return accumulator


def an_aggregate_of_other_records(numbers: KeyedStream[str, int]) -> None:
    numbers.aggregate(Longest)  # rejected: arg-type


def a_count_without_keys(words: DataStream[str]) -> None:
    words.count()  # rejected: attr-defined


def a_rank_of_other_records(numbers: KeyedStream[str, int]) -> None:
    numbers.top_k(2, by=str.upper)  # rejected: arg-type


def a_time_to_emit_that_there_is_not(numbers: KeyedStream[str, int]) -> None:
    numbers.count(emit="always")  # rejected: arg-type


def a_batch_used_as_a_record(words: DataStream[str]) -> None:
    words.batch(2).map(lambda word: word.upper())  # rejected: attr-defined


def an_end_that_is_no_function(words: DataStream[str]) -> None:
    words.on_end(["end"])  # rejected: arg-type
