"""Element types follow from step to step."""

from functools import partial
from typing import Any, assert_type

from shared import (
    Add,
    Count,
    FirstLetter,
    IsLong,
    Keep,
    Length,
    Split,
    double,
    env,
    ints,
    scale,
    shout,
    words,
)

from sage_kernel_api import DataStream, DeadLetter, KeyedStream, OutputTag


def collection() -> None:
    assert_type(ints, DataStream[int])


def map_lambda() -> None:
    assert_type(ints.map(lambda number: number / 2), DataStream[float])


def map_function() -> None:
    assert_type(ints.map(double), DataStream[int])


def map_builtin_class() -> None:
    assert_type(ints.map(str), DataStream[str])


def map_builtin_function() -> None:
    assert_type(words.map(len), DataStream[int])


def map_bound_method() -> None:
    assert_type(words.map("-".join), DataStream[str])


def map_method_of_a_class() -> None:
    assert_type(words.map(str.encode), DataStream[bytes])


def map_partial() -> None:
    assert_type(ints.map(partial(scale, 3)), DataStream[int])


def map_class() -> None:
    assert_type(words.map(Length), DataStream[int])


def map_class_with_an_argument() -> None:
    assert_type(ints.map(Add, 1), DataStream[int])


def map_class_with_a_keyword() -> None:
    assert_type(ints.map(Add, by=1), DataStream[int])


def map_class_with_options() -> None:
    assert_type(ints.map(Add, 1, name="add", parallelism=2), DataStream[int])


def map_class_with_a_uid() -> None:
    assert_type(ints.map(Add, 1, uid="add"), DataStream[int])


def map_lambda_with_options() -> None:
    assert_type(ints.map(lambda n: str(n), name="text", parallelism=2), DataStream[str])


def map_to_none() -> None:
    assert_type(ints.map(lambda n: n if n else None), DataStream[int | None])


def map_to_tuples() -> None:
    assert_type(words.map(lambda word: (word, len(word))), DataStream[tuple[str, int]])


def map_chain() -> None:
    assert_type(words.map(Length).map(lambda n: n > 1), DataStream[bool])


def filter_lambda() -> None:
    assert_type(ints.filter(lambda number: number > 1), DataStream[int])


def filter_class() -> None:
    assert_type(words.filter(IsLong, least=2), DataStream[str])


def flatmap_class() -> None:
    assert_type(words.flatmap(Split), DataStream[str])


def flatmap_lambda() -> None:
    assert_type(ints.flatmap(lambda number: [number] * number), DataStream[int])


def flatmap_method() -> None:
    assert_type(words.flat_map(str.split), DataStream[str])


def flatmap_generator_function() -> None:
    assert_type(ints.flatmap(range), DataStream[int])


def keyby_lambda() -> None:
    assert_type(words.keyby(lambda word: word[0]), KeyedStream[str, str])


def keyby_function() -> None:
    assert_type(words.key_by(len), KeyedStream[int, str])


def keyby_class() -> None:
    assert_type(words.keyby(FirstLetter), KeyedStream[str, str])


def keyby_strategy() -> None:
    assert_type(words.keyby(FirstLetter, strategy="broadcast"), KeyedStream[str, str])


def sink_returns_the_stream() -> None:
    assert_type(words.sink(Keep, "out.txt"), DataStream[str])


def sink_into_a_list() -> None:
    rows: list[int] = []
    assert_type(ints.sink(rows.append), DataStream[int])


def printing_returns_the_stream() -> None:
    assert_type(ints.print("n"), DataStream[int])


def union_of_two_types() -> None:
    assert_type(ints.union(words), DataStream[int | str])


def results() -> None:
    assert_type(words.map(Length).execute_and_collect(), list[int])


def source_class() -> None:
    assert_type(env.from_source(Count, 3), DataStream[int])


def batch_of_a_list() -> None:
    assert_type(env.from_batch([b"x"]), DataStream[bytes])


def side_output() -> None:
    late = OutputTag[bytes]("late")
    assert_type(ints.get_side_output(late), DataStream[bytes])


def dead_letters() -> None:
    assert_type(ints.dead_letters(), DataStream[DeadLetter])


def async_map() -> None:
    async def fetch(url: str) -> bytes:
        return url.encode()

    assert_type(words.map_async(fetch, capacity=10), DataStream[bytes])


def shouting() -> None:
    assert_type(words.map(shout).map(shout), DataStream[str])


def untyped_values_stay_any() -> None:
    anything: list[Any] = []
    assert_type(env.from_collection(anything), DataStream[Any])
