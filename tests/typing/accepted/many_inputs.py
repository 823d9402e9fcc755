"""Joins, comaps, loops and reductions."""

from typing import assert_type

from shared import FirstLetter, PairUp, env, ints, words

from sage_kernel_api import BaseCoMapFunction, DataStream


class Both(BaseCoMapFunction):
    def map0(self, data: int) -> bytes:
        return bytes(data)

    def map1(self, data: str) -> float:
        return float(data)


def join_of_one_key_type() -> None:
    left = ints.keyby(str)
    right = words.keyby(FirstLetter)
    assert_type(left.connect(right).join(PairUp), DataStream[tuple[str, int]])


def comap_class() -> None:
    assert_type(ints.connect(words).comap(Both), DataStream[bytes | float])


def comap_lambdas() -> None:
    both = ints.connect(words).comap(lambda number: number > 1, lambda word: word == "yes")
    assert_type(both, DataStream[bool])


def comap_of_three() -> None:
    three = ints.connect(words).connect(ints).comap(str, str, str)
    assert_type(three, DataStream[str])


def loop() -> None:
    future = env.from_future("again", int)
    assert_type(ints.union(future), DataStream[int])


def reduction() -> None:
    counts = words.keyby(lambda word: word).map(lambda word: 1)
    assert_type(counts, DataStream[int])


def keyed_reduction() -> None:
    assert_type(words.keyby(len).reduce(lambda a, b: a + b), DataStream[str])
