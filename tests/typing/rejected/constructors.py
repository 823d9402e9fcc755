"""The constructor arguments of a function class are wrong or missing."""

from shared import Add, Count, IsLong, Keep, env, ints, words


def map_class_with_an_argument_of_a_wrong_type() -> None:
    ints.map(Add, "1")  # rejected: call-overload


def map_class_without_its_argument() -> None:
    ints.map(Add)  # rejected: type-var


def map_class_with_too_many_arguments() -> None:
    ints.map(Add, 1, 2)  # rejected: call-overload


def map_class_with_an_unknown_keyword() -> None:
    ints.map(Add, amount=1)  # rejected: call-overload


def filter_class_with_an_argument_of_a_wrong_type() -> None:
    words.filter(IsLong, least="3")  # rejected: call-overload


def sink_class_without_its_argument() -> None:
    words.sink(Keep)  # rejected: arg-type


def source_class_with_an_argument_of_a_wrong_type() -> None:
    env.from_source(Count, "ten")  # rejected: call-overload


def service_class_with_an_argument_of_a_wrong_type() -> None:
    class Memory:
        def __init__(self, size: int) -> None:
            self.size = size

    env.register_service("memory", Memory, size="large")  # rejected: arg-type


def step_option_of_a_wrong_type() -> None:
    ints.map(lambda number: number, parallelism="two")  # rejected: call-overload


def unknown_strategy_of_keyby() -> None:
    words.keyby(len, strategy="random")  # rejected: call-overload
