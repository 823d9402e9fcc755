"""Joins, comaps and loops whose sides do not fit."""

from shared import FirstLetter, PairUp, env, ints, words

from sage_kernel_api import BaseCoMapFunction


class Both(BaseCoMapFunction):
    def map0(self, data: int) -> str:
        return str(data)

    def map1(self, data: str) -> str:
        return data


class OnlyFirst(BaseCoMapFunction):
    def map0(self, data: int) -> str:
        return str(data)


def join_of_two_key_types() -> None:
    left = ints.keyby(lambda number: number)
    right = words.keyby(FirstLetter)
    left.connect(right).join(PairUp)  # rejected: attr-defined


def join_with_a_function_for_another_key_type() -> None:
    left = ints.keyby(lambda number: number)
    right = words.keyby(len)
    left.connect(right).join(PairUp)  # rejected: call-overload


def join_with_sides_swapped() -> None:
    left = words.keyby(FirstLetter)
    right = ints.keyby(str)
    left.connect(right).join(PairUp)  # rejected: call-overload


def join_of_streams_without_keys() -> None:
    ints.connect(words).join(PairUp)  # rejected: attr-defined


def comap_class_with_sides_swapped() -> None:
    words.connect(ints).comap(Both)  # rejected: call-overload


def comap_class_without_the_second_method() -> None:
    ints.connect(words).comap(OnlyFirst)  # rejected: call-overload


def comap_lambda_that_misuses_the_second_side() -> None:
    ints.connect(words).comap(str, lambda word: word - 1)  # rejected: operator


def loop_filled_with_another_type() -> None:
    future = env.from_future("again", int)
    words.fill_future(future)  # rejected: arg-type


def reduce_function_of_another_type() -> None:
    words.keyby(len).reduce(lambda total, word: total - word)  # rejected: operator


def reduce_of_a_stream_without_keys() -> None:
    words.reduce(lambda total, word: total + word)  # rejected: attr-defined
