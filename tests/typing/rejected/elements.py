"""The element type of a stream does not fit the function of the next step."""

from functools import partial

from shared import Add, FirstLetter, IsLong, Keep, Length, Split, double, ints, scale, shout, words


def map_class_of_another_element_type() -> None:
    ints.map(Length)  # rejected: type-var


def map_class_with_arguments_of_another_element_type() -> None:
    words.map(Add, 1)  # rejected: call-overload


def map_function_of_another_element_type() -> None:
    words.map(double)  # rejected: arg-type


def map_lambda_that_misuses_its_element() -> None:
    words.map(lambda word: word + 1)  # rejected: operator


def map_lambda_that_calls_a_missing_method() -> None:
    ints.map(lambda number: number.upper())  # rejected: attr-defined


def map_bound_method_of_another_element_type() -> None:
    ints.map("-".join)  # rejected: arg-type


def map_partial_of_another_result_type() -> None:
    ints.map(partial(scale, 3)).map(shout)  # rejected: arg-type


def filter_class_of_another_element_type() -> None:
    ints.filter(IsLong)  # rejected: arg-type


def filter_lambda_that_misuses_its_element() -> None:
    ints.filter(lambda number: number.isupper())  # rejected: attr-defined


def filter_bound_method_of_another_element_type() -> None:
    ints.filter("abc".startswith)  # rejected: arg-type


def flatmap_class_of_another_element_type() -> None:
    ints.flatmap(Split)  # rejected: arg-type


def flatmap_function_that_returns_no_iterable() -> None:
    ints.flatmap(double)  # rejected: arg-type


def flat_map_alias_of_another_element_type() -> None:
    ints.flat_map(Split)  # rejected: arg-type


def keyby_class_of_another_element_type() -> None:
    ints.keyby(FirstLetter)  # rejected: type-var


def keyby_lambda_that_misuses_its_element() -> None:
    ints.key_by(lambda number: number.name)  # rejected: attr-defined


def sink_class_of_another_element_type() -> None:
    ints.sink(Keep, "out.txt")  # rejected: call-overload


def sink_into_a_list_of_another_type() -> None:
    rows: list[str] = []
    ints.sink(rows.append)  # rejected: arg-type


def second_step_sees_the_type_of_the_first() -> None:
    words.map(Length).map(shout)  # rejected: arg-type


def filter_keeps_the_element_type() -> None:
    words.filter(IsLong).map(double)  # rejected: arg-type


def flatmap_gives_the_item_type_not_the_list() -> None:
    words.flatmap(str.split).map(len).map(shout)  # rejected: arg-type


def union_takes_no_function_for_one_side_only() -> None:
    ints.union(words).map(double)  # rejected: arg-type


def collected_results_are_typed() -> None:
    rows: list[str] = ints.map(double).execute_and_collect()  # rejected: assignment
    print(rows)


def async_map_of_another_element_type() -> None:
    async def fetch(url: str) -> bytes:
        return url.encode()

    ints.map_async(fetch)  # rejected: arg-type


def async_map_of_a_function_that_is_not_async() -> None:
    ints.map_async(double)  # rejected: arg-type


def partitioner_of_another_element_type() -> None:
    ints.partition_custom(lambda word, instances: len(word) % instances)  # rejected: arg-type


def partitioner_that_returns_no_number() -> None:
    def where(word: str, instances: int) -> str:
        return word

    words.partition_custom(where)  # rejected: arg-type
